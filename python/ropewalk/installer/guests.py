"""gevent and eventlet: frameworks that make threads cooperative by patching the same modules.

Under them a thread is a greenlet, and a wait of the engine would stop the hub with all greenlets on it.  So what they
have patched we leave; what we have patched we give back before they patch, and what was made until then becomes the
original's after it (``made_before``).
"""

from __future__ import annotations

import sys

from ropewalk.installer import made_before

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from typing import Any

__all__ = ["MODULES", "apply", "watch", "who_patched"]

#: Module of a framework -> its functions after which waits must go through its hub.
MODULES = {
    "gevent.monkey": ("patch_thread", "patch_queue"),
    "gevent.monkey.api": ("patch_module",),
    "eventlet.patcher": ("monkey_patch",),
}
_PATCHED = ("threading", "_thread", "thread", "queue")

_give_back: list[Callable[[], None]] = []


def who_patched() -> str | None:
    """The framework that has made threads cooperative in this process, if one has."""
    monkey = sys.modules.get("gevent.monkey")
    is_patched = getattr(monkey, "is_module_patched", None)
    if is_patched and any(is_patched(name) for name in _PATCHED):
        return "gevent"
    patcher = sys.modules.get("eventlet.patcher")
    is_patched = getattr(patcher, "is_monkey_patched", None)
    if is_patched and is_patched("thread"):
        return "eventlet"
    return None


def watch(give_back: Callable[[], None]) -> None:
    """Calls ``give_back`` just before a framework patches threads, now or after its import."""
    if not _give_back:
        _give_back.append(give_back)
    for name in MODULES:
        module = sys.modules.get(name)
        if module is not None:
            apply(name, module)


def apply(name: str, module: ModuleType) -> None:
    """Wraps the patching functions of a framework's module."""
    for attribute in MODULES[name]:
        function = getattr(module, attribute, None)
        if function is not None and not hasattr(function, "__ropewalk__"):
            setattr(module, attribute, _wrapped(function))


def _wrapped(function: Callable[..., Any]) -> Callable[..., Any]:
    import functools

    @functools.wraps(function)
    def patching(*args: Any, **kwargs: Any) -> Any:
        subject = args[0] if args else None
        if function.__name__ != "patch_module" or getattr(subject, "__name__", subject) in _PATCHED:
            for give_back in _give_back:
                give_back()
        result = function(*args, **kwargs)
        if who_patched():
            made_before.hand_over()
        return result

    patching.__ropewalk__ = True  # type: ignore[attr-defined]
    return patching
