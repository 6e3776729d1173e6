"""``wait`` and ``as_completed``, on the engine's gatherings."""

from __future__ import annotations

import time
from concurrent.futures import ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION, _base

from ropewalk._ropewalk import Gathering
from ropewalk.concurrent.futures.future import Future

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

__all__ = ["as_completed", "wait"]

_original_wait = _base.wait
_original_as_completed = _base.as_completed


def _all_ours(futures: set[Any]) -> bool:
    """Whether the engine knows all of them: none made before install(), of a subclass, or opened up."""
    return all(type(future) is Future for future in futures)


def wait(fs: Iterable[Any], timeout: float | None = None, return_when: str = ALL_COMPLETED) -> Any:
    fs = set(fs)
    if not _all_ours(fs):
        return _original_wait(fs, timeout, return_when)
    done = {future for future in fs if future._settled()}
    not_done = fs - done
    if return_when == FIRST_COMPLETED and done:
        return _base.DoneAndNotDoneFutures(done, not_done)
    if return_when == FIRST_EXCEPTION and any(future._failed() for future in done):
        return _base.DoneAndNotDoneFutures(done, not_done)
    if not not_done:
        return _base.DoneAndNotDoneFutures(done, not_done)
    if return_when not in (FIRST_COMPLETED, FIRST_EXCEPTION, ALL_COMPLETED):
        raise ValueError(f"Invalid return condition: {return_when!r}")
    gathering = Gathering(return_when)
    waited = list(not_done)
    try:
        gathering.watch(waited)
        gathering.wait(timeout)
    finally:
        gathering.forget(waited)
    settled = set(gathering.take())
    done.update(future for future in waited if id(future) in settled)
    return _base.DoneAndNotDoneFutures(done, fs - done)


def as_completed(fs: Iterable[Any], timeout: float | None = None) -> Iterator[Any]:
    if timeout is not None:
        end_time = timeout + time.monotonic()
    fs = set(fs)
    if not _all_ours(fs):
        if timeout is not None:
            timeout = end_time - time.monotonic()
        yield from _original_as_completed(fs, timeout)
        return
    total = len(fs)
    ready = [future for future in fs if future._settled()]
    pending = {id(future): future for future in fs.difference(ready)}
    fs = ()
    gathering = Gathering(FIRST_COMPLETED)
    try:
        gathering.watch(list(pending.values()))
        while ready:  # a future yielded is held by nobody here
            yield ready.pop()
        while pending:
            left = None
            if timeout is not None:
                left = end_time - time.monotonic()
                if left < 0:
                    raise _base.TimeoutError("%d (of %d) futures unfinished" % (len(pending), total))
            gathering.wait(left)
            ready = [pending.pop(key) for key in gathering.take()]
            ready.reverse()
            while ready:
                yield ready.pop()
    finally:
        gathering.forget(list(pending.values()))


wait.__doc__ = _original_wait.__doc__
as_completed.__doc__ = _original_as_completed.__doc__
for _function in (wait, as_completed):
    _function.__module__ = "concurrent.futures._base"
    _function.__ropewalk__ = True  # type: ignore[union-attr]
