"""Notices workers that end, and says so behind everything that they had answered before.

A sentinel is a pipe that a worker's own children may have too: if it forks, and dies, the sentinel is silent until they
have ended. And a worker may close it, and live. So a child of this process is watched by a descriptor of itself, where
the system has such. One of the fork server is not: that writes the exit code into the sentinel, which nobody else has.
"""

from __future__ import annotations

import multiprocessing.process
import os
import signal
import threading
import time
from multiprocessing import connection

from ropewalk.processes import kinds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Watcher", "reap"]

#: Seconds that a process may need to end which is about to.
_ENDING = 10.0
#: Seconds that another thread which has waited for a process may need to write down its exit code.
_TELLING = 1.0
#: The same when nobody ever does: the program ignores SIGCHLD, or waits for all children in a handler of its own.
_NOT_TELLING = 0.01
#: Seconds between two looks.
_PAUSE = 0.001


class Watcher(threading.Thread):
    """Sleeps until one of the processes ends, or until it is told of a new one.

    ``engine.notify`` puts the news into the queue of answers: whoever reads that has read all answers of the dead.
    """

    def __init__(self, engine: Any, *, daemon: bool) -> None:
        super().__init__(name="ropewalk-watcher", daemon=daemon)
        self._engine = engine
        self._lock = threading.Lock()
        self._watched: dict[int, Any] = {}  # a descriptor of the process, or its sentinel -> process
        self._opened: set[int] = set()  # those that are descriptors of processes
        self._bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._over = False

    def watch(self, process: Any) -> None:
        """Watches one more process, which is running."""
        with self._lock:
            if self._over:
                return
            opened = _descriptor(process)
            if opened is None:
                self._watched[process.sentinel] = process
            else:
                self._opened.add(opened)
                self._watched[opened] = process
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
                    watched = list(self._watched)
                ready: list[Any] = connection.wait([*watched, self._bell])
                for descriptor in ready:
                    if descriptor == self._bell:
                        os.eventfd_read(self._bell)
                    else:
                        self._ended(descriptor)
        finally:
            with self._lock:
                self._over = True
                self._close()

    def _ended(self, descriptor: int) -> None:
        with self._lock:
            process = self._watched.pop(descriptor)
            opened = descriptor in self._opened
            self._opened.discard(descriptor)
        if opened:
            os.close(descriptor)
        else:
            reap(process)  # so far it has only let go of its sentinel
        while not self._over:
            try:
                self._engine.notify(kinds.GONE, process.pid.to_bytes(8, "little"))
            except BlockingIOError:  # somebody was stopped amid an answer, or they are not read fast enough
                time.sleep(_PAUSE)
            else:
                return

    def _close(self) -> None:
        for descriptor in (self._bell, *self._opened):
            os.close(descriptor)
        self._opened.clear()


def _is_ours(process: Any) -> bool:
    """Whether it is a child of this process, and not of a server."""
    return getattr(getattr(process, "_popen", None), "method", None) in ("fork", "spawn")


def _descriptor(process: Any) -> int | None:
    """A descriptor that is readable when the process has ended; ``None`` if there is none, or it has ended already."""
    if not _is_ours(process) or not hasattr(os, "pidfd_open"):
        return None
    try:
        descriptor = os.pidfd_open(process.pid)
    except OSError:
        return None
    if connection.wait([process.sentinel], 0):
        os.close(descriptor)  # if somebody has waited for it, the number may be another's by now
        return None
    return descriptor


def reap(process: Any) -> int | None:
    """The exit code of a process that has ended, or is about to, whoever else waits for it.

    ``None`` if nobody was told it, or it has not ended in time.
    """
    end = time.monotonic() + _ENDING
    while process.exitcode is None and not _was_waited_for(process) and time.monotonic() < end:
        process.join(0.1)
    if process.exitcode is None and _was_waited_for(process):
        _wait_until_told(process)
    if process.exitcode is not None or _was_waited_for(process):
        # A join that was told nothing leaves it there.
        multiprocessing.process._children.discard(process)  # type: ignore[attr-defined]
    return process.exitcode  # type: ignore[no-any-return]


def _was_waited_for(process: Any) -> bool:
    """Whether the system has told somebody in this process how it ended, or was not to tell anybody."""
    if not _is_ours(process):
        return False
    try:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return True
    return False


_telling = _TELLING


def _wait_until_told(process: Any) -> None:
    """Waits until the thread that was told the exit code has written it down, if it does."""
    global _telling
    if signal.getsignal(signal.SIGCHLD) == signal.SIG_IGN:
        return
    end = time.monotonic() + _telling
    while process.exitcode is None:
        if time.monotonic() > end:
            _telling = _NOT_TELLING
            return
        time.sleep(_PAUSE)
