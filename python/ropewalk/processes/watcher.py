"""Notices workers that end, and says so behind everything that they had answered before.

A sentinel is a pipe that a worker's own children may have too: if it forks, and dies, the sentinel is silent until they
have ended. So the process itself is watched as well, where the system has descriptors for processes.
"""

from __future__ import annotations

import contextlib
import multiprocessing.process
import os
import threading
import time
from multiprocessing import connection

from ropewalk.processes import kinds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Watcher", "reap"]

#: Seconds that another thread which has waited for a process may need to write down its exit code.
_PATIENCE = 1.0
#: Seconds between two trials.
_PAUSE = 0.001

_children: Any = multiprocessing.process._children  # type: ignore[attr-defined]


class Watcher(threading.Thread):
    """Sleeps until one of the processes ends, or until it is told of a new one.

    ``engine.notify`` puts the news into the queue of answers: whoever reads that has read all answers of the dead.
    """

    def __init__(self, engine: Any, *, daemon: bool) -> None:
        super().__init__(name="ropewalk-watcher", daemon=daemon)
        self._engine = engine
        self._lock = threading.Lock()
        self._watched: dict[int, Any] = {}  # sentinel -> process
        self._opened: dict[int, int] = {}  # sentinel -> descriptor of the process
        self._bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._over = False

    def watch(self, process: Any) -> None:
        """Watches one more process, which is running."""
        with self._lock:
            if self._over:
                return
            self._watched[process.sentinel] = process
            with contextlib.suppress(OSError):  # the system has none, or it is gone already
                self._opened[process.sentinel] = os.pidfd_open(process.pid)
            os.eventfd_write(self._bell, 1)

    def stop(self) -> None:
        """Watches no longer."""
        with self._lock:
            if not self._over:
                self._over = True
                if self.ident is None:
                    self._close()  # it never began
                else:
                    os.eventfd_write(self._bell, 1)

    def run(self) -> None:
        try:
            while True:
                with self._lock:
                    if self._over:
                        return
                    sentinels = {fd: sentinel for sentinel, fd in self._opened.items()}
                    sentinels.update((sentinel, sentinel) for sentinel in self._watched)
                ready: list[Any] = connection.wait([*sentinels, self._bell])
                if self._bell in ready:
                    ready.remove(self._bell)
                    os.eventfd_read(self._bell)
                dead = {sentinels[fd] for fd in ready if fd != sentinels[fd]}
                for sentinel in {sentinels[fd] for fd in ready}:
                    self._ended(sentinel, sentinel in dead)
        finally:
            with self._lock:
                self._over = True
                self._close()

    def _ended(self, sentinel: int, dead: bool) -> None:
        with self._lock:
            process = self._watched.pop(sentinel)
            opened = self._opened.pop(sentinel, None)
        if opened is not None:
            os.close(opened)
        if not dead:  # it has only let go of its sentinel
            reap(process)
        while True:
            try:
                self._engine.notify(kinds.GONE, process.pid.to_bytes(8, "little"))
            except BlockingIOError:  # somebody was stopped amid an answer, or nobody reads them
                time.sleep(_PAUSE)
            else:
                return

    def _close(self) -> None:
        os.close(self._bell)
        for opened in self._opened.values():
            os.close(opened)
        self._opened.clear()


def reap(process: Any) -> int | None:
    """The exit code of a process that has ended, whoever else waits for it.

    ``None`` if nobody was told it: the program ignores SIGCHLD, or waits for children on its own.
    """
    end = time.monotonic() + _PATIENCE
    while process.exitcode is None and time.monotonic() < end:
        process.join(_PAUSE)
        if process.exitcode is None:
            time.sleep(_PAUSE)  # a join of what another thread has waited for returns at once
    # A join that was told nothing leaves it there.
    _children.discard(process)
    return process.exitcode  # type: ignore[no-any-return]
