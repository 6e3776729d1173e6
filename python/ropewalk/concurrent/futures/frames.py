"""Python frames that run users' code for the engine.

CPython up to 3.13 ends daemon threads at exit by unwinding them wherever they take the GIL; a Rust frame on the way
would abort the process.  So the engine hands out what is to be run, and it runs here.
"""

from __future__ import annotations

from concurrent.futures import _base, thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["call_back", "fail", "finish", "run_item", "start"]


def call_back(future: Any, callbacks: list[Any]) -> None:
    """Calls each callback with the future; what one raises is logged, and the next is called."""
    for callback in callbacks:
        try:
            callback(future)
        except Exception:
            _base.LOGGER.exception("exception calling callback for %r", future)


def run_item(item: Any) -> None:
    """Runs what a program has put into the line itself."""
    if hasattr(thread, "WorkerContext"):  # 3.14: an item runs in its worker's context
        item.run(thread.WorkerContext(None, ()))
    else:
        item.run()


def start(future: Any) -> None:
    """Starts a future that a worker could not start, for what is logged and raised then."""
    future.set_running_or_notify_cancel()


def finish(future: Any, value: Any) -> None:
    """Stores a result that the worker could not store."""
    future.set_result(value)


def fail(future: Any, exception: BaseException) -> None:
    """Stores an exception that the worker could not store."""
    future.set_exception(exception)
