"""Objects of ours that are there when gevent or eventlet patches threads.

The names go back to the originals before that, so what is made later waits through the hub.  But a program may have
made queues, events and pools before, or have taken our classes (``from queue import Queue``).  On the standard
library those go through the hub too, since their waits make their locks anew, in Python, by names that the framework
has replaced.  So ours become the original's here: each runs the original's algorithm from now on, on the framework's
locks.

A ``Lock`` or an ``RLock`` that was made before, or is made by a name that was taken before, stays the engine's; the
interpreter's own ``Lock`` would stop the hub likewise.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

__all__ = ["hand_over"]


def hand_over() -> None:
    """All objects of ours become the original's, and so does what is made of our classes from now on."""
    if "ropewalk.original" not in sys.modules:
        return  # then there are none
    import gc

    from ropewalk import locks, original

    locks.made_cooperative()
    openers = _openers()
    for thing in gc.get_objects():
        _open(thing, openers)

    def make(cls: Any, *args: Any, **kwargs: Any) -> Any:
        theirs = vars(cls).get("__original__")
        if theirs is not None:
            return theirs(*args, **kwargs)
        made = type.__call__(cls, *args, **kwargs)
        _open(made, openers)
        return made

    original.OneOfBoth.__call__ = make  # type: ignore[method-assign, assignment]


def _open(thing: Any, openers: dict[type, Callable[[Any], object]]) -> None:
    for base in type(thing).__mro__:
        opener = openers.get(base)
        if opener is not None:
            opener(thing)
            return


def _openers() -> dict[type, Callable[[Any], object]]:
    """Class of ours -> what makes an object of it the original's. Only what the program has loaded."""
    openers: dict[type, Callable[[Any], object]] = {}
    threading = sys.modules.get("ropewalk.threading")
    if threading is not None:
        for cls in (threading.Event, threading.Semaphore, threading.Barrier):
            openers[cls] = lambda thing: thing._cond
    locks = sys.modules.get("ropewalk.locks")
    if locks is not None:
        openers[locks.Condition] = locks.become_original_condition
    queue = sys.modules.get("ropewalk.queue")
    if queue is not None:
        openers[queue.Queue] = lambda thing: thing.mutex
    future = sys.modules.get("ropewalk.concurrent.futures.future")
    if future is not None:
        openers[future.Future] = lambda thing: thing._condition
    pool = sys.modules.get("ropewalk.concurrent.futures.thread_pool")
    if pool is not None:
        openers[pool.ThreadPoolExecutor] = _open_pool
    return openers


def _open_pool(pool: Any) -> None:
    if "_line" in pool.__dict__:
        import queue

        before = pool._threads
        # Its threads do what is in line, and go. Not a SimpleQueue, which gevent replaces later than threads.
        pool._work_queue = queue.Queue()
        pool._threads = _Threads(before)


class _Threads(set):  # type: ignore[type-arg]
    """The threads of a pool.  Those that it had before are not counted, but met by whoever joins all."""

    def __init__(self, before: Iterable[Any]) -> None:
        super().__init__()
        self._before = list(before)

    def __iter__(self) -> Iterator[Any]:
        yield from self._before
        yield from super().__iter__()
