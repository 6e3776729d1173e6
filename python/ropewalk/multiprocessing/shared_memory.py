"""The names of :mod:`multiprocessing.shared_memory`: all the original's.

Blocks have names there, and are unlinked as the original does it: that is what the API promises.
"""

from __future__ import annotations

import multiprocessing.shared_memory as _original

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = list(_original.__all__)


def __getattr__(name: str) -> Any:
    """All of it is the original's."""
    return getattr(_original, name)
