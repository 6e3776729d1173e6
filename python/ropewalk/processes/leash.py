"""A worker ends with the process that has the work, also if that is killed.

A child that was started with ropewalk installed is told by ``ropewalk.multiprocessing.process``. Otherwise the same
is done with what the original gives it: ``multiprocessing`` gives each process a pipe whose other end its parent holds.
The kernel sends a signal to the worker when that end is closed, which happens whatever ends the parent. The signal is
``SIGKILL``: a worker in the midst of a task, or deep in a library that never comes back to Python, goes too, and there
is nobody left for whom it could clean up. No thread waits for it: a worker stays a process of one thread, which may
fork.
"""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import select
import signal
import sys

from ropewalk import _ropewalk

__all__ = ["tie"]

_F_SETSIG = getattr(fcntl, "F_SETSIG", 10)


def tie() -> bool:
    """Lets the kernel end this process with its parent. Whether that works here."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return False
    ours = sys.modules.get("ropewalk.multiprocessing.process")
    if ours is not None and _ropewalk.lifeline_held() is not None:
        return bool(ours.watch_parent())
    try:
        pipe = parent.sentinel
        fcntl.fcntl(pipe, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(pipe, _F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(pipe, fcntl.F_SETFL, fcntl.fcntl(pipe, fcntl.F_GETFL) | os.O_ASYNC)
        gone = select.poll()
        gone.register(pipe, select.POLLIN)
        if gone.poll(0):
            os.kill(os.getpid(), signal.SIGKILL)
    except (OSError, ValueError, AttributeError):
        return False
    return True
