"""ropewalk.deadlock, ROPEWALK_DEADLOCK, ropewalk.waits()."""

import os
import select
import signal
import subprocess
import sys
import time

import pytest
import ropewalk
from ropewalk.threading import Condition, Event, Lock, Semaphore

from tests.doctor.programs import run
from tests.threads import Running, asleep, eventually


@pytest.fixture(autouse=True)
def mode():
    before = ropewalk.deadlock
    yield
    ropewalk.deadlock = before


def test_raise_is_the_mode_and_it_can_be_changed():
    assert ropewalk.deadlock == "raise"
    for mode in ("report", "off", "raise"):
        ropewalk.deadlock = mode
        assert ropewalk.deadlock == mode


def test_other_modes_are_refused():
    with pytest.raises(ValueError, match="'raise', 'report' or 'off', not \"loud\""):
        ropewalk.deadlock = "loud"
    with pytest.raises(TypeError):
        ropewalk.deadlock = None
    assert ropewalk.deadlock == "raise"


def test_the_environment_sets_the_mode_and_a_wrong_value_is_ignored_with_a_warning(tmp_path):
    program = "import ropewalk; print(ropewalk.deadlock)"
    assert run(tmp_path, program, ROPEWALK_DEADLOCK="off").stdout == "off\n"
    done = run(tmp_path, program, ROPEWALK_DEADLOCK="maybe")
    assert done.stdout == "raise\n"
    assert "ROPEWALK_DEADLOCK is ignored" in done.stderr


def test_waits_tells_who_waits_for_what_since_when():
    lock, event = Lock(), Event()
    lock.acquire()
    begin = time.monotonic()

    def for_lock():
        lock.acquire()

    def for_event():
        event.wait(120)

    with Running(for_lock, for_event) as running:
        eventually(lambda: len(ropewalk.waits()) == 2)
        waits = {wait.what: wait for wait in ropewalk.waits()}
        ours, theirs = waits["Lock"], waits["Event"]
        assert ours.ident == running.threads[0].ident
        assert ours.thread == running.threads[0].name
        assert ours.name == "lock"
        assert ours.owners == ["MainThread"]
        assert not ours.timed
        assert 0 <= ours.seconds <= time.monotonic() - begin
        assert ours.stack[0].function == "for_lock"
        assert ours.taken.function == "test_waits_tells_who_waits_for_what_since_when"
        assert theirs.name == "event"
        assert theirs.timed
        assert theirs.owners == []
        event.set()
        lock.release()
    assert ropewalk.waits() == []


def test_off_registers_nothing():
    ropewalk.deadlock = "off"
    semaphore = Semaphore(0)
    with Running(semaphore.acquire) as running:
        eventually(lambda: asleep(running.threads[0]))
        assert ropewalk.waits() == []
        semaphore.release()


def test_waits_does_not_run_the_programs_code():
    class Holder:
        @property
        def lock(self):
            raise AssertionError("a report looked")

    holder, lock = Holder(), Lock()
    lock.acquire()

    def wait():
        with lock:
            return holder

    with Running(wait):
        eventually(lambda: len(ropewalk.waits()) == 1)
        assert ropewalk.waits()[0].name == "lock"
        lock.release()


def test_a_forked_child_knows_nothing_of_its_parents_waits():
    condition, lock = Condition(), Lock()
    lock.acquire()

    def waiter():
        with condition:
            condition.wait()

    with Running(waiter, lock.acquire):
        eventually(lambda: len(ropewalk.waits()) == 2)
        for _ in range(20):
            child = os.fork()
            if child == 0:
                code = 1
                try:
                    fresh = Lock()
                    fresh.acquire()
                    assert not fresh.acquire(timeout=0.001)
                    code = len(ropewalk.waits())
                finally:
                    os._exit(code)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert len(ropewalk.waits()) == 2
        lock.release()
        with condition:
            condition.notify()


def test_kill_quit_prints_the_waits(tmp_path):
    file = tmp_path / "program.py"
    file.write_text(
        "import threading\n"
        "lock = threading.Lock()\n"
        "lock.acquire()\n"
        "threading.Thread(target=lambda: lock.acquire(), name='helper', daemon=True).start()\n"
        "event = threading.Event()\n"
        "print('ready', flush=True)\n"
        "event.wait()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-m", "ropewalk", file], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout.readline() == "ready\n"
            text = ""
            deadline = time.monotonic() + 300
            expected = ["MainThread waits for Event event", "helper waits for Lock lock of MainThread"]
            while not all(line in text for line in expected):
                assert time.monotonic() < deadline, text
                # Again and again: a signal that comes just before the main thread sleeps is seen at the next one.
                process.send_signal(signal.SIGQUIT)
                if select.select([process.stderr], [], [], 1)[0]:
                    text += os.read(process.stderr.fileno(), 65536).decode()
        finally:
            process.kill()
