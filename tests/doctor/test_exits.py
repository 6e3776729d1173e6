"""An interpreter that ends amid deadlocks, raised and reported, ends as any other."""

import os

import pytest

from tests.doctor.programs import run

EXITS = 100 if os.environ.get("ROPEWALK_TEST_FULL") else 8

PROGRAM = """
import sys, threading, time
kind = threading.{kind}

def deadlock(first, second, meet):
    while True:
        try:
            with first:
                meet.wait(5) if kind is threading.Lock else time.sleep(0)
                with second:
                    pass
        except RuntimeError:
            pass

for _ in range(4):
    a, b, meet = kind(), kind(), threading.Barrier(2)
    for order in ((a, b), (b, a)):
        threading.Thread(target=deadlock, args=(*order, meet), daemon=True).start()
time.sleep({seconds})
"""


@pytest.mark.parametrize("kind", ["Lock", "RLock"])
def test_an_exit_while_daemon_threads_raise_and_report_deadlocks_crashes_nothing(tmp_path, kind):
    for turn in range(EXITS):
        # Reports come after 0.2 s: the end comes shortly before, meanwhile and after.
        run(tmp_path, PROGRAM.format(kind=kind, seconds=0.19 + turn % 8 * 0.005))


# The interpreter's own locks, of which the doctor knows nothing: there is one report.
TOLD = """
import _thread, atexit, sys, threading, time

class Ear:
    def write(self, text):
        begun.release()
        {meanwhile}
        sys.__stderr__.write(text)
    def flush(self):
        pass

def twice():
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()

begun, leaving = _thread.allocate_lock(), _thread.allocate_lock()
begun.acquire(), leaving.acquire()
sys.stderr = Ear()
threading.Thread(target=twice, name="forgetful", daemon=True).start()
begun.acquire()
atexit.register(leaving.release)
"""


def test_a_report_that_has_begun_is_told_to_its_end_before_the_interpreter_ends(tmp_path):
    # The interpreter could end at any of these sleeps, and the imports before the one behind them.
    slow = "leaving.acquire(); [time.sleep(0.005) for _ in range(20)]; import colorsys"
    done = run(tmp_path, TOLD.format(meanwhile=slow))
    assert done.stderr.count("forgetful waits for itself") == 1


def test_a_report_that_cannot_be_told_does_not_hold_up_the_exit_for_ever(tmp_path):
    assert run(tmp_path, TOLD.format(meanwhile="leaving.acquire(); leaving.acquire()")).stderr == ""
