"""ThreadPoolExecutor: the original's contract, and what ropewalk adds."""

from __future__ import annotations

import concurrent.futures as original
import contextvars
import gc
import inspect
import itertools
import os
import pickle
import re
import threading
import weakref
from concurrent.futures import thread
from typing import Any

import pytest
from ropewalk.concurrent.futures import Future, ThreadPoolExecutor, TimeoutError, wait

from tests.threads import Running, asleep, eventually


def busy(pool: ThreadPoolExecutor) -> threading.Event:
    """Keeps one worker busy until the event is set."""
    gate = threading.Event()
    eventually(pool.submit(gate.wait).running)
    return gate


def test_it_is_one_of_the_original_class_too() -> None:
    with ThreadPoolExecutor(1) as pool:
        assert isinstance(pool, original.ThreadPoolExecutor)
        assert isinstance(pool.submit(int), Future)


EXTENSIONS = {
    "__init__": {"max_pending": None, "context": False, "help": True},
    "submit": {},
    "map": {"buffersize": None},
    "shutdown": {"timeout": None},
}


@pytest.mark.parametrize("method", EXTENSIONS)
def test_its_signatures_show_the_originals_parameters_and_then_our_keywords(method: str) -> None:
    ours, theirs = (
        inspect.signature(kind if method == "__init__" else getattr(kind, method)).parameters
        for kind in (ThreadPoolExecutor, thread.ThreadPoolExecutor)
    )
    by_place_or_name = [name for name, one in theirs.items() if one.kind is not one.VAR_KEYWORD]
    extensions = {name: default for name, default in EXTENSIONS[method].items() if name not in theirs}
    found = [name for name, one in ours.items() if one.kind is not one.VAR_KEYWORD]
    assert found == [*by_place_or_name, *extensions]
    for name, one in theirs.items():
        assert (ours[name].kind, ours[name].default) == (one.kind, one.default)
    for name, default in extensions.items():
        assert (ours[name].kind, ours[name].default) == (inspect.Parameter.KEYWORD_ONLY, default)


def test_a_subclass_with_its_own_init_shows_its_own_signature() -> None:
    class Named(ThreadPoolExecutor):
        def __init__(self, name: str) -> None:
            super().__init__(1, name)

    assert [*inspect.signature(Named).parameters] == ["name"]


@pytest.mark.parametrize(
    ("arguments", "keywords"),
    [((0,), {}), ((-1,), {}), ((), {"initializer": 3}), (("two",), {})],
)
def test_wrong_arguments_are_refused_as_by_the_original(arguments: Any, keywords: Any) -> None:
    raised = []
    for kind in (ThreadPoolExecutor, thread.ThreadPoolExecutor):
        with pytest.raises((ValueError, TypeError)) as caught:
            kind(*arguments, **keywords)
        raised.append((caught.type, str(caught.value)))
    assert raised[0] == raised[1]


def test_the_number_of_workers_is_the_originals() -> None:
    ours, theirs = ThreadPoolExecutor(), thread.ThreadPoolExecutor()
    assert ours._max_workers == theirs._max_workers
    assert ThreadPoolExecutor(max_workers=7)._max_workers == 7


def test_workers_are_ordinary_threads_with_the_originals_names() -> None:
    def me() -> threading.Thread:
        return threading.current_thread()

    with ThreadPoolExecutor(2, thread_name_prefix="miller") as pool:
        worker = pool.submit(me).result()
        assert type(worker) is threading.Thread
        assert worker.name == "miller_0"
        assert worker in threading.enumerate()
        assert not worker.daemon
        assert worker in thread._threads_queues
    with ThreadPoolExecutor(2) as pool:
        assert re.fullmatch(r"ThreadPoolExecutor-\d+_0", pool.submit(me).result().name)


def test_as_many_threads_are_started_as_are_needed() -> None:
    gate = threading.Semaphore(0)
    with ThreadPoolExecutor(4) as pool:
        pool.submit(int).result()
        pool.submit(int).result()
        assert len(pool._threads) == 1
        futures = [pool.submit(gate.acquire) for _ in range(10)]
        assert len(pool._threads) == 4
        gate.release(10)
        wait(futures, 120)


def test_arguments_and_keywords_reach_the_function() -> None:
    def function(*arguments: Any, **keywords: Any) -> Any:
        return arguments, keywords

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(function, 1, self=2, fn=3).result() == ((1,), {"self": 2, "fn": 3})
        assert pool.submit(function).result() == ((), {})


def test_no_task_is_lost_or_done_twice_among_many_submitters() -> None:
    counter = itertools.count()
    with ThreadPoolExecutor(4) as pool:

        def submit() -> None:
            for future in [pool.submit(next, counter) for _ in range(2000)]:
                future.result(120)

        with Running(*[submit] * 4):
            pass
    assert next(counter) == 8000


def test_one_by_one_no_wake_is_lost() -> None:
    with ThreadPoolExecutor(3) as pool:
        for number in range(3000):
            assert pool.submit(abs, -number).result(120) == number


def test_after_a_shutdown_tasks_in_line_are_done_and_new_ones_refused() -> None:
    pool = ThreadPoolExecutor(1)
    gate = busy(pool)
    inside = pool.submit(int)
    pool.shutdown(wait=False)
    with pytest.raises(RuntimeError, match="^cannot schedule new futures after shutdown$"):
        pool.submit(int)
    gate.set()
    pool.shutdown()
    assert inside.result(0) == 0
    assert not any(worker.is_alive() for worker in pool._threads)


def test_a_shutdown_cancels_what_is_in_line_if_told() -> None:
    pool = ThreadPoolExecutor(1)
    gate = busy(pool)
    inside = [pool.submit(int) for _ in range(5)]
    with Running(lambda: wait(inside, 120)) as running:
        eventually(lambda: asleep(running.threads[0]))
        pool.shutdown(wait=False, cancel_futures=True)
    assert all(future.cancelled() for future in inside)
    gate.set()
    pool.shutdown()


def test_a_shutdown_with_a_timeout_says_if_threads_are_busy() -> None:
    pool = ThreadPoolExecutor(2)
    gate = busy(pool)
    with pytest.raises(TimeoutError, match=r"^1 \(of 1\) threads still busy$"):
        pool.shutdown(timeout=0.01)
    gate.set()
    pool.shutdown(timeout=120)


def test_a_pool_that_never_worked_shuts_down() -> None:
    with ThreadPoolExecutor(1) as pool:
        pass
    pool.shutdown()


def test_workers_go_when_the_executor_is_forgotten() -> None:
    pool = ThreadPoolExecutor(2)
    future = pool.submit(threading.current_thread)
    worker = future.result()
    seen = weakref.ref(pool)
    del pool
    assert seen() is None
    worker.join(120)
    assert not worker.is_alive()


def test_a_task_in_line_of_a_forgotten_executor_is_done() -> None:
    pool = ThreadPoolExecutor(1)
    gate = busy(pool)
    future = pool.submit(pow, 2, 3)
    del pool
    gate.set()
    assert future.result(120) == 8


def test_an_idle_worker_keeps_nothing_of_its_last_task() -> None:
    class Thing:
        pass

    def give(thing: Any, **keywords: Any) -> Any:
        return Thing()

    with ThreadPoolExecutor(1) as pool:
        thing = Thing()
        seen = weakref.ref(thing)
        future = pool.submit(give, thing, other=thing)
        result = weakref.ref(future.result())
        del thing
        eventually(lambda: pool._idle_semaphore._value == 1)
        assert seen() is None
        del future
        assert result() is None


def test_an_executor_in_a_cycle_with_its_tasks_is_collected() -> None:
    pool = ThreadPoolExecutor(1)
    gate = busy(pool)
    worker = next(iter(pool._threads))
    pool.submit(lambda: pool)  # noqa: F821  # deleted below, not yet
    seen = weakref.ref(pool)
    gate.set()
    eventually(lambda: pool._idle_semaphore._value == 1)  # noqa: F821
    del pool
    gc.collect()
    assert seen() is None
    worker.join(120)


def test_each_worker_is_initialized_once() -> None:
    local, count = threading.local(), itertools.count()

    def initialize(start: int) -> None:
        local.value = start + next(count)

    with ThreadPoolExecutor(2, initializer=initialize, initargs=(10,)) as pool:
        assert {pool.submit(lambda: local.value).result() for _ in range(20)} <= {10, 11}


def test_a_failing_initializer_breaks_the_pool(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise ValueError("no")

    with ThreadPoolExecutor(2, initializer=fail) as pool:
        with pytest.raises(thread.BrokenThreadPool):
            pool.submit(int).result(120)
        with pytest.raises(thread.BrokenThreadPool, match="initializer failed"):
            pool.submit(int)
    assert "Exception in initializer:" in caplog.text


def test_a_base_exception_of_a_task_is_its_result() -> None:
    with ThreadPoolExecutor(1) as pool:
        assert isinstance(pool.submit(exit).exception(120), SystemExit)
        assert pool.submit(int).result(120) == 0


def test_a_cancelled_task_is_not_done() -> None:
    done: list[int] = []
    with ThreadPoolExecutor(1) as pool:
        gate = busy(pool)
        future = pool.submit(done.append, 1)
        assert future.cancel()
        with Running(lambda: wait([future], 120)) as running:
            eventually(lambda: asleep(running.threads[0]))
            gate.set()
        assert running.results[0].done == {future}
    assert done == []


def test_a_worker_ended_by_a_callback_is_replaced(caplog: pytest.LogCaptureFixture) -> None:
    def leave(_: Any) -> None:
        raise SystemExit

    with ThreadPoolExecutor(1) as pool:
        gate = threading.Event()
        future = pool.submit(gate.wait)
        future.add_done_callback(leave)
        gate.set()
        worker = next(iter(pool._threads))
        worker.join(120)
        assert pool.submit(int).result(120) == 0
    assert "Exception in worker" in caplog.text


def test_map_is_in_order_lazy_with_a_buffer_and_cancels_what_is_left() -> None:
    taken: list[int] = []

    def numbers() -> Any:
        for number in itertools.count():
            taken.append(number)
            yield number

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(pow, range(5), itertools.repeat(2))) == [0, 1, 4, 9, 16]
        results = pool.map(abs, numbers(), buffersize=3)
        assert len(taken) == 3
        assert [next(results) for _ in range(4)] == [0, 1, 2, 3]
        assert len(taken) == 7
        results.close()
        gate = threading.Event()
        results = pool.map(lambda _: gate.wait(), range(10), timeout=0.01)
        with pytest.raises(TimeoutError):
            next(results)
        gate.set()
        with pytest.raises(ZeroDivisionError):
            list(pool.map(divmod, [1, 1], [1, 0]))


@pytest.mark.parametrize(
    ("size", "error"), [(0, ValueError), (-1, ValueError), ("1", TypeError), (1.0, TypeError)]
)
def test_map_refuses_a_wrong_buffer(size: Any, error: type[Exception]) -> None:
    with ThreadPoolExecutor(1) as pool, pytest.raises(error, match="buffersize must be"):
        pool.map(abs, [1], buffersize=size)


def test_a_full_line_holds_the_submitter_back() -> None:
    with ThreadPoolExecutor(1, max_pending=2) as pool:
        gate = busy(pool)
        sent: list[int] = []

        def send() -> None:
            for number in range(50):
                pool.submit(int)
                sent.append(number)

        with Running(send) as running:
            eventually(lambda: len(sent) == 2 and asleep(running.threads[0]))
            assert pool._work_queue.qsize() == 2
            gate.set()
        assert len(sent) == 50


def test_a_task_of_a_full_pool_may_submit_to_it() -> None:
    with ThreadPoolExecutor(1, max_pending=1) as pool:
        futures = pool.submit(lambda: [pool.submit(pow, 2, n) for n in range(5)]).result(120)
        assert [future.result(120) for future in futures] == [1, 2, 4, 8, 16]


def test_a_shutdown_wakes_a_submitter_that_waits_for_room() -> None:
    pool = ThreadPoolExecutor(1, max_pending=1)
    gate = busy(pool)
    pool.submit(int)

    def send() -> str:
        with pytest.raises(RuntimeError, match="after shutdown"):
            pool.submit(int)
        return "refused"

    with Running(send) as running:
        eventually(lambda: asleep(running.threads[0]))
        pool.shutdown(wait=False)
        running.join()
        gate.set()
    assert running.results == ["refused"]
    pool.shutdown()


def test_context_variables_come_along_if_told() -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")
    variable.set("here")
    with ThreadPoolExecutor(1, context=True) as pool:
        assert pool.submit(variable.get).result() == "here"
        assert [pool.submit(variable.get).result() for _ in range(3)] == ["here"] * 3
        pool.submit(variable.set, "changed").result()
        assert pool.submit(variable.get).result() == "here"
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(variable.get).result() == "unset"


def test_it_refuses_to_pickle() -> None:
    with pytest.raises(TypeError):
        pickle.dumps(ThreadPoolExecutor(1))


def test_a_foreign_item_in_line_makes_nothing_but_itself_happen() -> None:
    ran: list[str] = []

    class Item:
        def run(self, *context: Any) -> None:
            ran.append(threading.current_thread().name)

    with ThreadPoolExecutor(1, thread_name_prefix="w") as pool:
        pool.submit(int).result()
        pool._work_queue.put(Item())
        eventually(lambda: ran == ["w_0"])
        pool._work_queue.put(None)
        assert pool.submit(os.getpid).result(120) == os.getpid()


def test_a_task_is_begun_though_its_submitter_waits_elsewhere() -> None:
    """After many calls that were waited for at once, one that is waited for where the engine does not see it."""
    for workers in (1, 2):
        with ThreadPoolExecutor(workers) as pool:
            for number in range(100):
                assert pool.submit(abs, -number).result() == number
            reading, writing = os.pipe()
            pool.submit(os.write, writing, b"begun")
            assert os.read(reading, 5) == b"begun"
            os.close(reading)
            os.close(writing)
            for number in range(100):
                assert pool.submit(abs, -number).result() == number
            assert {future.result() for future in [pool.submit(abs, -n) for n in range(9)]} == set(range(9))
