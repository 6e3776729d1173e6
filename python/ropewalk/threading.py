"""The names of :mod:`threading`, on the engine.

What the interpreter itself owns is the interpreter's: ``Thread`` and its start and end, ``local``, the hooks, the list
of threads.  Locks, conditions, semaphores, events and barriers are ropewalk's.
"""

from __future__ import annotations

import threading as _original

from ropewalk import _ropewalk
from ropewalk.locks import Condition, Lock, RLock
from ropewalk.original import Inside, OneOfBoth, become_original, open_up_once, rebound, runs_original

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = list(_original.__all__)

_NOT_PICKLED = "cannot pickle '_thread.lock' object"


def __getattr__(name: str) -> Any:
    """Everything else is the original's."""
    return getattr(_original, name)


def _open_event(event: Any) -> None:
    condition = Condition(Lock())
    become_original(event)
    event.__dict__["_flag"] = event._retire()
    event.__dict__["_cond"] = condition


class Event(_ropewalk.Event, _original.Event, metaclass=OneOfBoth):
    __doc__ = _original.Event.__doc__
    __module__ = "threading"
    __ropewalk__ = True
    __original__ = _original.Event
    __hooks__: frozenset[str] = frozenset()

    _cond = Inside(_open_event)

    def __getstate__(self) -> Any:
        raise TypeError(_NOT_PICKLED)


def _open_semaphore(semaphore: Any) -> None:
    condition = Condition(Lock())
    become_original(semaphore)
    semaphore.__dict__["_value"] = semaphore._retire()
    semaphore.__dict__["_cond"] = condition


class Semaphore(_ropewalk.Semaphore, _original.Semaphore, metaclass=OneOfBoth):
    __doc__ = _original.Semaphore.__doc__
    __module__ = "threading"
    __ropewalk__ = True
    __original__ = _original.Semaphore
    __hooks__: frozenset[str] = frozenset()

    _cond = Inside(_open_semaphore)

    def __getstate__(self) -> Any:
        raise TypeError(_NOT_PICKLED)


class BoundedSemaphore(_ropewalk.BoundedSemaphore, Semaphore, _original.BoundedSemaphore):
    __doc__ = _original.BoundedSemaphore.__doc__
    __module__ = "threading"
    __original__ = _original.BoundedSemaphore


def _open_barrier(barrier: Any) -> None:
    if not barrier._is_started():
        return  # a subclass has put nothing inside
    condition = Condition(Lock())
    inside = barrier.__dict__
    inside["_parties"] = barrier._meeting()
    inside["_action"] = None
    become_original(barrier)
    inside["_state"] = -2 if barrier._retire() else 0
    inside["_count"] = 0
    inside["_cond"] = condition


class _InPlainSight(Inside):
    """A private attribute of the original that anybody may read; whoever changes it gets the original."""

    def __init__(self, look: Callable[[Any], Any]) -> None:
        super().__init__(_open_barrier)
        self.look = look

    def __get__(self, barrier: Any, owner: type) -> Any:
        if barrier is not None and self.name not in barrier.__dict__ and barrier._is_started():
            return self.look(barrier)
        return super().__get__(barrier, owner)

    def __set__(self, barrier: Any, value: Any) -> None:
        if not runs_original(barrier):
            open_up_once(barrier, self.open_up)
        barrier.__dict__[self.name] = value


_theirs: Any = _original.Barrier  # the module will have ours
_init_barrier = rebound(_original.Barrier.__init__, Condition=Condition, Lock=Lock)


class Barrier(_ropewalk.Barrier, _original.Barrier, metaclass=OneOfBoth):
    __doc__ = _original.Barrier.__doc__
    __module__ = "threading"
    __ropewalk__ = True
    __original__ = _original.Barrier
    #: Its private attributes too: ``multiprocessing.Barrier`` keeps them where other processes see them.
    __hooks__ = frozenset(
        {"_enter", "_release", "_wait", "_exit", "_break", "_cond", "_action", "_state", "_count", "_parties"}
    )

    _cond = Inside(_open_barrier)
    _state = Inside(_open_barrier)
    _count = Inside(_open_barrier)
    _action = _InPlainSight(lambda barrier: None)
    _parties = _InPlainSight(lambda barrier: barrier._meeting())

    def __init__(self, parties: int, action: Any = None, timeout: float | None = None) -> None:
        if action is None and self._start(parties):
            self._timeout = timeout
            return
        if not runs_original(self):
            open_up_once(self, _open_barrier)
            if not runs_original(self):
                become_original(self)
        _init_barrier(self, parties, action, timeout)

    @property
    def parties(self) -> int:
        return self._meeting() if self._is_started() else _theirs.parties.fget(self)

    @property
    def n_waiting(self) -> int:
        return self._waiting() if self._is_started() else _theirs.n_waiting.fget(self)

    @property
    def broken(self) -> bool:
        return self._is_broken() if self._is_started() else _theirs.broken.fget(self)

    def __getstate__(self) -> Any:
        raise TypeError(_NOT_PICKLED)


for _name in ("parties", "n_waiting", "broken"):
    getattr(Barrier, _name).__doc__ = getattr(_original.Barrier, _name).__doc__
Barrier.__init__.__doc__ = _original.Barrier.__init__.__doc__


class _Dangling(type(_original._dangling)):  # type: ignore[misc]
    """What knows all threads, looked through by each forked child, in one call of the engine."""

    def __iter__(self) -> Any:
        return _ropewalk.living(self.data)


#: What install() puts into the real modules, as one set: module -> attribute -> object.
PATCHES: dict[str, dict[str, Any]] = {
    "threading": {
        "Barrier": Barrier,
        "BoundedSemaphore": BoundedSemaphore,
        "Condition": Condition,
        "Event": Event,
        "Lock": Lock,
        "RLock": RLock,
        "Semaphore": Semaphore,
    },
    "threading._dangling": {"__class__": _Dangling},
}
