"""Ctrl-C ends a program and all its processes, and it says so once."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from ropewalk import _ropewalk

PROGRAM = Path(__file__).resolve().parent / "programs" / "interrupted.py"


def interrupted(method, kind, daemon):
    """What the program wrote and how it ended; standard output is at its end when all its processes are."""
    program = subprocess.Popen(
        [sys.executable, str(PROGRAM), method, kind, daemon],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "ROPEWALK": "1"},
        start_new_session=True,
    )
    heard = b""
    while heard.count(b"begun ") < 4:
        byte = os.read(program.stdout.fileno(), 1)
        assert byte, heard
        heard += byte
    os.killpg(program.pid, signal.SIGINT)
    output, errors = program.communicate()
    return output.decode(), errors.decode(), program.returncode


@pytest.mark.parametrize("daemon", ["daemon", "plain"])
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_ctrl_c_ends_all_processes_with_one_traceback(method, daemon):
    output, errors, code = interrupted(method, "idle", daemon)
    assert (output, code) == ("", -signal.SIGINT)
    assert errors.count("Traceback (most recent call last)") == 1
    assert errors.endswith("KeyboardInterrupt\n")


def test_ctrl_c_while_the_wait_for_a_process_is_written_down_is_not_lost():
    # Called one after the other by functions in C: the interpreter looks for signals when both have been.
    steps = [partial(ctypes.pythonapi.PyErr_SetInterrupt), partial(_ropewalk.Joining, os.getppid())]
    with pytest.raises(KeyboardInterrupt):
        list(map(partial.__call__, steps))
        for _ in range(1000):  # here it looks
            pass


def test_a_child_may_tidy_up_first():
    output, errors, _code = interrupted("fork", "tidy", "plain")
    assert output.split() == ["tidied"] * 3
    assert errors.count("Traceback (most recent call last)") == 1


def _raise():
    raise KeyboardInterrupt


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_the_exit_code_is_the_originals(method):
    from ropewalk.multiprocessing import get_context

    process = get_context(method).Process(target=_raise)
    process.start()
    process.join()
    assert process.exitcode == 1
    process.close()
