"""Contexts whose queues, locks and pools are ropewalk's, also without ``install()``.

A context of the original makes its objects by importing the module and calling the class there. One of ours names the
module of ours instead; how processes are started is the original's.
"""

from __future__ import annotations

import importlib
import multiprocessing.context as _original
from typing import Any

__all__ = ["DEFAULT"]

#: What a context makes -> the module of ours that has it.
HOMES: dict[str, str] = {
    "BoundedSemaphore": "ropewalk.multiprocessing.synchronize",
    "Lock": "ropewalk.multiprocessing.synchronize",
    "RLock": "ropewalk.multiprocessing.synchronize",
    "Semaphore": "ropewalk.multiprocessing.synchronize",
}


class _Ours:
    """Put before a context of the original."""

    def __getattribute__(self, name: str) -> Any:
        if name in HOMES:
            module = importlib.import_module(HOMES[name])
            return _Maker(getattr(module, name), self)
        return super().__getattribute__(name)

    def get_context(self, method: str | None = None) -> Any:
        """As the original's, with contexts of ours."""
        if method is None:
            method = super().get_start_method()  # type: ignore[misc]
        return CONTEXTS[method] if method in CONTEXTS else super().get_context(method)  # type: ignore[misc]


class _Maker:
    """Calls a class of ours with the context it was taken from."""

    def __init__(self, cls: type, context: Any) -> None:
        self._cls = cls
        self._context = context

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._cls(*args, ctx=self._context.get_context(), **kwargs)


class ForkContext(_Ours, _original.ForkContext): ...


class SpawnContext(_Ours, _original.SpawnContext): ...


class ForkServerContext(_Ours, _original.ForkServerContext): ...


class DefaultContext(_Ours, _original.DefaultContext): ...


CONTEXTS: dict[str, Any] = {
    "fork": ForkContext(),
    "spawn": SpawnContext(),
    "forkserver": ForkServerContext(),
}
DEFAULT = DefaultContext(CONTEXTS[_original._default_context.get_start_method(allow_none=True) or "fork"])
