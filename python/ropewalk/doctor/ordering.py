"""Many locks at once, in the one order that nobody can get wrong."""

from __future__ import annotations

import sys
from _thread import get_ident

from ropewalk import _ropewalk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any

__all__ = ["ordered"]


class ordered:
    """Takes any number of locks in one global order, and releases them in the reverse one.

    ::

        with ropewalk.ordered(source.lock, target.lock):
            ...

    Whatever the order of the arguments, every thread takes them in the same.  A lock given twice is taken once.  While
    it holds them, a thread may take more locks in this way only if they come later in that order; else another thread
    may one day wait for it while it waits for that thread, and so it is an error on the first run.

    Locks may be of any kind with ``acquire`` and ``release``.  An object may be used again, nested and by many threads.

    :raises LockOrderError: on entering, if the order would be broken or a plain lock is held by this thread already.
    :raises DeadlockError: on entering, as ``acquire`` does.  No lock is held then that was not held before.
    """

    __slots__ = ("_entered", "_locks")

    def __init__(self, *locks: Any) -> None:
        for lock in locks:
            if not (hasattr(lock, "acquire") and hasattr(lock, "release")):
                raise TypeError(f"not a lock: {lock!r}")
        self._locks = locks
        self._entered: dict[int, list[Any]] = {}

    def __enter__(self) -> ordered:
        caller = sys._getframe(1)
        admission = _ropewalk.Admission(list(self._locks), f"{caller.f_code.co_filename}:{caller.f_lineno}")
        taken = []
        try:
            for lock in admission.locks:
                lock.acquire()
                taken.append(lock)
        except BaseException:
            _give_back(taken, admission)
            raise
        self._entered.setdefault(get_ident(), []).append(admission)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        mine = self._entered[get_ident()]
        admission = mine.pop()
        if not mine:
            del self._entered[get_ident()]
        _give_back(admission.locks, admission)

    def __repr__(self) -> str:
        return f"ropewalk.ordered({', '.join(map(repr, self._locks))})"


def _give_back(locks: list[Any], admission: _ropewalk.Admission) -> None:
    try:
        for lock in reversed(locks):
            lock.release()
    finally:
        admission.close()
