"""The names of :mod:`multiprocessing.managers`: all the original's.

A manager that ``ropewalk.multiprocessing.Manager()`` starts is one of them, in a process of ropewalk's. What managers
hold for their clients are ropewalk's objects once ``install()`` was called.
"""

from __future__ import annotations

import multiprocessing.managers as _original

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = list(_original.__all__)


def __getattr__(name: str) -> Any:
    """All of it is the original's."""
    return getattr(_original, name)
