"""How a program with pools ends: by Ctrl-C, by SIGKILL, in good order. Nothing is left.

Every process of the program has its standard output, so that is at its end when all of them have ended.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).resolve().parent / "programs" / "interrupted.py"


class Program:
    def __init__(self, *arguments):
        self.process = subprocess.Popen(
            [sys.executable, str(PROGRAM), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        heard = ""
        while heard.count("begun ") < 2:
            byte = os.read(self.process.stdout.fileno(), 1)
            assert byte, self.process.stderr.read().decode()
            heard += byte.decode()

    def ended(self):
        """Its errors, when the last of its processes has ended."""
        return self.process.communicate()[1].decode()


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize(
    ("kind", "how"),
    [("executor", "with"), ("executor", "bare"), ("executor", "wait"), ("pool", "with"), ("pool", "bare")],
)
def test_ctrl_c_ends_all_with_one_traceback(kind, how, method):
    program = Program(kind, how, method)
    os.killpg(program.process.pid, signal.SIGINT)
    errors = program.ended()
    assert errors.count("Traceback") == 1, errors
    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert program.process.returncode == -signal.SIGINT


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("kind", ["executor", "pool"])
def test_a_program_that_is_killed_leaves_no_worker(kind, method):
    program = Program(kind, "bare", method)
    program.process.kill()
    assert program.ended() == ""


def descriptors():
    return {
        os.readlink(f"/proc/self/fd/{it}")
        for it in os.listdir("/proc/self/fd")
        if os.path.lexists(f"/proc/self/fd/{it}")
    }


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_nothing_is_left_of_a_pool_that_has_ended(method):
    import gc
    import multiprocessing

    from ropewalk.concurrent.futures import ProcessPoolExecutor
    from ropewalk.multiprocessing.pool import Pool

    from tests.processes import tasks

    context = multiprocessing.get_context(method)

    def use():
        with ProcessPoolExecutor(2, context) as executor:
            assert list(executor.map(tasks.double, range(5))) == [0, 2, 4, 6, 8]
        with Pool(2, context=context) as pool:
            assert pool.map(tasks.double, range(5)) == [0, 2, 4, 6, 8]
        pool.join()

    use()
    gc.collect()
    before = descriptors()
    for _ in range(3):
        use()
    gc.collect()
    assert not multiprocessing.active_children()
    assert len(descriptors()) <= len(before)
