"""The names of :mod:`multiprocessing.synchronize`, on the engine.

A lock or a semaphore is a few words in memory without a name, which its process passes on to those that it starts.
Nothing is left behind, and nobody waits for a process that was killed: whoever waits for its lock takes it over and is
told by an ``OwnerDiedWarning``.
"""

from __future__ import annotations

import multiprocessing.synchronize as _theirs
from multiprocessing import context, util
from typing import Any

from ropewalk import _ropewalk
from ropewalk.multiprocessing.memory import shared
from ropewalk.original import OneOfBoth

_original: Any = _theirs

__all__ = list(_original.__all__)

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
        if _REFUSES and self._is_fork_ctx:
            raise RuntimeError(
                "A SemLock created in a fork context is being shared with a process in a spawn context. This is not "
                "supported. Please use the same context to create multiprocessing objects and Process."
            )
        memory, *place = _ropewalk.place_of_sem_lock(self)
        return (shared(memory), *place)

    def __setstate__(self, state: Any) -> None:
        _ropewalk.open_sem_lock(self, *state)
        self._is_fork_ctx = False


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


for _class in (SemLock, Semaphore, BoundedSemaphore, Lock, RLock):
    # The original keeps these in each object.
    _ropewalk.graft(_class, _Inner)

PATCHES: dict[str, dict[str, Any]] = {
    "multiprocessing.synchronize": {
        "BoundedSemaphore": BoundedSemaphore,
        "Lock": Lock,
        "RLock": RLock,
        "SemLock": SemLock,
        "Semaphore": Semaphore,
    }
}
