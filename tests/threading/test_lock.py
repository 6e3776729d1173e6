"""Lock, and what RLock shares with it: one holder at a time."""

import _thread
import contextlib
import os
import re
import signal
import threading as stock
import time

import pytest
from ropewalk import threading

from tests.threads import Running, asleep, eventually

ORIGINALS = {threading.Lock: _thread.allocate_lock, threading.RLock: _thread.RLock}
both = pytest.mark.parametrize("kind", list(ORIGINALS), ids=["Lock", "RLock"])
OLD_NAMES = {"acquire_lock": "acquire", "release_lock": "release", "locked_lock": "locked"}


def neutral(text):
    return re.sub(r"0x[0-9a-f]+", "...", text)


def outcome(function, *args, **kwargs):
    """What a call gives: its result, or the class and the words of its exception."""
    try:
        return function(*args, **kwargs)
    except Exception as error:
        return type(error), neutral(str(error))


@contextlib.contextmanager
def held(lock):
    """The lock is held by another thread within the block."""
    taken, leave = stock.Event(), stock.Event()

    def hold():
        with lock:
            taken.set()
            leave.wait(120)

    with Running(hold):
        assert taken.wait(120)
        try:
            yield
        finally:
            leave.set()


@contextlib.contextmanager
def handler(function):
    """``function`` runs when SIGUSR1 comes."""
    before = signal.signal(signal.SIGUSR1, lambda *_: function())
    try:
        yield
    finally:
        signal.signal(signal.SIGUSR1, before)


def signal_main():
    signal.pthread_kill(stock.main_thread().ident, signal.SIGUSR1)


class Stop(Exception):
    """What a handler raises."""


@both
def test_one_thread_takes_it_and_the_others_do_not(kind):
    lock = kind()
    assert lock.acquire() is True
    with Running(lambda: lock.acquire(False)) as running:
        pass
    assert running.results == [False]
    assert lock.release() is None


@both
def test_it_is_free_after_the_with_block_even_when_that_raised(kind):
    lock = kind()
    with contextlib.suppress(Stop), lock as entered:
        assert entered is True
        raise Stop
    with pytest.raises(RuntimeError):
        lock.release()


def test_release_of_a_free_lock_is_refused():
    with pytest.raises(RuntimeError, match="^release unlocked lock$"):
        threading.Lock().release()


def test_any_thread_may_release_a_plain_lock():
    lock = threading.Lock()
    lock.acquire()
    with Running(lock.release):
        pass
    assert not lock.locked()


def test_locked_says_whether_somebody_holds_it():
    lock = threading.Lock()
    assert lock.locked() is False
    with lock:
        assert lock.locked() is True
    assert lock.locked() is False


@pytest.mark.parametrize("old", OLD_NAMES)
def test_the_old_names_do_what_the_new_ones_do(old):
    lock, original = threading.Lock(), _thread.allocate_lock()
    assert outcome(getattr(lock, old)) == outcome(getattr(original, old))
    assert lock.locked() == original.locked()


CALLS = [
    ((), {}),
    ((True,), {}),
    ((False,), {}),
    ((0,), {}),
    ((1,), {}),
    ((2**70,), {}),
    (("",), {}),
    ((None,), {}),
    ((object(),), {}),
    ((True, -1), {}),
    ((True, -1.0), {}),
    ((True, 0), {}),
    ((True, 0.0), {}),
    ((True, 1.5), {}),
    ((True, True), {}),
    ((True, -2), {}),
    ((True, -0.5), {}),
    ((True, -1e-10), {}),
    ((True, 1e20), {}),
    ((True, float("inf")), {}),
    ((True, float("nan")), {}),
    ((True, 10**30), {}),
    ((True, -(10**30)), {}),
    ((True, threading.TIMEOUT_MAX), {}),
    ((True, threading.TIMEOUT_MAX + 1), {}),
    ((True, None), {}),
    ((True, "1"), {}),
    ((True, 1j), {}),
    ((False, -1), {}),
    ((False, 0), {}),
    ((False, 1), {}),
    ((False, -2), {}),
    ((False, float("nan")), {}),
    ((1, 2, 3), {}),
    ((True, 1), {"timeout": 1}),
    ((True,), {"blocking": True}),
    ((True,), {"timeout": 1}),
    ((), {"blocking": True, "timeout": 1}),
    ((), {"timeout": 1, "blocking": False}),
    ((), {"timeout": 0.5}),
    ((), {"blocking": 0}),
    ((), {"wrong": 1}),
    ((True,), {"wrong": 1}),
]


@both
@pytest.mark.parametrize(("args", "kwargs"), CALLS, ids=repr)
def test_acquire_takes_and_refuses_the_arguments_that_the_original_does(kind, args, kwargs):
    ours, original = kind(), ORIGINALS[kind]()
    assert outcome(ours.acquire, *args, **kwargs) == outcome(original.acquire, *args, **kwargs)
    assert outcome(ours.release) == outcome(original.release)


@both
def test_an_exception_from_a_flag_is_raised(kind):
    class Flag:
        def __bool__(self):
            raise Stop

    ours, original = kind(), ORIGINALS[kind]()
    assert outcome(ours.acquire, Flag())[0] is outcome(original.acquire, Flag())[0]
    assert outcome(ours.release) == outcome(original.release)


@both
@pytest.mark.parametrize(
    ("args", "kwargs"), [((False,), {}), ((0,), {}), ((), {"timeout": 0}), ((True, 0.0), {})], ids=repr
)
def test_acquire_that_must_not_wait_does_not(kind, args, kwargs):
    lock = kind()
    with held(lock):
        assert lock.acquire(*args, **kwargs) is False


@both
def test_a_timed_acquire_waits_as_long_as_it_was_told(kind):
    lock = kind()
    with held(lock):
        start = time.monotonic()
        assert lock.acquire(timeout=0.05) is False
        assert time.monotonic() - start >= 0.05
    assert lock.acquire(timeout=120) is True


@both
def test_release_wakes_a_sleeper(kind):
    lock = kind()

    def take():
        with lock:
            return "taken"

    with lock:
        running = Running(take, take, take).__enter__()
        eventually(lambda: all(map(asleep, running.threads)))
        assert running.results == []
    running.join()
    assert running.results == ["taken"] * 3


@both
def test_only_one_thread_at_a_time_is_inside(kind):
    lock, inside, seen = kind(), [], []

    def work():
        for _ in range(500):
            with lock:
                inside.append(1)
                seen.append(len(inside))
                inside.pop()

    with Running(*[work] * 6):
        pass
    assert set(seen) == {1}
    assert len(seen) == 3000


@both
def test_an_exception_of_a_signal_handler_ends_the_wait(kind):
    lock = kind()

    def stop():
        raise Stop

    def interrupt():
        eventually(lambda: asleep(stock.main_thread()))
        signal_main()

    with held(lock), handler(stop), Running(interrupt):
        with pytest.raises(Stop):
            lock.acquire()
    assert lock.acquire(False) is True


@both
def test_ctrl_c_ends_the_wait(kind):
    lock = kind()

    def interrupt():
        eventually(lambda: asleep(stock.main_thread()))
        signal.pthread_kill(stock.main_thread().ident, signal.SIGINT)

    with held(lock), Running(interrupt), pytest.raises(KeyboardInterrupt):
        lock.acquire(timeout=120)


@both
def test_a_signal_without_an_exception_does_not_end_the_wait(kind):
    lock, handled, leave = kind(), [], stock.Event()
    taken = stock.Event()

    def hold():
        with lock:
            taken.set()
            leave.wait(120)

    def storm():
        while len(handled) < 100:
            signal_main()  # it may be lost on one that is about to sleep
            time.sleep(0.0001)
        leave.set()

    with handler(lambda: handled.append(1)), Running(hold) as holder:
        assert taken.wait(120)
        with Running(storm):
            assert lock.acquire() is True
        holder.join()
    assert len(handled) >= 100
    lock.release()


@both
def test_a_storm_of_signals_does_not_make_a_timeout_shorter(kind):
    lock, done = kind(), stock.Event()

    def storm():
        while not done.is_set():
            signal_main()

    with held(lock), handler(lambda: None), Running(storm):
        start = time.monotonic()
        taken = lock.acquire(timeout=0.2)
        waited = time.monotonic() - start
        done.set()
    assert taken is False
    assert waited >= 0.2


@both
def test_the_child_of_a_fork_can_free_what_a_vanished_thread_held(kind):
    lock = kind()
    with held(lock):
        child = os.fork()
        if not child:
            try:
                lock._at_fork_reinit()
                free = lock.acquire(timeout=120)
                lock.release()
                os._exit(0 if free else 1)
            finally:
                os._exit(2)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
