"""ropewalk.ordered: any number of locks in one order, an order violation refused."""

import threading

import pytest
import ropewalk
from ropewalk.threading import Condition, Lock, RLock

from tests.threads import Running


def sorted_locks(count, kind=Lock):
    return sorted((kind() for _ in range(count)), key=id)


def test_threads_that_name_locks_in_different_orders_never_hang():
    locks = [Lock() for _ in range(4)]
    count = [0]

    def work(turn):
        for _ in range(500):
            with ropewalk.ordered(*locks[turn:], *locks[:turn]):
                assert all(lock.locked() for lock in locks)
                count[0] += 1

    with Running(*(lambda turn=turn: work(turn) for turn in range(4))):
        pass
    assert count == [2000]
    assert not any(lock.locked() for lock in locks)


def test_more_locks_may_be_taken_only_further_up():
    low, high = sorted_locks(2)
    with ropewalk.ordered(low), ropewalk.ordered(high):
        assert low.locked() and high.locked()
    with (
        ropewalk.ordered(high),
        pytest.raises(ropewalk.LockOrderError, match=r"(?s)asked for at .*:\d+, .*since .*:\d+"),
        ropewalk.ordered(low),
    ):
        raise AssertionError("not reached")
    assert not low.locked() and not high.locked()
    with ropewalk.ordered(low):
        pass


def test_a_lock_of_the_set_held_already_counts():
    low, high = sorted_locks(2)
    with high, pytest.raises(ropewalk.LockOrderError):
        ropewalk.ordered(low, high).__enter__()
    with low, pytest.raises(ropewalk.LockOrderError, match="already held"):
        ropewalk.ordered(low, high).__enter__()
    assert not low.locked() and not high.locked()


def test_a_reentrant_lock_may_be_taken_again():
    lock = RLock()
    both = ropewalk.ordered(lock, lock)
    with both, both:
        assert "count=2" in repr(lock)
    assert not lock._is_owned()


def test_one_object_serves_many_threads():
    locks = [RLock() for _ in range(3)]
    all_of_them = ropewalk.ordered(*locks)
    count = [0]

    def work():
        for _ in range(300):
            with all_of_them:
                count[0] += 1

    with Running(work, work, work):
        pass
    assert count == [900]


def test_an_exception_in_the_block_or_in_taking_gives_all_back():
    low, high = sorted_locks(2)
    with pytest.raises(ZeroDivisionError), ropewalk.ordered(high, low):
        raise ZeroDivisionError
    assert not low.locked() and not high.locked()

    class Broken:
        def acquire(self):
            raise OSError("broken")

        def release(self):
            raise AssertionError("it was never taken")

    with pytest.raises(OSError, match="broken"):
        ropewalk.ordered(low, high, Broken()).__enter__()
    assert not low.locked() and not high.locked()
    with ropewalk.ordered(low):
        pass


def test_foreign_locks_and_conditions_are_locks_too():
    stock, condition = threading._allocate_lock(), Condition()
    with ropewalk.ordered(stock, condition):
        assert stock.locked() and condition._is_owned()
    assert not stock.locked()


def test_no_locks_are_no_trouble_and_no_lock_is():
    with ropewalk.ordered():
        pass
    with pytest.raises(TypeError, match="not a lock"):
        ropewalk.ordered(Lock(), 7)
