"""Condition: wait, with a lock given back meanwhile, until notified."""

import _thread
import collections
import gc
import os
import signal
import threading as stock
import time
import weakref
from typing import ClassVar

import pytest
from ropewalk import original, threading

from tests.threading.test_lock import Stop, handler, neutral, outcome, signal_main
from tests.threads import Running, asleep, eventually


class Foreign:
    """A lock of the program's own, which keeps a record of its calls."""

    def __init__(self):
        self.lock, self.calls = _thread.allocate_lock(), []

    def acquire(self, *args):
        self.calls.append("acquire")
        return self.lock.acquire(*args)

    def release(self):
        self.calls.append("release")
        self.lock.release()

    def locked(self):
        return self.lock.locked()

    def __enter__(self):
        return self.acquire()

    def __exit__(self, *error):
        self.release()


class Sub(type(threading.RLock())):
    """A subclass may do anything: the condition calls its methods."""


#: What a condition can stand over; only over the first three does the engine run it.
LOCKS = {
    "default": lambda: None,
    "Lock": threading.Lock,
    "RLock": threading.RLock,
    "interpreter's Lock": _thread.allocate_lock,
    "interpreter's RLock": _thread.RLock,
    "subclass of RLock": Sub,
    "foreign": Foreign,
}
over_any = pytest.mark.parametrize("make", LOCKS.values(), ids=LOCKS)
over_ours = pytest.mark.parametrize("make", list(LOCKS.values())[:3], ids=list(LOCKS)[:3])


def waiting(condition, count):
    """Until so many threads wait and have given the lock back."""

    def there():
        with condition:
            return len(condition._waiters) == count

    eventually(there)


def waiter(condition, record):
    def wait():
        with condition:
            record.append(condition.wait(120))

    return wait


@over_any
def test_notify_wakes_as_many_as_it_is_told_and_notify_all_the_rest(make):
    condition, record = threading.Condition(make()), []
    with Running(*[waiter(condition, record)] * 6):
        waiting(condition, 6)
        with condition:
            condition.notify()
        eventually(lambda: len(record) == 1)
        waiting(condition, 5)
        with condition:
            condition.notify(2)
        eventually(lambda: len(record) == 3)
        waiting(condition, 3)
        with condition:
            assert condition.notify_all() is None
    assert record == [True] * 6


@over_any
def test_notify_without_a_waiter_is_forgotten(make):
    condition = threading.Condition(make())
    with condition:
        condition.notify()
        condition.notify(0)
        condition.notify(-1)
        condition.notify_all()
        assert condition.wait(0) is False


@over_any
def test_without_the_lock_it_neither_waits_nor_notifies(make):
    condition = threading.Condition(make())
    for function, verb in [
        (condition.wait, "wait"),
        (condition.notify, "notify"),
        (condition.notify_all, "notify"),
    ]:
        assert outcome(function) == (RuntimeError, f"cannot {verb} on un-acquired lock")


@over_any
@pytest.mark.parametrize("timeout", [0, -1, 0.01, 0.05])
def test_a_timed_wait_ends_in_its_time_with_the_lock_held(make, timeout):
    condition = threading.Condition(make())
    with condition:
        start = time.monotonic()
        assert condition.wait(timeout) is False
        assert time.monotonic() - start >= timeout
        assert condition._is_owned()
        assert len(condition._waiters) == 0
    with condition:
        pass


@over_any
def test_the_lock_is_free_while_it_waits_and_held_afterwards(make):
    condition, order = threading.Condition(make()), []

    def wait():
        with condition:
            order.append("waits")
            condition.wait()
            order.append("holds again")

    with Running(wait):
        waiting(condition, 1)
        with condition:
            condition.notify()
            order.append("notified")
    assert order == ["waits", "notified", "holds again"]


def test_a_reentrant_lock_is_given_back_altogether_and_held_as_often_afterwards():
    condition, depth = threading.Condition(), []

    def wait():
        with condition, condition, condition:
            condition.wait()
            depth.append(repr(condition._lock).split("count=")[1].split()[0])

    with Running(wait):
        waiting(condition, 1)
        with condition:
            condition.notify()
    assert depth == ["3"]


@over_any
def test_wait_for_waits_for_its_predicate(make):
    condition, state = threading.Condition(make()), []

    def wait():
        with condition:
            return condition.wait_for(lambda: len(state) >= 3 and "enough", timeout=120)

    with Running(wait) as running:
        for item in range(3):
            waiting(condition, 1)
            with condition:
                state.append(item)
                condition.notify_all()
    assert running.results == ["enough"]
    with condition:
        assert condition.wait_for(lambda: 0, timeout=0.01) == 0


@over_any
def test_two_conditions_over_one_lock_are_woken_apart(make):
    lock = make() or threading.RLock()
    one, other = threading.Condition(lock), threading.Condition(lock)
    ones, others = [], []
    with Running(waiter(one, ones), waiter(other, others)):
        waiting(one, 1)
        waiting(other, 1)
        with lock:
            other.notify_all()
        eventually(lambda: others == [True])
        assert ones == []
        with one:
            one.notify()
    assert ones == [True]


@over_any
def test_waiters_are_woken_in_the_order_in_which_they_came(make):
    condition, order = threading.Condition(make()), []

    def wait(number):
        def run():
            with condition:
                condition.wait()
                order.append(number)

        return run

    running = [Running(wait(number)) for number in range(5)]
    for count, one in enumerate(running, 1):
        one.__enter__()
        waiting(condition, count)
    for count in range(1, 6):
        with condition:
            condition.notify()
        eventually(lambda: len(order) == count)
    for one in running:
        one.join()
    assert order == [0, 1, 2, 3, 4]


@over_any
def test_threads_take_turns(make):
    condition, turn, order = threading.Condition(make()), [0], []

    def play(me):
        def run():
            for _ in range(100):
                with condition:
                    while turn[0] != me:
                        condition.wait()
                    order.append(me)
                    turn[0] = 1 - me
                    condition.notify()

        return run

    with Running(play(0), play(1)):
        pass
    assert order == [0, 1] * 100


@over_any
def test_it_is_taken_and_given_back_like_its_lock(make):
    condition = threading.Condition(make())
    assert condition.acquire() in (True, None)
    assert condition._is_owned()
    condition.release()
    assert condition.acquire(False) is True
    with Running(lambda: condition.acquire(False)) as running:
        pass
    assert running.results == [False]
    condition.release()
    assert outcome(condition.release)[0] is RuntimeError
    condition.__enter__()
    condition.__exit__(None, None, None)


@over_ours
def test_acquire_has_the_parameters_of_the_lock(make):
    condition = threading.Condition(make())
    assert condition.acquire(timeout=1) is True
    condition.release()
    assert outcome(condition.acquire, False, 1) == (
        ValueError,
        "can't specify a timeout for a non-blocking call",
    )


@over_any
def test_an_exception_of_a_signal_handler_ends_the_wait_with_the_lock_held(make):
    condition = threading.Condition(make())

    def stop():
        raise Stop

    def interrupt():
        waiting(condition, 1)
        eventually(lambda: asleep(stock.main_thread()))
        signal_main()

    with handler(stop), Running(interrupt):
        with condition:
            with pytest.raises(Stop):
                condition.wait()
            assert condition._is_owned()
            assert len(condition._waiters) == 0
    assert outcome(condition.release)[0] is RuntimeError


def test_an_exception_while_the_reentrant_lock_is_taken_back_comes_after_it_is_held():
    condition, handled = threading.Condition(), []

    def stop():
        handled.append(1)
        raise Stop

    def interrupt():
        waiting(condition, 1)
        eventually(lambda: asleep(stock.main_thread()))
        with condition:
            condition.notify()
            signal_main()
            eventually(lambda: handled)  # the main thread ran it, and goes on waiting for the lock

    with handler(stop), Running(interrupt):
        with condition, condition:
            with pytest.raises(Stop):
                condition.wait()
            assert condition._is_owned()
            assert " count=2 " in repr(condition._lock)


def test_a_storm_of_signals_does_not_make_a_timeout_shorter():
    condition, done = threading.Condition(), stock.Event()

    def storm():
        while not done.is_set():
            signal.pthread_kill(stock.main_thread().ident, signal.SIGUSR1)

    with handler(lambda: None), condition, Running(storm):
        start = time.monotonic()
        notified = condition.wait(0.2)
        waited = time.monotonic() - start
        done.set()
    assert notified is False
    assert waited >= 0.2


def test_a_signal_handler_may_notify_what_the_main_thread_waits_for():
    condition = threading.Condition()

    def notify():
        with condition:
            condition.notify()

    def interrupt():
        waiting(condition, 1)
        eventually(lambda: asleep(stock.main_thread()))
        signal_main()

    with handler(notify), Running(interrupt), condition:
        assert condition.wait(120) is True


def test_the_child_of_a_fork_starts_with_a_free_lock_and_without_waiters():
    condition, record = threading.Condition(), []
    with Running(waiter(condition, record)):
        waiting(condition, 1)
        with condition:
            child = os.fork()
            if not child:
                try:
                    condition._at_fork_reinit()
                    fine = len(condition._waiters) == 0 and not condition._is_owned()
                    with condition:
                        condition.notify_all()
                        fine = fine and condition.wait(0.01) is False
                    os._exit(0 if fine else 1)
                finally:
                    os._exit(2)
            condition.notify_all()
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert record == [True]


@over_any
def test_its_repr_is_the_originals(make):
    lock = make() or threading.RLock()
    assert neutral(repr(threading.Condition(lock))) == neutral(f"<Condition({lock!r}, 0)>")


def test_the_default_lock_is_one_of_ours():
    assert type(threading.Condition()._lock) is type(threading.RLock())


@over_any
def test_it_shows_its_lock(make):
    lock = make()
    if lock is not None:
        assert threading.Condition(lock)._lock is lock


@pytest.mark.parametrize("name", LOCKS)
def test_locked_says_whether_anybody_holds_its_lock(name):
    if name in ("interpreter's RLock", "subclass of RLock") and not hasattr(LOCKS[name](), "locked"):
        pytest.skip("that lock does not tell, before 3.14")
    condition = threading.Condition(LOCKS[name]())
    assert condition.locked() is False
    with condition:
        assert condition.locked() is True
        with Running(condition.locked) as elsewhere:
            pass
    assert condition.locked() is False
    assert elsewhere.results == [True]


def test_the_engine_runs_it_over_our_locks_only():
    on_engine = {
        name for name, make in LOCKS.items() if not original.runs_original(threading.Condition(make()))
    }
    assert on_engine == {"default", "Lock", "RLock"}


def test_over_a_foreign_lock_it_calls_that_locks_methods():
    lock = Foreign()
    with threading.Condition(lock) as _:
        pass
    assert lock.calls == ["acquire", "release"]


def test_a_lock_that_is_none_is_refused():
    assert outcome(threading.Condition, object())[0] is AttributeError


@over_any
def test_it_is_an_instance_of_both_classes(make):
    condition = threading.Condition(make())
    assert isinstance(condition, threading.Condition)
    assert isinstance(condition, threading.Condition.__original__)
    assert isinstance(threading.Condition.__original__(), threading.Condition)


def test_a_subclass_may_override_wait_and_notify():
    class Counting(threading.Condition):
        def __init__(self):
            super().__init__(threading.Lock())
            self.counts = collections.Counter()

        def wait(self, timeout=None):
            self.counts["wait"] += 1
            return super().wait(timeout)

        def notify(self, n=1):
            self.counts["notify"] += 1
            super().notify(n)

    condition = Counting()
    assert not original.runs_original(condition)
    with condition:
        condition.notify()
        assert condition.wait_for(lambda: condition.counts["wait"] == 2, timeout=0.01) in (True, False)
    assert condition.counts["notify"] == 1
    assert condition.counts["wait"] >= 1


def test_a_subclass_that_overrides_what_the_lock_does_runs_the_original():
    class Loud(threading.Condition):
        calls: ClassVar[list] = []

        def _is_owned(self):
            self.calls.append("_is_owned")
            return True

    condition = Loud(Foreign())
    assert original.runs_original(condition)
    with condition:
        condition.notify()
    assert Loud.calls == ["_is_owned"]


def test_a_subclass_that_forgot_its_base_fails_as_with_the_original():
    class Forgetful(threading.Condition):
        def __init__(self):
            pass

    with pytest.raises(AttributeError, match="_lock"):
        Forgetful().__enter__()


def test_it_has_attributes_weak_references_and_is_collected():
    condition = threading.Condition(threading.Lock())
    condition.me = condition
    reference = weakref.ref(condition)
    del condition
    gc.collect()
    assert reference() is None


def test_notify_all_has_its_old_name():
    condition = threading.Condition()
    with condition, pytest.warns(DeprecationWarning, match="notify_all"):
        condition.notifyAll()
