"""``Thread.join`` and the end of threads, made visible to the wait graph.

Both are the interpreter's own.  A join without a timeout is declared to the engine before it begins; when a thread has
ended, the engine looks whether all that are left wait for ever.
"""

from __future__ import annotations

import functools
from _thread import get_ident

from ropewalk import _ropewalk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

__all__ = ["unwatch", "watch"]

_before: dict[tuple[Any, str], tuple[Any, Any]] = {}


def watch(threading: ModuleType) -> None:
    """Declares the joins of this module's threads from now on. Calling it again is harmless."""
    if (threading, "_shutdown") not in _before:
        _replace(threading.Thread, "join", _join)
        _replace(threading.Thread, "_delete", _delete)
        _replace(threading, "_shutdown", _shutdown)


def unwatch() -> None:
    """Puts the interpreter's own methods back, save what somebody else has replaced since."""
    while _before:
        (owner, name), (original, ours) = _before.popitem()
        if vars(owner).get(name) is ours:
            setattr(owner, name, original)


def _replace(owner: Any, name: str, make: Any) -> None:
    original = vars(owner).get(name)
    if original is not None:
        ours = functools.wraps(original)(make(original))
        _before[owner, name] = original, ours
        setattr(owner, name, ours)


def _join(original: Any) -> Any:
    def join(self: Any, timeout: Any = None) -> None:
        if timeout is not None or not _will_wait(self):
            original(self, timeout)
            return
        declared = _ropewalk.Declared(self.ident, self)
        try:
            original(self)
        finally:
            declared.close()

    return join


def _will_wait(thread: Any) -> bool:
    return bool(thread._initialized and thread.ident not in (None, get_ident()) and thread.is_alive())


def _delete(original: Any) -> Any:
    def delete(self: Any) -> None:
        original(self)
        _ropewalk.thread_ended()

    return delete


def _shutdown(original: Any) -> Any:
    threads = original.__globals__.get("_active", ())

    def shutdown() -> None:
        if len(threads) == 1:  # nobody is waited for: most forked children end like this
            original()
            return
        declared = _ropewalk.Declared()
        try:
            original()
        finally:
            declared.close()

    return shutdown
