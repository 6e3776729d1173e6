"""The set: which attributes of which modules, what stood there before, and who holds what now."""

from __future__ import annotations

import builtins
import sys

from ropewalk.installer import holders

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

__all__ = ["MODULES", "activate", "apply", "complete", "deactivate", "is_active"]

#: Module of the standard library -> ours, whose ``PATCHES`` says what goes in, there and in its submodules.
MODULES = {
    "threading": "ropewalk.threading",
    "queue": "ropewalk.queue",
    "concurrent.futures": "ropewalk.concurrent.futures",
    "multiprocessing": "ropewalk.multiprocessing.processors",
    "concurrent.futures.process": "ropewalk.concurrent.futures.process",
    "multiprocessing.pool": "ropewalk.multiprocessing.pool",
    "multiprocessing.connection": "ropewalk.multiprocessing.connection",
    "multiprocessing.queues": "ropewalk.multiprocessing.queues",
    "multiprocessing.heap": "ropewalk.multiprocessing.heap",
    "multiprocessing.sharedctypes": "ropewalk.multiprocessing.sharedctypes",
    "multiprocessing.synchronize": "ropewalk.multiprocessing.synchronize",
    "multiprocessing.popen_fork": "ropewalk.multiprocessing.popen_fork",
    "multiprocessing.popen_spawn_posix": "ropewalk.multiprocessing.popen_spawn_posix",
    "multiprocessing.popen_forkserver": "ropewalk.multiprocessing.popen_forkserver",
}

_LOCKS = frozenset({"Lock", "RLock", "Condition"})
_ABSENT = object()

_active: dict[str, bool] = {}
_before: list[tuple[ModuleType, dict[str, Any], dict[str, Any]]] = []


def activate(*, locks: bool) -> None:
    """Patches what is imported; later imports come through :func:`apply`."""
    if _active:
        if _active["locks"] == locks:
            return
        deactivate()
    _active["locks"] = locks
    for name in MODULES:
        module = sys.modules.get(name)
        if module is not None:
            apply(name, module)


def apply(name: str, module: ModuleType) -> None:
    """Puts ours into one module, if ropewalk is installed and has not done so already."""
    if not _active or any(module is patched for patched, _, _ in _before):
        return
    __import__(MODULES[name])
    if not hasattr(sys.modules[MODULES[name]], "PATCHES"):
        return  # ours is just being imported, and has imported this one first: `complete` follows
    _mend_class_statement()
    for target, attributes in sys.modules[MODULES[name]].PATCHES.items():
        patched = module if target == name else _found(target)
        _put(patched, {a: v for a, v in attributes.items() if _active["locks"] or a not in _LOCKS})
    if name == "threading":
        from ropewalk.doctor import joins

        joins.watch(module)


def _found(target: str) -> Any:
    """A module, or a class in one."""
    module = sys.modules.get(target)
    if module is not None:
        return module
    home, _, name = target.rpartition(".")
    return getattr(sys.modules[home], name)


def complete(name: str, module: ModuleType) -> None:
    """Patches the original of a module of ours that has just been imported."""
    original = next(theirs for theirs, ours in MODULES.items() if ours == name)
    if original in sys.modules:
        apply(original, sys.modules[original])


def _mend_class_statement() -> None:
    if all(patched is not builtins for patched, _, _ in _before):
        from ropewalk import _ropewalk
        from ropewalk.metaclasses import meeting
        from ropewalk.original import OneOfBoth

        statement = _ropewalk.class_statement(builtins.__build_class__, OneOfBoth, meeting)
        _put(builtins, {"__build_class__": statement})


def _put(module: ModuleType, patches: dict[str, Any]) -> None:
    before = {attribute: getattr(module, attribute, _ABSENT) for attribute in patches}
    _before.append((module, before, patches))
    for attribute, value in patches.items():
        setattr(module, attribute, value)
    holders.swap((value, patches[attribute]) for attribute, value in before.items() if value is not _ABSENT)


def deactivate() -> None:
    """Gives every module its own back, save what somebody else has replaced since."""
    _active.clear()
    if _before:
        from ropewalk.doctor import joins

        joins.unwatch()
    while _before:
        module, before, patches = _before.pop()
        holders.swap(
            (patches[attribute], value) for attribute, value in before.items() if value is not _ABSENT
        )
        for attribute, value in before.items():
            if getattr(module, attribute, _ABSENT) is not patches[attribute]:
                continue
            if value is _ABSENT:
                delattr(module, attribute)
            else:
                setattr(module, attribute, value)


def is_active() -> bool:
    return bool(_active)
