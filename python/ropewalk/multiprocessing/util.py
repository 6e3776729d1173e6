"""The names of :mod:`multiprocessing.util`: all the original's. Processes of ropewalk's run its finalizers."""

from __future__ import annotations

import multiprocessing.util as _original
from typing import Any

__all__ = list(_original.__all__)


def __getattr__(name: str) -> Any:
    """All of it is the original's."""
    return getattr(_original, name)
