"""A worker ends with the process that has the work, also if that is killed.

The process that starts it leases it a line (``ropewalk_os::lifeline``), and the kernel sends it a signal when that
process ends, whatever ended it. The signal is ``SIGKILL``: a worker in the midst of a task, or deep in a library that
never comes back to Python, goes too, and there is nobody left for whom it could clean up. No thread waits for it: a
worker stays a process of one thread, which may fork.

Not the pipe that ``multiprocessing`` gives each process for ``parent_process().sentinel``: with ``spawn`` the process
object comes through it, and the end of that write may signal a worker that has long read it.
"""

from __future__ import annotations

import contextlib
import os

from ropewalk import _ropewalk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["lease", "tie"]


@contextlib.contextmanager
def lease() -> Iterator[int | None]:
    """A line for one worker, to be started inside; ``None`` where there are none."""
    try:
        line = _ropewalk.lifeline_lease()
    except OSError:  # without /proc
        yield None
        return
    try:
        yield line
    finally:
        os.close(line)


def tie(line: int | None) -> bool:
    """Lets the kernel end this process with the one that leased it the line. Whether that works here."""
    if line is None:
        return False
    try:
        _ropewalk.lifeline_hold(line, 0.0)
    except OSError:
        return False
    return True
