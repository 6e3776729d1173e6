"""Possible deadlocks are reported once on standard error, and waited for."""

import pytest

from tests.doctor.programs import EAR, TRANSFER, run


def test_a_ring_of_plain_locks_is_reported_once_and_a_release_by_another_thread_ends_it(tmp_path):
    done = run(
        tmp_path,
        EAR
        + TRANSFER.format(kind="Lock")
        + """
reported("DEADLOCK (possible")
red.lock.release()
blue.lock.release()
""",
    )
    assert done.stderr.count("DEADLOCK (possible: another thread may still release a Lock)") == 1
    assert "transfer-1 --holds--> Lock" in done.stderr
    line = EAR.count("\n") + 11
    assert done.stderr.count(f"there source.lock, at program.py:{line} in move") == 2
    assert done.stdout.count("moved") == 2


def test_a_lock_that_its_holder_takes_again_is_reported(tmp_path):
    done = run(
        tmp_path,
        EAR
        + """
lock = threading.Lock()

def twice():
    lock.acquire()
    lock.acquire()

thread = threading.Thread(target=twice, name="forgetful")
thread.start()
reported("DEADLOCK (possible")
lock.release()
""",
    )
    assert done.stderr.count("forgetful waits for itself") == 1
    line = EAR.count("\n") + 5
    assert f"which it holds itself, since program.py:{line} in twice" in done.stderr
    assert "use an RLock" in done.stderr


def test_a_lock_used_as_a_signal_in_time_is_not_reported(tmp_path):
    # A slow machine may not be in time: then what was said does not count, and the program tries again.
    done = run(
        tmp_path,
        """
        import io, sys, threading, time
        waited = 1
        while waited > 0.19:
            sys.stderr = said = io.StringIO()
            lock = threading.Lock()
            lock.acquire()
            begin = time.monotonic()
            threading.Timer(0.05, lock.release).start()
            lock.acquire()
            waited = time.monotonic() - begin
        print(repr(said.getvalue()))
        """,
    )
    assert (done.stdout, done.stderr) == ("''\n", "")


EVERYONE = """
import queue, signal, threading
{before}
tasks = queue.Queue()

def produce():
    raise SystemExit  # without the end marker that the consumer waits for

def consume():
    while tasks.get() is not None:
        pass

consumer = threading.Thread(target=consume, name="consumer", daemon=True)
consumer.start()
producer = threading.Thread(target=produce)
producer.start()
producer.join()
try:
    consumer.join()
except KeyboardInterrupt:
    print("interrupted")
"""


def test_when_all_threads_wait_for_ever_that_is_reported(tmp_path):
    # The report is what ends the program: its own standard error.
    watch = """
import _thread, sys
class Ear:
    def write(self, text):
        sys.__stderr__.write(text)
        if "nobody is left" in text:
            _thread.interrupt_main()
            import os
            os.kill(os.getpid(), signal.SIGINT)
    def flush(self):
        pass
sys.stderr = Ear()
"""
    done = run(tmp_path, EVERYONE.format(before=watch))
    assert done.stdout == "interrupted\n"
    assert done.stderr.count("DEADLOCK: all 2 threads of this program wait without a timeout") == 1
    assert "consumer waits for Queue.get tasks" in done.stderr
    assert "MainThread waits for Thread consumer" in done.stderr
    assert "program.py" in done.stderr


def test_who_handles_a_signal_may_wait_for_it_with_all_threads(tmp_path):
    before = """
import os, ropewalk
def stop(number, frame):
    if not any(wait.name == "consumer" for wait in ropewalk.waits()):
        later()  # a slow machine: this thread does not join the consumer yet
        return
    raise KeyboardInterrupt
def later():
    os.spawnl(os.P_NOWAIT, "/bin/sh", "sh", "-c", f"sleep 0.8; kill -TERM {os.getpid()}")
signal.signal(signal.SIGTERM, stop)
later()
"""
    done = run(tmp_path, EVERYONE.format(before=before))
    assert done.stdout == "interrupted\n"
    assert done.stderr == ""


def test_a_thread_that_works_keeps_the_others_from_being_reported(tmp_path):
    done = run(
        tmp_path,
        """
        import threading, time
        done = threading.Event()
        def work():
            time.sleep(0.6)
            done.set()
        threading.Thread(target=work).start()
        done.wait()
        """,
    )
    assert done.stderr == ""


def test_a_program_that_cannot_end_says_why(tmp_path):
    done = run(
        tmp_path,
        """
        import _thread, os, queue, sys, threading
        class Ear:
            def write(self, text):
                sys.__stderr__.write(text)
                if "nobody is left" in text:
                    sys.__stderr__.flush()
                    os._exit(7)
            def flush(self):
                pass
        sys.stderr = Ear()
        threading.Thread(target=queue.Queue().get, name="stuck").start()
        """,
        code=7,
    )
    assert "stuck waits for Queue.get" in done.stderr


@pytest.mark.parametrize("mode", ["report", "off"])
def test_in_other_modes_a_certain_deadlock_is_not_raised(tmp_path, mode):
    done = run(
        tmp_path,
        EAR
        + TRANSFER.format(kind="RLock").replace("name=", "daemon=True, name=")
        + f"""
if {mode == "report"}:
    reported("DEADLOCK (certain)")
for thread in threads:
    thread.join(0.6)
    print(thread.is_alive())
""",
        ROPEWALK_DEADLOCK=mode,
    )
    assert done.stdout == "True\nTrue\n"
    assert done.stderr.count("DEADLOCK (certain)") == (mode == "report")
