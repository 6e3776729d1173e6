"""The names of :mod:`multiprocessing.synchronize`, on the engine.

A lock or a semaphore is a few words in memory without a name, which its process passes on to those that it starts.
Nothing is left behind, and nobody waits for a process that was killed: whoever waits for its lock takes it over and is
told by an ``OwnerDiedWarning``.
"""

from __future__ import annotations

import multiprocessing.synchronize as _theirs
import os
import warnings
from multiprocessing import context, util

from ropewalk import _ropewalk
from ropewalk.errors import OwnerDiedWarning
from ropewalk.multiprocessing.memory import shared
from ropewalk.original import OneOfBoth

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_original: Any = _theirs

__all__ = list(_original.__all__)

#: The environment variable that makes it an error, ``error``, to take over the lock of a process that has ended.
SETTING = "ROPEWALK_OWNER_DIED"

if os.environ.get(SETTING) == "error":  # -W names no category that has yet to be imported
    warnings.simplefilter("error", OwnerDiedWarning)

_Inner: Any = _original._multiprocessing.SemLock
_Engine: Any = _ropewalk.make_sem_lock(_Inner)


def __getattr__(name: str) -> Any:
    """Everything else is the original's."""
    return getattr(_original, name)


#: Whether the original refuses to pass what was made for forked processes to spawned ones (3.11).
_REFUSES = "_is_fork_ctx" in _original.SemLock.__getstate__.__code__.co_names


class SemLock(_Engine, _original.SemLock, metaclass=OneOfBoth):  # type: ignore[misc]
    __doc__ = _original.SemLock.__doc__
    __module__ = "multiprocessing.synchronize"
    __ropewalk__ = True
    __original__: Any = _original.SemLock
    __hooks__: frozenset[str] = frozenset()

    def __init__(self, kind: int, value: int, maxvalue: int, *, ctx: Any) -> None:
        _begin(self, kind, value, maxvalue, ctx)

    @property
    def _semlock(self) -> Any:
        """What the original keeps apart: here the object itself has that interface."""
        return self

    def __reduce__(self) -> Any:
        return _rebuild, (_public(type(self)), self.__getstate__())

    def __getstate__(self) -> Any:
        context.assert_spawning(self)
        _refuse_forked(self)
        memory, *place = _ropewalk.place_of_sem_lock(self)
        return (shared(memory), *place)

    def __setstate__(self, state: Any) -> None:
        _ropewalk.open_sem_lock(self, *state)
        self._is_fork_ctx = False


def _refuse_forked(instance: Any) -> None:
    if _REFUSES and instance._is_fork_ctx:
        raise RuntimeError(
            "A SemLock created in a fork context is being shared with a process in a spawn context. This is not "
            "supported. Please use the same context to create multiprocessing objects and Process."
        )


def _begin(lock: Any, kind: int, value: int, maxvalue: int, ctx: Any, owned: bool = False) -> None:
    if ctx is None:
        ctx = context._default_context.get_context()
    _ropewalk.begin_sem_lock(lock, kind, value, maxvalue, owned)
    lock._is_fork_ctx = ctx.get_start_method() == "fork"
    if util._logger:  # type: ignore[attr-defined]
        util.debug(f"created semlock with handle {lock.handle}")


def _public(cls: type) -> Any:
    """A class of ours by its name: the child may not have it in the original's place."""
    return cls.__name__ if "__original__" in vars(cls) else cls


def _rebuild(cls: Any, state: Any) -> Any:
    made = globals()[cls] if isinstance(cls, str) else cls
    made = made.__new__(made)
    made.__setstate__(state)
    return made


# One for all locks: the original notes each of them.
util.register_after_fork(SemLock, lambda _: _ropewalk.forget_locks())


class Semaphore(SemLock, _original.Semaphore):  # type: ignore[misc]
    __doc__ = _original.Semaphore.__doc__
    __module__ = "multiprocessing.synchronize"
    __original__ = _original.Semaphore

    def __init__(self, value: int = 1, *, ctx: Any) -> None:
        _begin(self, _original.SEMAPHORE, value, _original.SEM_VALUE_MAX, ctx)


class BoundedSemaphore(Semaphore, _original.BoundedSemaphore):  # type: ignore[misc]
    __doc__ = _original.BoundedSemaphore.__doc__
    __module__ = "multiprocessing.synchronize"
    __original__ = _original.BoundedSemaphore

    def __init__(self, value: int = 1, *, ctx: Any) -> None:
        _begin(self, _original.SEMAPHORE, value, value, ctx)


class Lock(SemLock, _original.Lock):  # type: ignore[misc]
    __doc__ = _original.Lock.__doc__
    __module__ = "multiprocessing.synchronize"
    __original__ = _original.Lock

    def __init__(self, *, ctx: Any) -> None:
        _begin(self, _original.SEMAPHORE, 1, 1, ctx, owned=True)


class RLock(SemLock, _original.RLock):  # type: ignore[misc]
    __doc__ = _original.RLock.__doc__
    __module__ = "multiprocessing.synchronize"
    __original__ = _original.RLock

    def __init__(self, *, ctx: Any) -> None:
        _begin(self, _original.RECURSIVE_MUTEX, 1, 1, ctx, owned=True)


class _Passed:
    """Goes to a process that is being started as the memory that it lies in and its number there."""

    __getstate__: Any

    def __reduce__(self) -> Any:
        return _rebuild, (_public(type(self)), self.__getstate__())


def _note_context(instance: Any, ctx: Any) -> None:
    instance._is_fork_ctx = ctx is not None and ctx.get_start_method() == "fork"


def _place(instance: Any) -> tuple[Any, int]:
    """Where it lies, if it may be passed."""
    context.assert_spawning(instance)
    _refuse_forked(instance)
    memory, number = instance._place()
    return shared(memory), number


class _Number:
    """A number of a condition, in the clothes of the semaphore that the original counts with."""

    def __init__(self, get_value: Callable[[], int]) -> None:
        self.get_value = self._get_value = get_value

    @property
    def _semlock(self) -> _Number:
        return self


class Condition(_Passed, _ropewalk.ProcessCondition, _original.Condition, metaclass=OneOfBoth):  # type: ignore[misc]
    __doc__ = _original.Condition.__doc__
    __module__ = "multiprocessing.synchronize"
    __ropewalk__ = True
    __original__: Any = _original.Condition
    __hooks__: frozenset[str] = frozenset()

    def __init__(self, lock: Any = None, *, ctx: Any) -> None:
        lock = lock or ctx.RLock()
        self._begin(lock, is_made(lock))
        _note_context(self, ctx)
        self._make_methods()

    def __getstate__(self) -> Any:
        return (self._lock, *_place(self))

    def __setstate__(self, state: Any) -> None:
        lock, memory, number = state
        self._open(lock, is_made(lock), memory, number)
        self._is_fork_ctx = False
        self._make_methods()

    @property
    def _sleeping_count(self) -> Any:
        return _Number(self._waiting)

    @property
    def _woken_count(self) -> Any:
        return _Number(lambda: 0)

    _wait_semaphore = _woken_count


class Event(_Passed, _ropewalk.ProcessEvent, _original.Event, metaclass=OneOfBoth):  # type: ignore[misc]
    __doc__ = _original.Event.__doc__
    __module__ = "multiprocessing.synchronize"
    __ropewalk__ = True
    __original__: Any = _original.Event
    __hooks__: frozenset[str] = frozenset()

    def __init__(self, *, ctx: Any) -> None:
        self._begin()
        _note_context(self, ctx)

    def __getstate__(self) -> Any:
        return _place(self)

    def __setstate__(self, state: Any) -> None:
        self._open(*state)
        self._is_fork_ctx = False


class Barrier(_Passed, _original.Barrier, metaclass=OneOfBoth):  # type: ignore[misc]
    __doc__ = _original.Barrier.__doc__
    __module__ = "multiprocessing.synchronize"
    __ropewalk__ = True
    __original__: Any = _original.Barrier
    __hooks__: frozenset[str] = frozenset()

    def __init__(self, parties: int, action: Any = None, timeout: float | None = None, *, ctx: Any) -> None:
        self._barrier = _ropewalk.ProcessBarrier(parties)
        self._action = action
        self._timeout = timeout
        _note_context(self, ctx)

    def __getstate__(self) -> Any:
        return (self._action, self._timeout, *_place(self))

    def __setstate__(self, state: Any) -> None:
        self._action, self._timeout, memory, number = state
        self._barrier = _ropewalk.ProcessBarrier.open(memory, number)
        self._is_fork_ctx = False

    def _place(self) -> Any:
        return self._barrier.place()

    def wait(self, timeout: float | None = None) -> int:
        return self._barrier.wait(self._action, self._timeout if timeout is None else timeout)

    def reset(self) -> None:
        self._barrier.reset()

    def abort(self) -> None:
        self._barrier.abort()

    @property
    def parties(self) -> int:
        return self._barrier.parties

    @property
    def n_waiting(self) -> int:
        return self._barrier.n_waiting

    @property
    def broken(self) -> bool:
        return self._barrier.broken


for _name in ("wait", "reset", "abort", "parties", "n_waiting", "broken"):
    vars(Barrier)[_name].__doc__ = getattr(_original.Barrier, _name).__doc__

_MADE = frozenset({Semaphore, BoundedSemaphore, Lock, RLock})


def is_made(lock: Any) -> bool:
    """Whether it is one of our locks as it was made: who uses it need not call its methods by name."""
    return type(lock) in _MADE


for _class in (SemLock, Semaphore, BoundedSemaphore, Lock, RLock):
    # The original keeps these in each object.
    _ropewalk.graft(_class, _Inner)

PATCHES: dict[str, dict[str, Any]] = {
    "multiprocessing.synchronize": {
        "Barrier": Barrier,
        "BoundedSemaphore": BoundedSemaphore,
        "Condition": Condition,
        "Event": Event,
        "Lock": Lock,
        "RLock": RLock,
        "SemLock": SemLock,
        "Semaphore": Semaphore,
    }
}
