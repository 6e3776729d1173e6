"""Modules of the standard library that took objects of the set when they were imported: those are swapped with the set.

Such a module holds what was there at that moment, whichever that was: the originals if it was imported before
``install()``, ours if it was imported after it.  In ``multiprocessing.managers`` that is no matter of taste: a manager
sends its registry to the process that it spawns, and a class can be pickled only while its name leads to it.

What holds single objects for itself and is left alone is listed in docs/reference/differences.md.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import ModuleType
    from typing import Any

__all__ = ["swap"]

#: They offer the names of ``threading`` and ``queue`` as their own.
_REPEATERS = ("multiprocessing.dummy", "multiprocessing.dummy.connection")


def swap(pairs: Iterable[tuple[Any, Any]]) -> None:
    """Replaces the first object of each pair by the second, wherever an imported module holds it."""
    new = {id(old): (old, new) for old, new in pairs}  # with the old one, so that its id stays its own
    for name in _REPEATERS:
        module = sys.modules.get(name)
        if module is not None:
            _swap_names(module, new)
    # None while the module is being imported: then it is yet to take what it finds.
    manager = getattr(sys.modules.get("multiprocessing.managers"), "BaseManager", None)
    if manager is not None:
        _swap_callables(manager, new)


def _swap_names(module: ModuleType, new: dict[int, tuple[Any, Any]]) -> None:
    for name, value in list(vars(module).items()):
        if id(value) in new:
            setattr(module, name, new[id(value)][1])


def _swap_callables(manager: Any, new: dict[int, tuple[Any, Any]]) -> None:
    """In the registry of a class of managers and of its subclasses, also those of the program's."""
    registry = vars(manager).get("_registry", {})
    for typeid, (make, *rest) in list(registry.items()):
        if id(make) in new:
            registry[typeid] = (new[id(make)][1], *rest)
    for subclass in manager.__subclasses__():
        _swap_callables(subclass, new)
