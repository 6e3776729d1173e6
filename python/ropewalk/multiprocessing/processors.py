"""``cpu_count()``: the processors that this process may really use.

The original counts those of the machine. In a container that may use two of 64, a pool of 64 workers is slower than one
of two, and often killed for its memory.
"""

from __future__ import annotations

import math
import multiprocessing.context as _original
import os
import sys

from ropewalk import _ropewalk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["PATCHES", "usable"]


def usable() -> int:
    """Processors that this process may use, at least 1.

    That is what the program was told to use (``-X cpu_count``, ``PYTHON_CPU_COUNT``; Python 3.13), else the least of
    the machine's, those that the process is bound to, and the limit of its control groups, rounded up. Asked for anew
    each time: limits may change.

    :raises NotImplementedError: if the machine's processors cannot be counted.
    """
    count = os.cpu_count()
    if count is None:
        raise NotImplementedError("cannot determine number of cpus")
    if _told():
        return count
    limits = [count, len(os.sched_getaffinity(0))]
    quota = _ropewalk.cpu_limit()
    if quota is not None:
        limits.append(math.ceil(quota))
    return max(min(limits), 1)


def _told() -> bool:
    """Whether somebody has told this Python how many processors it has."""
    config = getattr(sys, "_get_cpu_count_config", None)
    return config is not None and config() > 0


def cpu_count(self: Any) -> int:
    """Returns the number of CPUs in the system"""
    return usable()


for _name in ("__module__", "__qualname__"):
    setattr(cpu_count, _name, getattr(_original.BaseContext.cpu_count, _name))
cpu_count.__ropewalk__ = True  # type: ignore[attr-defined]

PATCHES: dict[str, dict[str, Any]] = {
    "multiprocessing.context.BaseContext": {"cpu_count": cpu_count},
    "multiprocessing": {"cpu_count": cpu_count.__get__(_original._default_context)},
}
