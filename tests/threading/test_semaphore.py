"""Semaphore and BoundedSemaphore: a number of permits."""

import pickle
import threading as stock

import pytest
from ropewalk import threading

from tests.threads import Running, asleep, eventually, switching_fast

KINDS = [threading.Semaphore, threading.BoundedSemaphore]
both = pytest.mark.parametrize("kind", KINDS)


@both
def test_it_starts_with_one_permit(kind):
    semaphore = kind()
    assert semaphore.acquire(False) is True
    assert semaphore.acquire(False) is False


@both
def test_an_initial_value_below_zero_is_refused(kind):
    with pytest.raises(ValueError, match="semaphore initial value must be >= 0"):
        kind(-1)


@both
def test_a_timeout_needs_blocking(kind):
    with pytest.raises(ValueError, match="can't specify timeout for non-blocking acquire"):
        kind().acquire(False, timeout=1)


@both
def test_flags_are_read_by_their_truth(kind):
    semaphore = kind(0)
    assert semaphore.acquire(0) is False
    assert semaphore.acquire("", None) is False


@both
def test_acquire_times_out(kind):
    assert kind(0).acquire(timeout=0.01) is False


@both
def test_release_wakes_a_sleeper(kind):
    semaphore = kind(1)
    semaphore.acquire()
    with Running(semaphore.acquire) as running:
        eventually(lambda: asleep(running.threads[0]))
        semaphore.release()
    assert running.results == [True]


def test_release_of_many_wakes_as_many():
    semaphore = threading.Semaphore(0)
    with Running(*[semaphore.acquire] * 5) as running:
        eventually(lambda: all(map(asleep, running.threads)))
        semaphore.release(3)
        eventually(lambda: len(running.results) == 3)
        semaphore.release(2)
    assert semaphore._value == 0


@both
def test_a_release_of_less_than_one_is_refused(kind):
    with pytest.raises(ValueError, match="n must be one or more"):
        kind().release(0)
    with pytest.raises(ValueError, match="n must be one or more"):
        kind().release(-3)


def test_a_bounded_semaphore_refuses_more_than_its_bound():
    semaphore = threading.BoundedSemaphore(3)
    for _ in range(3):
        semaphore.acquire()
    semaphore.release(2)
    with pytest.raises(ValueError, match="Semaphore released too many times"):
        semaphore.release(2)
    assert semaphore._value == 2
    semaphore.release()
    with pytest.raises(ValueError, match="Semaphore released too many times"):
        semaphore.release()


@both
def test_it_is_a_context_manager(kind):
    semaphore = kind(1)
    with semaphore as entered:
        assert entered is True
        assert semaphore.acquire(False) is False
    assert semaphore.acquire(False) is True


def test_permits_are_never_lost_nor_made_under_contention():
    semaphore = threading.Semaphore(3)
    inside = []
    most = []

    def work():
        for _ in range(500):
            with semaphore:
                inside.append(None)
                most.append(len(inside))
                inside.pop()

    with Running(*[work] * 8):
        pass
    assert max(most) <= 3
    assert semaphore._value == 3


@both
def test_repr_is_the_originals(kind):
    ours = kind(2)
    theirs = vars(kind)["__original__"](2)
    assert repr(ours).replace(hex(id(ours)), "") == repr(theirs).replace(hex(id(theirs)), "")


@both
def test_isinstance_holds_both_ways(kind):
    original = vars(kind)["__original__"]
    assert isinstance(kind(), original) and isinstance(original(), kind)
    assert isinstance(stock.BoundedSemaphore(), threading.Semaphore)


@both
def test_it_refuses_to_be_pickled_in_the_originals_words(kind):
    with pytest.raises(TypeError, match="cannot pickle '_thread.lock' object"):
        pickle.dumps(kind())


def test_the_private_value_can_be_set_while_threads_wait():
    semaphore = threading.Semaphore(0)
    with Running(semaphore.acquire) as running:
        eventually(lambda: asleep(running.threads[0]))
        semaphore._value = 2
    assert running.results == [True]
    assert semaphore._value == 1


def test_an_opened_semaphore_serves_those_who_waited_before():
    semaphore = threading.Semaphore(0)
    with Running(semaphore.acquire) as running:
        eventually(lambda: asleep(running.threads[0]))
        with semaphore._cond:
            semaphore._value += 1
            semaphore._cond.notify()
        semaphore.release()
    assert running.results == [True]
    assert threading.Semaphore.acquire(semaphore, False) is True
    assert semaphore._value == 0


def test_a_semaphore_opened_by_many_while_it_is_in_use_loses_nothing():
    with switching_fast():
        for _ in range(200):
            semaphore = threading.Semaphore(0)

            def give():
                for _ in range(5):
                    semaphore.release()

            def take():
                for _ in range(5):
                    assert semaphore.acquire()

            with Running(give, take, lambda: semaphore._cond, lambda: semaphore._cond, give, take):
                pass
            assert semaphore._value == 0
