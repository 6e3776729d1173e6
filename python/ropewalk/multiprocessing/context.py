"""Contexts whose queues, locks and pools are ropewalk's, also without ``install()``.

A method of the original's contexts imports the module that has the class, relative to its own package. Contexts of ours
have the same methods over our package. How processes are started is the original's, and which start method is set too:
there is one for the program, whichever of the two packages has set it.
"""

from __future__ import annotations

import multiprocessing.context as _original

from ropewalk.multiprocessing.process import ForkProcess, ForkServerProcess, Process, SpawnProcess
from ropewalk.multiprocessing.processors import cpu_count
from ropewalk.original import rebound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = list(_original.__all__)

#: What a context makes -> the module of ours that has it.
HOMES: dict[str, str] = {
    "Array": "ropewalk.multiprocessing.sharedctypes",
    "Barrier": "ropewalk.multiprocessing.synchronize",
    "BoundedSemaphore": "ropewalk.multiprocessing.synchronize",
    "Condition": "ropewalk.multiprocessing.synchronize",
    "Event": "ropewalk.multiprocessing.synchronize",
    "JoinableQueue": "ropewalk.multiprocessing.queues",
    "Pool": "ropewalk.multiprocessing.pool",
    "Lock": "ropewalk.multiprocessing.synchronize",
    "Queue": "ropewalk.multiprocessing.queues",
    "Pipe": "ropewalk.multiprocessing.connection",
    "RLock": "ropewalk.multiprocessing.synchronize",
    "RawArray": "ropewalk.multiprocessing.sharedctypes",
    "RawValue": "ropewalk.multiprocessing.sharedctypes",
    "Semaphore": "ropewalk.multiprocessing.synchronize",
    "SimpleQueue": "ropewalk.multiprocessing.queues",
    "Value": "ropewalk.multiprocessing.sharedctypes",
}


class _Ours:
    """Put before a context of the original."""

    cpu_count = cpu_count

    def get_context(self, method: str | None = None) -> Any:
        """As the original's, with contexts of ours."""
        if method is None:
            return self
        theirs = super().get_context(method)  # type: ignore[misc]
        return CONTEXTS.get(method, theirs)


for _name, _home in HOMES.items():
    _package = _home.rpartition(".")[0]
    _method = rebound(getattr(_original.BaseContext, _name), __package__=_package, __name__=__name__)
    setattr(_Ours, _name, _method)


class ForkContext(_Ours, _original.ForkContext):
    Process = ForkProcess


class SpawnContext(_Ours, _original.SpawnContext):
    Process = SpawnProcess


class ForkServerContext(_Ours, _original.ForkServerContext):
    Process = ForkServerProcess


class DefaultContext(_Ours, _original.DefaultContext):
    """Has no start method of its own: asks the original's default context."""

    Process = Process

    def __init__(self) -> None: ...

    def get_context(self, method: str | None = None) -> Any:
        """As the original's, with contexts of ours."""
        return super().get_context(method or self.get_start_method())

    def set_start_method(self, method: str | None, force: bool = False) -> None:
        """As the original's, for both packages."""
        _original._default_context.set_start_method(method, force)

    def get_start_method(self, allow_none: bool = False) -> Any:
        """As the original's, for both packages."""
        return _original._default_context.get_start_method(allow_none)


CONTEXTS: dict[str, Any] = {
    "fork": ForkContext(),
    "spawn": SpawnContext(),
    "forkserver": ForkServerContext(),
}
DEFAULT = DefaultContext()
