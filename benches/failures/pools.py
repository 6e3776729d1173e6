"""Every pool behind the same few calls: make one, submit, wait for a result, end it.

Ending is what the pool's own `with` statement does, so that nobody is judged by a call that its users do not make.
A pool that is not installed raises ImportError when it is made.
"""

from __future__ import annotations

import concurrent.futures
import multiprocessing
from collections.abc import Callable
from typing import Any


class Late(Exception):
    """No result and no error within the time given."""


class Futures:
    """An executor that gives out futures."""

    def __init__(self, workers: int) -> None:
        self.pool = self.make(workers)

    def make(self, workers: int) -> Any:
        return concurrent.futures.ProcessPoolExecutor(workers)

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return self.pool.submit(function, *arguments)

    def result(self, handle: Any, seconds: float | None) -> Any:
        try:
            return handle.result(seconds)
        except (TimeoutError, concurrent.futures.TimeoutError):
            raise Late from None

    def stop(self, *error: Any) -> None:
        self.pool.__exit__(*(error or (None, None, None)))


class Pool:
    """A pool as multiprocessing has it."""

    def __init__(self, workers: int) -> None:
        self.pool = self.make(workers)

    def make(self, workers: int) -> Any:
        return multiprocessing.Pool(workers)

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return self.pool.apply_async(function, arguments)

    def result(self, handle: Any, seconds: float | None) -> Any:
        try:
            return handle.get(seconds)
        except (TimeoutError, multiprocessing.TimeoutError):
            raise Late from None

    def stop(self, *error: Any) -> None:
        self.pool.__exit__(*(error or (None, None, None)))


class ForkServer(Futures):
    def make(self, workers: int) -> Any:
        context = multiprocessing.get_context("forkserver")
        return concurrent.futures.ProcessPoolExecutor(workers, mp_context=context)


class Loky(Futures):
    def make(self, workers: int) -> Any:
        import loky

        return loky.ProcessPoolExecutor(workers)


class Pebble(Futures):
    def make(self, workers: int) -> Any:
        import pebble

        return pebble.ProcessPool(max_workers=workers)

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return self.pool.schedule(function, args=arguments)


class Mpire(Pool):
    def make(self, workers: int) -> Any:
        import mpire

        return mpire.WorkerPool(n_jobs=workers)


class Billiard(Pool):
    def make(self, workers: int) -> Any:
        import billiard

        return billiard.Pool(workers)

    def result(self, handle: Any, seconds: float | None) -> Any:
        import billiard

        try:
            return super().result(handle, seconds)
        except billiard.TimeoutError:
            raise Late from None


class RopewalkFutures(Futures):
    def make(self, workers: int) -> Any:
        import ropewalk

        ropewalk.install()
        made = concurrent.futures.ProcessPoolExecutor(workers)
        if not getattr(type(made), "__ropewalk__", False):
            raise ImportError("ropewalk has no ProcessPoolExecutor yet")
        return made


class RopewalkPool(Pool):
    def make(self, workers: int) -> Any:
        import ropewalk

        ropewalk.install()
        made = multiprocessing.Pool(workers)
        if not getattr(type(made), "__ropewalk__", False):
            made.terminate()
            raise ImportError("ropewalk has no Pool yet")
        return made


#: The rows of the table, in order.
POOLS: dict[str, Callable[[int], Any]] = {
    "ropewalk ProcessPoolExecutor": RopewalkFutures,
    "ropewalk Pool": RopewalkPool,
    "multiprocessing.Pool": Pool,
    "ProcessPoolExecutor": Futures,
    "ProcessPoolExecutor, forkserver": ForkServer,
    "loky": Loky,
    "pebble": Pebble,
    "mpire": Mpire,
    "billiard": Billiard,
}
