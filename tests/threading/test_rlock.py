"""RLock: a lock that its holder may take again. What it shares with Lock is in test_lock."""

import _thread
import gc
import signal
import sys
import threading as stock
import warnings
import weakref

import pytest
from ropewalk import threading

from tests.threading.test_lock import Stop, handler, held, neutral, outcome, signal_main
from tests.threads import Running, asleep, eventually


def in_another_thread(function):
    with Running(function) as running:
        pass
    return running.results[0]


def test_its_holder_takes_it_again_and_releases_it_as_often():
    lock = threading.RLock()
    for _ in range(3):
        assert lock.acquire() is True
    for _ in range(2):
        lock.release()
        assert in_another_thread(lambda: lock.acquire(False)) is False
    lock.release()
    assert in_another_thread(lambda: lock.acquire(False)) is True


def test_it_is_taken_again_with_any_arguments():
    lock = threading.RLock()
    with lock, lock:
        assert lock.acquire(False) is True
        assert lock.acquire(timeout=1) is True
        assert lock.acquire(True, -1) is True
        assert repr(lock).startswith(f"<locked _thread.RLock object owner={stock.get_ident()} count=5 at ")


def test_only_its_holder_releases_it():
    lock = threading.RLock()
    refusal = (RuntimeError, "cannot release un-acquired lock")
    assert outcome(lock.release) == refusal
    assert outcome(lock.__exit__, None, None, None) == refusal
    assert outcome(lock._release_save) == refusal
    with held(lock):
        assert outcome(lock.release) == refusal


def test_it_knows_whether_the_caller_holds_it():
    lock = threading.RLock()
    assert lock._is_owned() is False
    with lock:
        assert lock._is_owned() is True
        assert in_another_thread(lock._is_owned) is False


@pytest.mark.skipif(not hasattr(_thread.RLock, "_recursion_count"), reason="the original has none")
def test_it_counts_for_its_holder_only():
    lock = threading.RLock()
    assert lock._recursion_count() == 0
    with lock, lock:
        assert lock._recursion_count() == 2
        assert in_another_thread(lock._recursion_count) == 0


def test_it_is_given_up_altogether_and_taken_back_as_often():
    lock = threading.RLock()
    with lock, lock:
        state = lock._release_save()
        assert state == (2, stock.get_ident())
        assert in_another_thread(lambda: lock.acquire(False)) is True
        lock._at_fork_reinit()
        assert lock._acquire_restore(state) is None
        assert " count=2 " in repr(lock)
    assert outcome(lock.release)[0] is RuntimeError


@pytest.mark.parametrize("state", [5, (1, 2, 3), ("a", 2), (1,)], ids=repr)
def test_a_wrong_state_is_refused_in_the_originals_words(state):
    ours, original = threading.RLock(), _thread.RLock()
    assert outcome(ours._acquire_restore, state) == outcome(original._acquire_restore, state)


def test_an_exception_while_it_is_taken_back_comes_after_it_is_held():
    lock, handled = threading.RLock(), []

    def stop():
        handled.append(1)
        raise Stop

    taken, leave = stock.Event(), stock.Event()

    def hold():
        with lock:
            taken.set()
            leave.wait(120)

    def interrupt():
        eventually(lambda: asleep(stock.main_thread()))
        signal_main()
        leave.set()

    with handler(stop), Running(hold) as holder:
        assert taken.wait(120)
        with Running(interrupt):
            with pytest.raises(Stop):
                lock._acquire_restore((2, stock.get_ident()))
                eventually(lambda: handled)
        assert lock._is_owned()
        holder.join()
    lock.release()
    lock.release()
    assert outcome(lock.release)[0] is RuntimeError


def test_it_has_subclasses_with_attributes_and_constructors_of_their_own():
    class Named(type(threading.RLock())):
        def __init__(self, name, *, number):
            self.name, self.number = name, number

    lock = Named("a", number=2)
    assert (lock.name, lock.number) == ("a", 2)
    assert isinstance(lock, type(threading.RLock()))
    assert not isinstance(threading.RLock(), Named)
    assert not isinstance(_thread.RLock(), Named)
    with lock, lock:
        assert lock._is_owned()
        assert neutral(repr(lock)) == f"<locked Named object owner={stock.get_ident()} count=2 at ...>"
    assert outcome(lock.__exit__)[0] is RuntimeError


def test_a_subclass_in_a_cycle_is_collected():
    class Cyclic(type(threading.RLock())):
        pass

    lock = Cyclic()
    lock.me, lock.leave = lock, lock.__exit__
    reference = weakref.ref(lock)
    del lock
    gc.collect()
    assert reference() is None


def test_arguments_are_taken_as_the_original_takes_them():
    def made(kind, *args, **kwargs):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            lock = kind(*args, **kwargs)
        return neutral(repr(lock)), [(w.category, str(w.message), w.filename) for w in caught]

    original = sys.modules["threading"].RLock
    for args, kwargs in [((), {}), ((1, 2), {}), ((), {"a": 1})]:
        assert made(threading.RLock, *args, **kwargs) == made(original, *args, **kwargs)


def test_a_signal_handler_may_take_what_the_main_thread_holds():
    lock, taken = threading.RLock(), []

    def take():
        with lock:
            taken.append(1)

    with handler(take), lock:
        for count in range(1, 1001):
            signal.raise_signal(signal.SIGUSR1)
            eventually(lambda: len(taken) == count)
        assert " count=1 " in repr(lock)
