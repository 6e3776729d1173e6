"""Notices workers that end, and says so behind everything that they had answered before."""

from __future__ import annotations

import os
import threading
from multiprocessing import connection

from ropewalk.processes import kinds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Watcher"]


class Watcher(threading.Thread):
    """Sleeps until one of the processes ends, or until it is told of a new one.

    ``engine.notify`` puts the news into the queue of answers: whoever reads that has read all answers of the dead.
    """

    def __init__(self, engine: Any, *, daemon: bool) -> None:
        super().__init__(name="ropewalk-watcher", daemon=daemon)
        self._engine = engine
        self._lock = threading.Lock()
        self._watched: dict[int, Any] = {}  # sentinel -> process
        self._bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._over = False

    def watch(self, process: Any) -> None:
        """Watches one more process, which is running."""
        with self._lock:
            if self._over:
                return
            self._watched[process.sentinel] = process
            os.eventfd_write(self._bell, 1)

    def stop(self) -> None:
        """Watches no longer."""
        with self._lock:
            if not self._over:
                self._over = True
                if self.ident is None:
                    os.close(self._bell)  # it never began
                else:
                    os.eventfd_write(self._bell, 1)

    def run(self) -> None:
        try:
            while True:
                with self._lock:
                    if self._over:
                        return
                    watched = dict(self._watched)
                ready: list[Any] = connection.wait([*watched, self._bell])
                for sentinel in ready:
                    if sentinel == self._bell:
                        os.eventfd_read(self._bell)
                        continue
                    process = watched[sentinel]
                    with self._lock:
                        self._watched.pop(sentinel, None)
                    reap(process)
                    self._engine.notify(kinds.GONE, process.pid.to_bytes(8, "little"))
        finally:
            with self._lock:
                self._over = True
                os.close(self._bell)


def reap(process: Any) -> int | None:
    """The exit code of a process that has ended, whoever else waits for it."""
    for _ in range(100):
        process.join(0.1)
        if process.exitcode is not None:
            break
    return process.exitcode  # type: ignore[no-any-return]
