"""`kill -QUIT`: every thread with its stack, and who waits for whom; the program goes on."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from tests.cli.place import INSIDE, RUNNER, STOCK, WATCHDOG, Place, environment

# Says when it is ready, and ends when it is told to.
PARKED = """\
import sys, threading
lock, done = threading.Lock(), threading.Event()
lock.acquire()
def wants_the_lock():
    lock.acquire()
parked = threading.Thread(target=wants_the_lock, name="wanting", daemon=True)
parked.start()
def listens():
    sys.stdin.readline()
    done.set()
threading.Thread(target=listens, name="listening").start()
print("ready", flush=True)
def waits_here():
    {wait}
waits_here()
print("done", flush=True)
"""
END = "\nropewalk: end of report\n"
WANTING = "\n  wanting waits for Lock lock of MainThread for "
WAITS = {
    "event": "done.wait()",
    "timed event": "done.wait(100)",
    "queue": "import queue, _thread\n    q = queue.Queue()\n"
    "    _thread.start_new_thread(lambda: (done.wait(), q.put(1)), ())\n    q.get()",
    "join": "[t for t in threading.enumerate() if t.name == 'listening'][0].join()",
    "sleep": "import time\n    while not done.is_set(): time.sleep(0.01)",
    "busy": "while not done.is_set(): pass",
}


class Process:
    """A program that has said that it is ready."""

    def __init__(self, place: Place, command: list[str], program: str) -> None:
        place.put("program.py", program)
        self.popen = subprocess.Popen(
            [*command, "program.py"],
            cwd=place.folder,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
        )
        assert self.popen.stdout is not None
        assert self.popen.stderr is not None
        self.stdout, self.stderr = self.popen.stdout.fileno(), self.popen.stderr.fileno()
        self.deadline = time.monotonic() + WATCHDOG
        self.read(self.stdout, "ready\n", ask=False)

    def read(self, stream: int, end: str, ask: bool = True) -> str:
        """Send SIGQUIT, if `ask`, and read up to `end`.

        Asks again after a second of silence: a signal that comes between the main thread's last look and its sleep
        is seen at the next one. That is so under python too.
        """
        shown = ""
        if ask:
            self.popen.send_signal(signal.SIGQUIT)
        while not shown.endswith(end):
            if select.select([stream], [], [], 1)[0]:
                more = os.read(stream, 1)
                assert more, f"the program ended: {shown}"
                shown += more.decode(errors="replace")
            else:
                assert time.monotonic() < self.deadline, f"the program does not answer: {shown}"
                if ask:
                    self.popen.send_signal(signal.SIGQUIT)
        return shown

    def report(self, *lines: str) -> str:
        """A report that has all `lines`: the program may not be there yet when it is first asked."""
        while True:
            report = self.read(self.stderr, END)
            if all(line in report for line in lines):
                return report

    def close(self) -> None:
        self.popen.kill()
        self.popen.communicate()

    def end(self) -> tuple[str, str, int]:
        """What it printed since, without further reports, and its exit code."""
        output, errors = self.popen.communicate(b"\n", WATCHDOG)
        return output.decode(), errors.decode().rpartition(END)[2], self.popen.returncode


Start = Callable[[list[str], str], Process]


@pytest.fixture
def start(place: Place) -> Iterator[Start]:
    started: list[Process] = []

    def start(command: list[str], program: str) -> Process:
        started.append(Process(place, command, program))
        return started[-1]

    yield start
    for process in started:
        process.close()


@pytest.mark.parametrize("wait", WAITS.values(), ids=WAITS)
def test_every_thread_is_shown_and_the_wait_goes_on(start: Start, wait: str) -> None:
    process = start(RUNNER, PARKED.format(wait=wait))
    for _ in range(3):
        report = process.report("in waits_here\n", "in wants_the_lock\n    lock.acquire()\n", WANTING)
        assert report.startswith(f"ropewalk: process {process.popen.pid}, threads: ")
        assert "Thread MainThread (" in report
        assert "Thread wanting (" in report
        assert "daemon), most recent call last:" in report
        assert "Thread listening (" in report
        assert "quit_signal" not in report
    assert process.end() == ("done\n", "", 0)


def test_it_is_answered_inside_an_interpreter_that_stays(start: Start) -> None:
    process = start(INSIDE, PARKED.format(wait="done.wait()"))
    process.report("in waits_here\n", WANTING)
    assert process.end() == ("done\n", "", 0)


def test_a_program_without_threads_is_shown_without_importing_threading(start: Start) -> None:
    program = """\
import sys
print("ready", flush=True)
sys.stdin.readline()
print("threading" in sys.modules, "queue" in sys.modules)
"""
    process = start(RUNNER, program)
    assert ", threads: 1\n" in process.report()
    assert process.end() == ("False False\n", "", 0)


def test_an_answer_of_the_program_wins(start: Start) -> None:
    program = """\
import os, signal, sys
signal.signal(signal.SIGQUIT, lambda *_: os.write(1, b"mine\\n"))
print("ready", flush=True)
sys.stdin.readline()
"""
    process = start(RUNNER, program)
    assert process.read(process.stdout, "mine\n") == "mine\n"
    assert process.end()[1:] == ("", 0)


DISPOSITIONS = """\
import signal, subprocess, sys
print(signal.getsignal(signal.SIGQUIT))
sys.stdout.flush()
subprocess.run(["sh", "-c", "kill -QUIT $$; echo survived"])
"""
IGNORES = """
import os, signal, sys
signal.signal(signal.SIGQUIT, signal.SIG_IGN)
os.execv(sys.executable, sys.argv[1:])
"""


def test_a_signal_that_is_ignored_stays_ignored(place: Place) -> None:
    place.put("ignores.py", IGNORES)
    shown = place.run([*STOCK, "ignores.py", *RUNNER, "-c", DISPOSITIONS])
    assert shown.output == "1\nsurvived\n" if sys.version_info >= (3, 11) else "Handlers.SIG_IGN\nsurvived\n"


def test_children_that_are_not_python_get_the_default(place: Place) -> None:
    shown = place.run([*RUNNER, "-c", DISPOSITIONS])
    assert "survived" not in shown.output
