"""``map`` of both executors: results in order, as many calls ahead as are wanted."""

from __future__ import annotations

import collections
import itertools
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

__all__ = ["check_buffersize", "results"]


def check_buffersize(buffersize: int | None) -> None:
    """As 3.14 does."""
    if buffersize is not None and not isinstance(buffersize, int):
        raise TypeError("buffersize must be an integer or None")
    if buffersize is not None and buffersize < 1:
        raise ValueError("buffersize must be None or > 0")


def results(
    submit: Callable[[tuple[Any, ...]], Any],
    again: Callable[[tuple[Any, ...]], Any],
    calls: Iterator[tuple[Any, ...]],
    timeout: float | None,
    buffersize: int | None,
) -> Iterator[Any]:
    """Submits the calls now, or as many as ``buffersize``; an iterator over their results, which submits the rest.

    ``submit`` and ``again`` take the arguments of a call and give a future. ``again`` is kept by the iterator, so it
    must not keep the executor; it gives ``None`` when that is gone.
    """
    end = None if timeout is None else timeout + time.monotonic()
    first = calls if buffersize is None else itertools.islice(calls, buffersize)
    futures = collections.deque(submit(arguments) for arguments in first)
    return _results(futures, end, again, () if buffersize is None else calls)


def _results(
    futures: collections.deque[Any], end: float | None, again: Any, calls: Iterable[Any]
) -> Iterator[Any]:
    """The results in order, one more call submitted for each as long as there are ``calls``."""
    calls = iter(calls)
    try:
        while futures:
            for arguments in calls:
                future = again(arguments)
                if future is not None:
                    futures.append(future)
                future = None
                break
            yield _result_or_cancel(futures.popleft(), end)
    finally:
        for future in futures:
            future.cancel()


def _result_or_cancel(future: Any, end: float | None) -> Any:
    try:
        try:
            return future.result() if end is None else future.result(end - time.monotonic())
        finally:
            future.cancel()
    finally:
        del future  # an exception holds this frame, and the future holds it
