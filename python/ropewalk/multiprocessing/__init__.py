"""The names of :mod:`multiprocessing`, on the engine.

A module here stands for the one of the same name there: it defines what is ropewalk's, and lists in its ``PATCHES``
what ``install()`` puts into the original. Everything else is the original's.
"""

from __future__ import annotations

import multiprocessing as _original

from ropewalk.multiprocessing.context import DEFAULT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = list(_original.__all__)


def __getattr__(name: str) -> Any:
    """A method of the default context of ours, a module of ours, or what the original has."""
    if name in __all__ and hasattr(DEFAULT, name):
        return getattr(DEFAULT, name)
    if not name.startswith("_"):
        import importlib.util

        # Before the original's attribute: that is its own module of this name, once somebody has imported it.
        for package in (__name__, _original.__name__):
            if importlib.util.find_spec(f"{package}.{name}"):
                return importlib.import_module(f"{package}.{name}")
    return getattr(_original, name)
