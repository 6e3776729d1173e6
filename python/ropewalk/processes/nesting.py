"""Pools inside of workers.

``multiprocessing`` lets no daemonic process have children, for they would be left alone when it is killed. A worker
of ours may have workers of its own: they are on a leash and end with it.
"""

from __future__ import annotations

import contextlib
from multiprocessing import process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["allowed", "become_worker"]

_is_worker = False


def become_worker() -> None:
    """This process is a worker on a leash: it may have workers."""
    global _is_worker
    _is_worker = True


@contextlib.contextmanager
def allowed() -> Iterator[None]:
    """Inside, a worker that is a daemon may start processes."""
    configuration = process.current_process()._config  # type: ignore[attr-defined]
    if not (_is_worker and configuration.get("daemon")):
        yield
        return
    configuration["daemon"] = False
    try:
        yield
    finally:
        configuration["daemon"] = True
