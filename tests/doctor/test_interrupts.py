"""A signal that comes while a report is told ends the wait that is reported, as it would without the report."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

LONG = 120  # only a hang takes so long

#: Whoever writes to standard error says so on standard output, and comes to its end when the wait has.
SLOW = """
import multiprocessing, os, signal, sys, threading

class Slow:
    def write(self, text):
        os.write(1, b"telling ")
        over.wait()
        sys.__stderr__.write(text)
    def flush(self):
        sys.__stderr__.flush()

def main():
    try:
        wait()
    except (KeyboardInterrupt, LookupError) as error:
        print(type(error).__name__, flush=True)
    over.set()

over = threading.Event()
sys.stderr = Slow()
"""

#: Put behind it. Who handles a signal may wait for it with all threads: that is not reported.
HANDLER = """
def call(number, frame):
    raise LookupError

signal.signal(signal.SIGUSR1, call)
"""

WAITS = {
    "a lock that its holder takes again": """
def wait():
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()
""",
    "a lock of processes that its holder takes again": """
def wait():
    lock = multiprocessing.Lock()
    lock.acquire()
    lock.acquire()
""",
    "an event that nobody sets": """
def wait():
    threading.Event().wait()
""",
    "locks taken in two orders": """
from ropewalk import doctor
doctor.lock_order("site")

def wait():
    red = threading.Lock()
    blue = threading.Lock()
    with red, blue:
        pass
    with blue, red:
        pass
    threading.Event().wait()
""",
}


def told(directory: Path, program_text: str, number: int) -> tuple[str, str]:
    """What a program says whose main thread gets a signal while its wait is reported."""
    file = directory / "program.py"
    file.write_text(SLOW + program_text + "\nmain()\n")
    program = subprocess.Popen(
        [sys.executable, "-m", "ropewalk", str(file)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        heard = b""
        while not heard.endswith(b"telling "):
            assert select.select([program.stdout], [], [], LONG)[0], "nothing is reported"
            byte = os.read(program.stdout.fileno(), 1)
            assert byte, program.communicate()
            heard += byte
        program.send_signal(number)
        output, errors = program.communicate(timeout=LONG)
    finally:
        program.kill()
    assert program.returncode == 0, errors
    return output.decode(), errors.decode()


@pytest.mark.parametrize("wait", WAITS)
def test_ctrl_c_in_the_midst_of_a_report_ends_the_wait_and_the_report_is_told_all_the_same(tmp_path, wait):
    output, errors = told(tmp_path, WAITS[wait], signal.SIGINT)
    assert output == "KeyboardInterrupt\n"
    assert errors.count("DEADLOCK") + errors.count("LOCK ORDER") == 1, errors
    assert "Exception ignored" not in errors


@pytest.mark.parametrize("wait", [wait for wait in WAITS if "event" not in wait])
def test_what_another_handler_raises_in_the_midst_of_a_report_ends_the_wait_too(tmp_path, wait):
    output, errors = told(tmp_path, HANDLER + WAITS[wait], signal.SIGUSR1)
    assert output == "LookupError\n"
    assert "Exception ignored" not in errors
