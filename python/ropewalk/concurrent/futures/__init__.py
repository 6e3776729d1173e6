"""The names of :mod:`concurrent.futures`, on the engine.

``Future``, both executors, ``wait`` and ``as_completed`` are ropewalk's; everything else is the original's.
"""

from __future__ import annotations

import concurrent.futures as _original
import importlib
from concurrent.futures import (
    ALL_COMPLETED,
    FIRST_COMPLETED,
    FIRST_EXCEPTION,
    BrokenExecutor,
    CancelledError,
    Executor,
    InvalidStateError,
    TimeoutError,
)

from ropewalk.concurrent.futures.future import Future
from ropewalk.concurrent.futures.thread_pool import ThreadPoolExecutor
from ropewalk.concurrent.futures.waiting import as_completed, wait

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ropewalk.concurrent.futures.process import ProcessPoolExecutor

__all__ = [
    "ALL_COMPLETED",
    "FIRST_COMPLETED",
    "FIRST_EXCEPTION",
    "BrokenExecutor",
    "CancelledError",
    "Executor",
    "Future",
    "InvalidStateError",
    "ProcessPoolExecutor",
    "ThreadPoolExecutor",
    "TimeoutError",
    "as_completed",
    "wait",
]
# The original's, from 3.14 on.
__all__ += [name for name in _original.__all__ if name == "InterpreterPoolExecutor"]

#: What install() puts into the real modules, as one set: module -> attribute -> object.
PATCHES: dict[str, dict[str, Any]] = {
    "concurrent.futures": {
        "Future": Future,
        "ThreadPoolExecutor": ThreadPoolExecutor,
        "as_completed": as_completed,
        "wait": wait,
    },
    "concurrent.futures._base": {"Future": Future, "as_completed": as_completed, "wait": wait},
    "concurrent.futures.thread": {"ThreadPoolExecutor": ThreadPoolExecutor},
}


def __getattr__(name: str) -> Any:
    """What is loaded when it is first used; everything else is the original's."""
    if name in ("ProcessPoolExecutor", "process"):
        # Not by "from": that would ask here for the module, and get the original's.
        process = importlib.import_module(f"{__name__}.process")
        return process if name == "process" else process.ProcessPoolExecutor
    return getattr(_original, name)
