"""The names of :mod:`queue`, on the engine; ``shutdown()`` and ``ShutDown`` on every Python.

``SimpleQueue`` is the original's: it is written in C already, and faster.
"""

from __future__ import annotations

import queue as _original
from contextlib import suppress
from heapq import heapify, heappop, heappush
from queue import Empty, Full, SimpleQueue

from ropewalk import _ropewalk
from ropewalk.locks import Condition, Lock
from ropewalk.original import Inside, OneOfBoth, become_original, runs_original

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

try:
    from queue import ShutDown  # type: ignore[attr-defined, unused-ignore]
except ImportError:  # before 3.13

    class ShutDown(Exception):  # type: ignore[no-redef]
        """Raised when put/get with shut-down queue."""

        __module__ = "queue"


__all__ = ["Empty", "Full", "LifoQueue", "PriorityQueue", "Queue", "ShutDown", "SimpleQueue"]

_HOOKS = frozenset({"_init", "_put", "_get", "_qsize"})


def __getattr__(name: str) -> Any:
    """Everything else is the original's."""
    return getattr(_original, name)


def _open(queue: Any) -> None:
    maxsize, mutex = queue.maxsize, Lock()
    conditions = {name: Condition(mutex) for name in ("not_empty", "not_full", "all_tasks_done")}
    become_original(queue)
    items, unfinished, shut = queue._retire()
    inside = queue.__dict__
    inside["maxsize"] = maxsize
    inside["is_shutdown"] = shut
    inside["unfinished_tasks"] = unfinished
    queue._init(maxsize)
    for item in reversed(items) if isinstance(queue, _original.LifoQueue) else items:
        queue._put(item)
    inside.update(conditions, mutex=mutex)


class Queue(_ropewalk.Queue, _original.Queue, metaclass=OneOfBoth):  # type: ignore[type-arg]
    __doc__ = _original.Queue.__doc__
    __module__ = "queue"
    __ropewalk__ = True
    __original__: type = _original.Queue
    __hooks__ = _HOOKS

    mutex = Inside(_open)
    not_empty = Inside(_open)
    not_full = Inside(_open)
    all_tasks_done = Inside(_open)
    queue = Inside(_open)

    def __getstate__(self) -> Any:
        raise TypeError("cannot pickle '_thread.lock' object")


class LifoQueue(_ropewalk.LifoQueue, Queue, _original.LifoQueue):  # type: ignore[type-arg]
    __doc__ = _original.LifoQueue.__doc__
    __module__ = "queue"
    __original__ = _original.LifoQueue


def _open_priority(queue: Any) -> None:
    _open(queue)
    queue._wake_putters()


class PriorityQueue(_ropewalk.PriorityQueue, Queue, _original.PriorityQueue):  # type: ignore[type-arg]
    __doc__ = _original.PriorityQueue.__doc__
    __module__ = "queue"
    __original__ = _original.PriorityQueue

    mutex = Inside(_open_priority)
    not_empty = Inside(_open_priority)
    not_full = Inside(_open_priority)
    all_tasks_done = Inside(_open_priority)
    queue = Inside(_open_priority)

    def __init__(self, maxsize: int = 0) -> None:
        if runs_original(self):
            _original.PriorityQueue.__init__(self, maxsize)
        else:
            self.maxsize = maxsize

    # The items are compared here, in Python frames: they may be anything.

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Put an item in; wait for room at most ``timeout`` seconds if ``block``.

        :raises Full: if there is no room by then.
        :raises ShutDown: after ``shutdown()``.
        :raises TypeError: if the item cannot be compared with those inside; it is not put in then.
        """
        with self._putting(block, timeout) as (heap, _):
            if heap is None:
                return _original.PriorityQueue.put(self, item, block, timeout)
            try:
                heappush(heap, item)
            except BaseException:
                _take_back(heap, item)
                raise

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """Take the smallest item out; wait for one at most ``timeout`` seconds if ``block``.

        :raises Empty: if there is none by then.
        :raises ShutDown: after ``shutdown()``, when nothing is left.
        """
        with self._getting(block, timeout) as (heap, late):
            if heap is None:
                return _original.PriorityQueue.get(self, block, timeout)
            while late:
                heappush(heap, late.pop())
            smallest = heap[0]
            try:
                return heappop(heap)
            except BaseException:
                heap.append(smallest)  # a failed heappop has dropped it
                _restore_order(heap)
                raise

    def put_nowait(self, item: Any) -> None:
        """Put an item in if there is room now, else raise ``Full``."""
        self.put(item, False)

    def get_nowait(self) -> Any:
        """Take the smallest item out if there is one now, else raise ``Empty``."""
        return self.get(False)

    def shutdown(self, immediate: bool = False) -> None:
        """Let no more items in; ``get`` takes out what is left, or nothing if ``immediate``."""
        with self._closing() as (heap, late):
            if heap is None:
                return _original.PriorityQueue.shutdown(self, immediate)  # type: ignore[attr-defined, no-any-return, unused-ignore]
            while late:
                heappush(heap, late.pop())
            gone = self._shut(immediate)
            if gone:  # what is left belongs to gets that have begun
                heap[:] = [heappop(heap) for _ in range(len(heap) - gone)]
        self._wake_putters()

    def full(self) -> bool:
        """Whether there is no room now."""
        return 0 < self.maxsize <= self.qsize()

    @property
    def maxsize(self) -> int:
        """With how many items it is full; zero or less for never."""
        maxsize: int = self.__dict__.get("maxsize", 0)
        return maxsize

    @maxsize.setter
    def maxsize(self, maxsize: int) -> None:
        self.__dict__["maxsize"] = maxsize
        if not runs_original(self):
            self._set_room(maxsize)


def _take_back(heap: list[Any], item: Any) -> None:
    """After a failed comparison: the heap as it was before the item came."""
    for place, other in enumerate(heap):
        if other is item:
            del heap[place]
            break
    _restore_order(heap)


def _restore_order(heap: list[Any]) -> None:
    """As far as the items can be compared at all: all of them stay inside in any case."""
    with suppress(Exception):
        heapify(heap)


#: What install() puts into the real modules, as one set: module -> attribute -> object.
PATCHES: dict[str, dict[str, Any]] = {
    "queue": {
        "Empty": Empty,
        "Full": Full,
        "LifoQueue": LifoQueue,
        "PriorityQueue": PriorityQueue,
        "Queue": Queue,
        "ShutDown": ShutDown,
        "SimpleQueue": SimpleQueue,
    }
}
