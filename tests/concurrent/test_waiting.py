"""wait() and as_completed()."""

from __future__ import annotations

import concurrent.futures as original
import gc
import weakref

import pytest
from ropewalk.concurrent.futures import (
    ALL_COMPLETED,
    FIRST_COMPLETED,
    FIRST_EXCEPTION,
    Future,
    ThreadPoolExecutor,
    as_completed,
    wait,
)

from tests.threads import Running, asleep, eventually


def done(result: object = None) -> Future:
    future = Future()
    future.set_result(result)
    return future


def failed() -> Future:
    future = Future()
    future.set_exception(OSError())
    return future


def cancelled(notified: bool) -> Future:
    future = Future()
    future.cancel()
    if notified:
        future.set_running_or_notify_cancel()
    return future


def test_wait_for_all_returns_a_named_pair_of_sets() -> None:
    futures = [done(), failed(), cancelled(notified=True)]
    result = wait(futures + futures)
    assert result.done == set(futures)
    assert result.not_done == set()
    assert type(result).__name__ == "DoneAndNotDoneFutures"


def test_a_cancelled_one_counts_only_when_its_worker_knows() -> None:
    future = cancelled(notified=False)
    assert wait([future], timeout=0).not_done == {future}
    with Running(lambda: wait([future], 120)) as running:
        eventually(lambda: asleep(running.threads[0]))
        future.set_running_or_notify_cancel()
    assert running.results[0].done == {future}


@pytest.mark.parametrize("until", [FIRST_COMPLETED, FIRST_EXCEPTION, ALL_COMPLETED])
def test_wait_ends_when_it_should(until: str) -> None:
    futures = [Future() for _ in range(3)]
    with Running(lambda: wait(iter(futures), 120, return_when=until)) as running:
        eventually(lambda: asleep(running.threads[0]))
        futures[1].set_result(1)
        if until != FIRST_COMPLETED:
            assert not running.results
            futures[0].set_exception(OSError())
        if until == ALL_COMPLETED:
            futures[2].set_result(1)
    expected = {FIRST_COMPLETED: {1}, FIRST_EXCEPTION: {0, 1}, ALL_COMPLETED: {0, 1, 2}}[until]
    assert running.results[0].done == {futures[place] for place in expected}


@pytest.mark.parametrize("until", [FIRST_COMPLETED, FIRST_EXCEPTION])
def test_wait_does_not_sleep_if_it_need_not(until: str) -> None:
    ready, pending = failed(), Future()
    assert wait([ready, pending], return_when=until) == ({ready}, {pending})


def test_wait_refuses_an_unknown_condition_as_the_original_does() -> None:
    with pytest.raises(ValueError, match="Invalid return condition: 'SOMETIMES'"):
        wait([Future()], return_when="SOMETIMES")
    assert wait([], return_when="SOMETIMES") == (set(), set())


def test_as_completed_yields_in_the_order_of_completion() -> None:
    futures = [Future() for _ in range(100)]
    iterator = as_completed(futures, 120)
    order = futures[1::2] + futures[::2]

    def finish() -> None:
        for future in order:
            future.set_result(None)

    with Running(lambda: list(iterator)) as running:
        eventually(lambda: asleep(running.threads[0]))
        finish()
    assert running.results[0] == order


def test_as_completed_begins_with_what_is_there_and_yields_each_once() -> None:
    ready, late = done(), Future()
    iterator = as_completed([ready, late, ready])
    assert next(iterator) is ready
    late.set_result(1)
    assert list(iterator) == [late]


def test_as_completed_raises_after_its_timeout_and_says_how_many_are_missing() -> None:
    with pytest.raises(original.TimeoutError, match=r"^2 \(of 3\) futures unfinished$"):
        list(as_completed([done(), Future(), Future()], timeout=0))


def test_a_future_yielded_is_held_by_nobody() -> None:
    gc.collect()
    futures = [Future() for _ in range(4)]
    refs = [weakref.ref(future) for future in futures]
    iterator = as_completed(list(futures))
    for future in futures:
        future.set_result(None)
    futures.clear()
    del future
    for _ in range(4):
        found = next(iterator)
        ref = weakref.ref(found)
        del found
        assert ref() is None
    assert [ref() for ref in refs] == [None] * 4


def test_many_waiters_of_many_futures_all_see_all() -> None:
    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(pow, n, 2) for n in range(500)]
        with Running(*[lambda: sum(f.result() for f in as_completed(futures, 120))] * 3) as running:
            assert wait(futures, 120).not_done == set()
    assert set(running.results) == {sum(n * n for n in range(500))}


def test_an_iterator_left_early_leaves_nothing_behind() -> None:
    futures = [done(), Future()]
    iterator = as_completed(futures)
    next(iterator)
    iterator.close()
    futures[1].set_result(1)
    assert wait(futures, 120).not_done == set()
