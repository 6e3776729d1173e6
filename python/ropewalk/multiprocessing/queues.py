"""The names of :mod:`multiprocessing.queues`, on the engine.

A queue is memory that its processes share: ``put`` leaves the object there before it returns, whoever is killed then.
There is no thread that feeds a pipe, so nothing holds a process at its end, and ``qsize()`` is exact.
"""

from __future__ import annotations

import multiprocessing.queues as _original
import os
from _multiprocessing import SemLock  # type: ignore[import-not-found]
from collections import deque
from multiprocessing import context
from multiprocessing.reduction import DupFd
from multiprocessing.util import debug
from pickle import PicklingError

from ropewalk import _ropewalk
from ropewalk.multiprocessing.queue_ends import Reader, Writer
from ropewalk.original import OneOfBoth

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = list(_original.__all__)


def __getattr__(name: str) -> Any:
    """Everything else is the original's."""
    return getattr(_original, name)


class _Made:
    """A private attribute of the original, made when it is first asked for; a program may set another."""

    def __init__(self, make: Callable[[Any], Any]) -> None:
        self._make = make

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, queue: Any, owner: type) -> Any:
        if queue is None:
            raise AttributeError(f"type object {owner.__name__!r} has no attribute {self._name!r}")
        return queue.__dict__.setdefault(self._name, self._make(queue))


def _lock(queue: Any) -> Any:
    """Queues of ropewalk's need no lock: this one is for programs that take the original's.

    It is one of ours, whatever the start method: the original's would have a name and a process that watches over it.
    """
    from ropewalk.multiprocessing.context import CONTEXTS

    return CONTEXTS["fork"].Lock()


class _Ends:
    """What ``Queue`` and ``SimpleQueue`` have in common."""

    #: Who packs these by itself wants the original's pipe and its locks.
    __parts__ = frozenset({"_reader", "_rlock", "_sem", "_wlock", "_writer"})

    _reader = _Made(Reader)
    _writer = _Made(Writer)
    _rlock = _Made(_lock)
    _wlock = _Made(_lock)

    def _poll(self, timeout: float | None = 0.0) -> bool:
        return self._reader.poll(timeout)  # type: ignore[no-any-return]

    def __getstate__(self) -> Any:
        raise NotImplementedError

    def _refused(self, error: Exception, obj: Any) -> None:
        """An object could not be pickled."""
        if isinstance(
            error, (AttributeError, PicklingError, TypeError)
        ):  # not what a reducer says for itself
            from ropewalk.processes.blame import explain_object

            explain_object(error, obj)
        raise error

    def __reduce__(self) -> Any:
        return _rebuild, (_public(type(self)),), self.__getstate__()


class Queue(_Ends, _ropewalk.ProcessQueue, _original.Queue, metaclass=OneOfBoth):  # type: ignore[type-arg]
    __doc__ = _original.Queue.__doc__
    __module__ = "multiprocessing.queues"
    __ropewalk__ = True
    __original__: type = _original.Queue
    __hooks__ = frozenset({"_feed", "_finalize_close", "_finalize_join", "_reset", "_start_thread"})

    _ignore_epipe = False
    _joincancelled = False
    #: There is no thread that feeds a pipe.
    _thread = None
    _buffer = _Made(lambda _: deque())
    _recv_bytes = _Made(lambda queue: queue._reader.recv_bytes)
    _send_bytes = _Made(lambda queue: queue._writer.send_bytes)

    def __init__(self, maxsize: int = 0, *, ctx: Any) -> None:
        if maxsize <= 0:
            maxsize = SemLock.SEM_VALUE_MAX
        self._create(maxsize)
        self._maxsize = maxsize
        self._opid = os.getpid()

    def __getstate__(self) -> Any:
        context.assert_spawning(self)
        return self._ignore_epipe, self._maxsize, self._opid, *map(DupFd, self._descriptors())

    def __setstate__(self, state: Any) -> None:
        self._ignore_epipe, self._maxsize, self._opid, memory, bell = state
        self._attach(memory.detach(), bell.detach())

    def _after_fork(self) -> None:
        debug("Queue._after_fork()")

    def join_thread(self) -> None:
        debug("Queue.join_thread()")
        assert self._closed, f"Queue {self!r} not closed"

    def cancel_join_thread(self) -> None:
        debug("Queue.cancel_join_thread()")
        self._joincancelled = True

    def _terminate_broken(self) -> None:
        self._reader.close()
        self.close()

    def _refused(self, error: Exception, obj: Any) -> None:
        """Tells the program's hook if there is one, else raises."""
        hook = self._on_queue_feeder_error  # type: ignore[attr-defined]
        if hook is _PRINT and not _reports():
            super()._refused(error, obj)
        try:
            raise error
        except Exception as raised:  # the original's hook prints what is being handled
            hook(raised, obj)


class _Unfinished:
    """The semaphore in which the original counts what has not been dealt with, for programs that ask it."""

    def __init__(self, queue: Any) -> None:
        self.get_value = queue._unfinished
        self._semlock = self

    def _get_value(self) -> int:
        return self.get_value()  # type: ignore[no-any-return]

    def _is_zero(self) -> bool:
        return self._get_value() == 0


class JoinableQueue(_ropewalk.JoinableProcessQueue, Queue, _original.JoinableQueue):  # type: ignore[type-arg]
    __doc__ = _original.JoinableQueue.__doc__
    __module__ = "multiprocessing.queues"
    __original__ = _original.JoinableQueue

    _unfinished_tasks = _Made(_Unfinished)


class SimpleQueue(_Ends, _ropewalk.SimpleProcessQueue, _original.SimpleQueue, metaclass=OneOfBoth):  # type: ignore[type-arg]
    __doc__ = _original.SimpleQueue.__doc__
    __module__ = "multiprocessing.queues"
    __ropewalk__ = True
    __original__: type = _original.SimpleQueue
    __hooks__: frozenset[str] = frozenset()

    def __init__(self, *, ctx: Any) -> None:
        self._create()

    def __getstate__(self) -> Any:
        context.assert_spawning(self)
        return tuple(map(DupFd, self._descriptors()))

    def __setstate__(self, state: Any) -> None:
        memory, bell = state
        self._attach(memory.detach(), bell.detach())


_PRINT = _original.Queue._on_queue_feeder_error  # type: ignore[attr-defined]


def _reports() -> bool:
    """Whether ``put`` prints why an object cannot be pickled and drops it, as the original does."""
    return os.environ.get("ROPEWALK_QUEUE_ERRORS") == "print"


def _public(cls: Any) -> Any:
    """A class of ours by its name: the child may not have it in the original's place."""
    return cls.__name__ if "__original__" in vars(cls) else cls


def _rebuild(cls: Any) -> Any:
    """An object of the class, or of what stands for it here, without its state."""
    if isinstance(cls, str):
        cls = globals()[cls]
    elif not issubclass(type(cls), OneOfBoth):
        # A program's class: here its base is the original, for ropewalk is not installed here.
        ours = next(globals()[base.__name__] for base in cls.__mro__ if base in _ORIGINALS)
        cls = OneOfBoth(
            cls.__name__, (cls, ours), {"__module__": cls.__module__, "__qualname__": cls.__qualname__}
        )
    return cls.__new__(cls)


_ORIGINALS = frozenset({_original.Queue, _original.JoinableQueue, _original.SimpleQueue})

#: What install() puts into the real modules, as one set: module -> attribute -> object.
PATCHES: dict[str, dict[str, Any]] = {
    "multiprocessing.queues": {"JoinableQueue": JoinableQueue, "Queue": Queue, "SimpleQueue": SimpleQueue},
}
