"""Work helping: a thread that waits for a call still in line may do it itself."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from ropewalk.concurrent.futures import Future, ThreadPoolExecutor, TimeoutError

from tests.threads import eventually


def blocked(pool: ThreadPoolExecutor) -> tuple[Future, threading.Event]:
    """Keeps the only worker busy until the event is set."""
    gate = threading.Event()
    future = pool.submit(gate.wait)
    eventually(future.running)
    return future, gate


def test_a_pool_of_one_that_waits_for_itself_does_the_work() -> None:
    def deep(depth: int) -> int:
        return 0 if depth == 0 else pool.submit(deep, depth - 1).result() + 1

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(deep, 50).result() == 50
        assert pool._work_queue.qsize() == 0


def test_a_full_pool_whose_tasks_all_submit_and_wait_finishes() -> None:
    def tree(depth: int) -> int:
        if depth == 0:
            return 1
        return sum(future.result() for future in [pool.submit(tree, depth - 1) for _ in range(3)])

    with ThreadPoolExecutor(2) as pool:
        assert pool.submit(tree, 5).result() == 3**5


def test_the_exception_and_the_callbacks_of_a_helped_task_are_as_always() -> None:
    seen: list[Any] = []

    def fail(here: int) -> None:
        seen.append(threading.get_ident() == here)
        raise ZeroDivisionError

    def run() -> BaseException | None:
        future = pool.submit(fail, here=threading.get_ident())
        future.add_done_callback(seen.append)
        error = future.exception()
        assert seen == [True, future]
        with pytest.raises(ZeroDivisionError):
            pool.submit(fail, threading.get_ident()).result()
        return error

    with ThreadPoolExecutor(1) as pool:
        assert isinstance(pool.submit(run).result(), ZeroDivisionError)


def test_no_other_thread_helps_unless_told() -> None:
    with ThreadPoolExecutor(1) as pool:
        _, gate = blocked(pool)
        future = pool.submit(threading.get_ident)
        with pytest.raises(TimeoutError):
            future.result(0.01)
        threading.Timer(0.01, gate.set).start()
        assert future.result() != threading.get_ident()


def test_any_thread_helps_if_told_but_never_with_an_initializer() -> None:
    with ThreadPoolExecutor(1, help="always") as pool:
        _, gate = blocked(pool)
        assert pool.submit(threading.get_ident).result() == threading.get_ident()
        gate.set()
    with ThreadPoolExecutor(1, initializer=int, help="always") as pool:
        _, gate = blocked(pool)
        threading.Timer(0.01, gate.set).start()
        assert pool.submit(threading.get_ident).result() != threading.get_ident()


def test_a_wait_with_a_timeout_never_helps() -> None:
    def run() -> str:
        try:
            pool.submit(int).result(0.01)
        except TimeoutError:
            return "timed out"
        return "helped"

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(run).result() == "timed out"


def test_with_help_off_a_pool_that_waits_for_itself_is_a_deadlock_that_is_told() -> None:
    from ropewalk.errors import DeadlockError

    def run() -> None:
        pool.submit(int).result()

    with ThreadPoolExecutor(1, help=False) as pool, pytest.raises(DeadlockError):
        pool.submit(run).result()


def test_a_task_claimed_is_done_once_and_not_counted_any_more() -> None:
    count: list[int] = []

    def run() -> None:
        futures = [pool.submit(count.append, n) for n in range(5)]
        futures[2].result()
        assert pool._work_queue.qsize() == 4
        for future in futures:
            future.result()
        assert pool._work_queue.qsize() == 0

    with ThreadPoolExecutor(1) as pool:
        pool.submit(run).result()
        assert pool.submit(int).result() == 0
    assert count == [2, 0, 1, 3, 4]


def test_help_must_be_one_of_three() -> None:
    with pytest.raises(ValueError, match="help must be"):
        ThreadPoolExecutor(1, help="sometimes")
