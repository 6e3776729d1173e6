"""Executors in the child of a fork: no worker has come along, and what stood in line belongs to the parent.

The executor starts anew: its next submit hires threads of the child.  A future whose task was left behind says so when
it is waited for, instead of hanging.
"""

from __future__ import annotations

import os
import threading
import weakref
from concurrent.futures import thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["remember"]

_executors: weakref.WeakSet[Any] = weakref.WeakSet()


def remember(executor: Any) -> None:
    """Renews this executor in children of this process."""
    _executors.add(executor)


def _renew() -> None:
    for executor in list(_executors):
        inside = executor.__dict__
        line = inside.get("_line")
        if line is None:
            continue
        line.reset()
        for worker in executor._threads:
            thread._threads_queues.pop(worker, None)  # type: ignore[attr-defined]
        inside["_threads"] = set()
        inside["_shutdown_lock"] = threading.Lock()


os.register_at_fork(after_in_child=_renew)
