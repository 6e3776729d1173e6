"""The names of :mod:`multiprocessing.dummy.connection`: all the original's."""

from __future__ import annotations

import multiprocessing.dummy.connection as _original

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = list(_original.__all__)


def __getattr__(name: str) -> Any:
    """All of it is the original's."""
    return getattr(_original, name)
