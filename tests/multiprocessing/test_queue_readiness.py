"""The reading end of a queue of ``multiprocessing`` among other descriptors: select, ``wait``, loops, executors."""

from __future__ import annotations

import asyncio
import multiprocessing.connection
import select
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import pytest

from tests.multiprocessing.processes import LIMIT, context, end, every_method, run, start

NAMES = ("Queue", "JoinableQueue", "SimpleQueue")
every_class = pytest.mark.parametrize("name", NAMES)


def make(name: str = "Queue", *arguments: Any, method: str = "fork") -> Any:
    return getattr(context(method), name)(*arguments)


def is_readable(queue: Any, timeout: float = 0) -> bool:
    return bool(select.select([queue._reader], [], [], timeout)[0])


@every_class
def test_it_is_readable_while_something_is_inside(name: str) -> None:
    queue = make(name)
    queue.put("before anybody asked")
    assert is_readable(queue)
    queue.put("another")
    queue.get()
    assert is_readable(queue)
    queue.get()
    assert not is_readable(queue)
    for _ in range(3):
        queue.put(b"x" * 100_000)
        assert is_readable(queue)
        queue.get()
        assert not is_readable(queue)


def test_a_queue_that_is_shut_down_is_readable() -> None:
    queue = make()
    assert not is_readable(queue)
    queue.put(1)
    queue.shutdown()
    assert is_readable(queue)
    queue.get()
    assert is_readable(queue)  # get() has something to say


def test_it_stands_in_wait_beside_pipes() -> None:
    queue, other = make(), make()
    here, there = multiprocessing.connection.Pipe()
    ends = [queue._reader, other._reader, here]
    assert multiprocessing.connection.wait(ends, 0) == []
    other.put(1)
    assert multiprocessing.connection.wait(ends, LIMIT) == [other._reader]
    there.send(2)
    assert set(multiprocessing.connection.wait(ends, LIMIT)) == {other._reader, here}
    assert other._reader.recv() == 1
    assert multiprocessing.connection.wait(ends, LIMIT) == [here]
    here.close()
    there.close()


def put_three(queue: Any, go: Any) -> None:
    for number in range(3):
        go.get()
        queue.put(number)


@every_method
def test_a_child_makes_it_readable(method: str) -> None:
    queue, go = make(method=method), make(method=method)
    assert not is_readable(queue)
    child = start(context(method), put_three, queue, go)
    for number in range(3):
        assert not is_readable(queue)
        go.put(None)
        assert is_readable(queue, LIMIT)
        assert queue.get(False) == number
    end(child)


def wait_and_get(queue: Any, answers: Any) -> None:
    answers.put("waiting")
    assert is_readable(queue, LIMIT)
    answers.put(queue.get(False))


@every_method
def test_a_child_waits_for_it(method: str) -> None:
    queue, answers = make(method=method), make(method=method)
    child = start(context(method), wait_and_get, queue, answers)
    assert answers.get() == "waiting"
    queue.put("for the child")
    assert answers.get() == "for the child"
    end(child)


def test_an_event_loop_takes_what_comes() -> None:
    queue, seen = make(), []

    async def main() -> None:
        loop, done = asyncio.get_running_loop(), asyncio.Event()

        def come() -> None:
            seen.append(queue.get_nowait())
            if len(seen) == 3:
                done.set()

        loop.add_reader(queue._reader.fileno(), come)
        for number in range(3):
            queue.put(number)
            await asyncio.sleep(0)
        await asyncio.wait_for(done.wait(), LIMIT)
        loop.remove_reader(queue._reader.fileno())

    asyncio.run(main())
    assert seen == [0, 1, 2]


def test_a_closed_end_has_no_descriptor() -> None:
    queue = make("SimpleQueue")
    queue.close()
    with pytest.raises(OSError, match="handle is closed"):
        queue._reader.fileno()
    with pytest.raises(OSError, match="no descriptor"):
        make()._writer.fileno()


def leave_one(queue: Any) -> None:
    queue.put(1)


def test_it_stays_readable_when_the_process_that_put_it_in_has_ended() -> None:
    queue = make()
    assert not is_readable(queue)
    run(context("fork"), leave_one, queue)
    assert is_readable(queue)


def square(number: int) -> int:
    return number * number


@every_method
def test_the_executor_of_the_standard_library_runs_on_them(method: str) -> None:
    with ProcessPoolExecutor(2, mp_context=context(method)) as pool:
        assert list(pool.map(square, range(50), chunksize=7)) == [number * number for number in range(50)]
        assert pool.submit(square, 12).result(LIMIT) == 144


@every_method
def test_the_pool_of_the_standard_library_runs_on_them(method: str) -> None:
    from multiprocessing.pool import Pool

    with Pool(2, context=context(method)) as pool:
        assert pool.map(square, range(50), 3) == [number * number for number in range(50)]
        assert pool.apply(square, (12,)) == 144
        pool.close()
        pool.join()
