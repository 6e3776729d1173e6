"""The names of :mod:`multiprocessing.reduction`: all the original's. Queues of ropewalk's honour its reducers."""

from __future__ import annotations

import multiprocessing.reduction as _original

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = list(_original.__all__)


def __getattr__(name: str) -> Any:
    """All of it is the original's."""
    return getattr(_original, name)
