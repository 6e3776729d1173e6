"""Programs that reach into the private parts of futures and executors."""

from __future__ import annotations

import concurrent.futures as original
import contextlib
import queue
import threading
from concurrent.futures import _base, thread
from typing import Any

import pytest
from ropewalk.concurrent.futures import Future, ThreadPoolExecutor, as_completed, wait

from tests.threads import Running, asleep, eventually


class Waiter:
    """What a program appends to ``_waiters``."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Any]] = []

    def add_result(self, future: Any) -> None:
        self.told.append(("result", future))

    def add_exception(self, future: Any) -> None:
        self.told.append(("exception", future))

    def add_cancelled(self, future: Any) -> None:
        self.told.append(("cancelled", future))


def test_the_condition_of_a_future_is_a_real_one() -> None:
    future = Future()

    def wait() -> Any:
        with future._condition:
            assert future._condition.wait_for(lambda: future._state == "FINISHED", 30)
        return future.result(0)

    with Running(wait) as running:
        eventually(lambda: asleep(running.threads[0]))
        future.set_result(3)
    assert running.results == [3]


def test_touching_the_condition_moves_threads_that_wait_already() -> None:
    future = Future()
    with Running(future.result, lambda: future.exception(120)) as running:
        eventually(lambda: all(asleep(thread) for thread in running.threads))
        with future._condition:
            future._state = "FINISHED"
            future._result = 8
            future._condition.notify_all()
    assert sorted(running.results, key=str) == [8, None]


@pytest.mark.parametrize("how", ["result", "exception", "cancelled"])
def test_a_waiter_appended_is_told(how: str) -> None:
    future, waiter = Future(), Waiter()
    with future._condition:
        future._waiters.append(waiter)
    if how == "result":
        future.set_result(1)
    elif how == "exception":
        future.set_exception(OSError())
    else:
        future.cancel()
        assert not future.set_running_or_notify_cancel()
    assert waiter.told == [(how, future)]


def test_a_waiter_is_told_by_a_worker_too() -> None:
    gate, waiter = threading.Event(), Waiter()
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(gate.wait)
        future._waiters.append(waiter)
        called: list[Any] = []
        future.add_done_callback(called.append)
        gate.set()
        assert future.result(120)
    assert waiter.told == [("result", future)]
    assert called == [future]


def test_callbacks_are_seen_and_invoked() -> None:
    future, seen = Future(), []
    future.add_done_callback(seen.append)
    assert future._done_callbacks == [seen.append]
    future.set_result(None)
    assert seen == [future]
    other = Future()
    other.add_done_callback(seen.append)
    other._state = "FINISHED"
    other._invoke_callbacks()
    assert seen == [future, other]


def test_an_opened_future_is_still_of_its_class_and_does_everything() -> None:
    future = Future()
    assert future._condition is future._condition
    assert isinstance(future, Future) and isinstance(future, original.Future)
    assert type(future).__name__ == "Future"
    assert "state=pending" in repr(future)
    assert future.set_running_or_notify_cancel()
    with pytest.raises(original.TimeoutError):
        future.result(0.001)
    future.set_exception(KeyError("k"))
    with pytest.raises(KeyError):
        future.result()
    with pytest.raises(original.InvalidStateError):
        future.set_result(1)


def test_a_subclass_that_overrides_the_callbacks_hook_runs_the_original() -> None:
    class Loud(Future):
        invoked = 0

        def _invoke_callbacks(self) -> None:
            self.invoked += 1
            super()._invoke_callbacks()

    future, seen = Loud(), []
    future.add_done_callback(seen.append)
    future.set_result(2)
    assert (future.invoked, seen, future.result()) == (1, [future], 2)


def test_a_subclass_with_arguments_and_methods_of_its_own_stays_fast() -> None:
    class Named(Future):
        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

        def set_result(self, result: Any) -> None:
            super().set_result((self.name, result))

    future = Named("n")
    future.set_result(1)
    assert future.result() == ("n", 1)
    assert wait([future]).done == {future}


@pytest.mark.parametrize("opened", [False, True])
def test_the_originals_wait_and_as_completed_work_on_ours_and_ours_on_theirs(opened: bool) -> None:
    from ropewalk.concurrent.futures import waiting

    for wait_for, completed, kinds in [
        (waiting._original_wait, waiting._original_as_completed, (Future, Future)),
        (wait, as_completed, (Future, waiting._base.Future)),
        (wait, as_completed, (Future, Future)),
    ]:
        pending = [kind() for kind in kinds]
        if opened:
            assert pending[0]._waiters == []
        with Running(lambda: wait_for(pending, 30), lambda: list(completed(pending, 30))) as running:
            eventually(lambda: all(asleep(thread) for thread in running.threads))
            for future in pending:
                future.set_result(None)
        assert sorted(len(list(result)) for result in running.results) == [2, 2]


def test_one_that_is_opened_while_it_is_waited_for_among_many_is_still_seen() -> None:
    futures = [Future(), Future()]
    with Running(lambda: wait(futures, 120)) as running:
        eventually(lambda: asleep(running.threads[0]))
        with futures[0]._condition:
            pass
        futures[0].set_result(1)
        futures[1].set_result(1)
    assert running.results[0].done == set(futures)


def test_the_work_queue_can_be_counted_and_emptied() -> None:
    gate = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(gate.wait)
        eventually(first.running)
        rest = [pool.submit(pow, 2, n) for n in range(4)]
        assert pool._work_queue.qsize() == 4
        assert not pool._work_queue.empty()
        item = pool._work_queue.get_nowait()
        assert isinstance(item, thread._WorkItem)
        assert item.future is rest[0]
        pool._work_queue.put(item)
        taken = []
        with contextlib.suppress(queue.Empty):
            while True:
                taken.append(pool._work_queue.get(block=False))
        assert [item.future for item in taken] == rest[1:] + rest[:1]
        for item in taken[1:]:
            item.future.cancel()
        pool._work_queue.put(taken[0])
        gate.set()
        assert rest[1].result(120) == 2
    assert [future.cancelled() for future in rest] == [True, False, True, True]


def test_idle_workers_and_threads_can_be_read_and_the_limit_changed() -> None:
    gate = threading.Event()
    with ThreadPoolExecutor(2) as pool:
        assert (pool._max_workers, pool._threads, pool._idle_semaphore._value) == (2, set(), 0)
        pool.submit(int).result()
        eventually(lambda: pool._idle_semaphore._value == 1)
        assert len(pool._threads) == 1
        pool._max_workers = 3
        futures = [pool.submit(gate.wait) for _ in range(6)]
        assert len(pool._threads) == 3
        assert pool._idle_semaphore._value == 0
        gate.set()
        assert all(future.result(120) for future in futures)


def test_a_pool_given_another_queue_uses_it() -> None:
    class Bounded(ThreadPoolExecutor):
        def __init__(self, size: int, *args: Any) -> None:
            super().__init__(*args)
            self._work_queue = queue.Queue(size)

    gate = threading.Event()
    with Bounded(2, 1) as pool:
        first = pool.submit(gate.wait)
        eventually(first.running)
        for _ in range(2):
            pool.submit(int)
        assert pool._work_queue.full()
        with Running(lambda: pool.submit(pow, 2, 3)) as running:
            eventually(lambda: asleep(running.threads[0]))
            gate.set()
        assert running.results[0].result(120) == 8
    assert isinstance(pool, ThreadPoolExecutor)


def test_a_pool_that_hires_in_its_own_way_runs_the_original() -> None:
    class Daemonic(ThreadPoolExecutor):
        def _adjust_thread_count(self) -> None:
            if self._idle_semaphore.acquire(timeout=0):
                return
            if len(self._threads) < self._max_workers:
                worker = threading.Thread(
                    target=thread._worker, args=self._arguments(), name=f"own-{len(self._threads)}"
                )
                worker.start()
                self._threads.add(worker)
                thread._threads_queues[worker] = self._work_queue

        def _arguments(self) -> tuple[Any, ...]:
            import weakref

            def gone(_: Any, line: Any = self._work_queue) -> None:
                line.put(None)

            if hasattr(self, "_create_worker_context"):
                return weakref.ref(self, gone), self._create_worker_context(), self._work_queue
            return weakref.ref(self, gone), self._work_queue, self._initializer, self._initargs

    with Daemonic(2) as pool:
        names = {pool.submit(lambda: threading.current_thread().name).result(120) for _ in range(5)}
    assert names <= {"own-0", "own-1"}


def test_a_submit_copied_from_the_original_works() -> None:
    class Copied(ThreadPoolExecutor):
        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
            with self._shutdown_lock, thread._global_shutdown_lock:
                future = _base.Future()
                task = (fn, args, kwargs)
                item = thread._WorkItem(future, task) if hasattr(thread, "WorkerContext") else None
                self._work_queue.put(item or thread._WorkItem(future, *task))
                self._adjust_thread_count()
                return future

    with Copied(2) as pool:
        assert [pool.submit(pow, 2, n).result(120) for n in range(20)] == [2**n for n in range(20)]


def test_the_process_pool_runs_on_our_future(installed: None) -> None:
    import multiprocessing

    context = multiprocessing.get_context("spawn")
    with original.ProcessPoolExecutor(1, mp_context=context) as pool:
        future = pool.submit(pow, 2, 5)
        assert type(future) is Future or not hasattr(original.Future, "__ropewalk__")
        assert future.result(120) == 32
        assert list(pool.map(abs, [-1, -2])) == [1, 2]
