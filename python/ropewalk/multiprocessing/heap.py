"""The memory of ``Value`` and ``Array``: anonymous, where the original's is a file in ``/dev/shm`` or on a disk.

How it is dealt out is the original's: only where the pages come from is ours.
"""

from __future__ import annotations

import fcntl
import mmap
import multiprocessing.heap as _theirs
import os
from multiprocessing import context, util

from ropewalk.multiprocessing.memory import duplicate
from ropewalk.original import rebound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["BufferWrapper"]

_original: Any = _theirs

_SEALS = (
    fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL if hasattr(fcntl, "F_SEAL_SEAL") else 0b111
)


class Arena(_original.Arena):  # type: ignore[misc]
    """A stretch of memory without a name, which ends with the last process that has it."""

    __doc__ = _original.Arena.__doc__
    __module__ = "multiprocessing.heap"
    __ropewalk__ = True

    def __init__(self, size: int, fd: int = -1) -> None:
        self.size = size
        self.fd = fd
        if fd == -1:
            self.fd = os.memfd_create("ropewalk", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
            os.ftruncate(self.fd, size)
            # Nobody can take the memory away from under a process that has it mapped.
            fcntl.fcntl(self.fd, getattr(fcntl, "F_ADD_SEALS", 1033), _SEALS)
        util.Finalize(self, os.close, (self.fd,))
        self.buffer = mmap.mmap(self.fd, self.size)

    def __reduce__(self) -> Any:
        context.assert_spawning(self)
        return _rebuild, (self.size, duplicate(self.fd))


def _rebuild(size: int, sent: Any) -> Arena:
    return Arena(size, sent.detach())


class Heap(_original.Heap):  # type: ignore[misc]
    __doc__ = _original.Heap.__doc__
    __module__ = "multiprocessing.heap"

    _new_arena = rebound(_original.Heap._new_arena, Arena=Arena)


class BufferWrapper(_original.BufferWrapper):  # type: ignore[misc]
    __doc__ = _original.BufferWrapper.__doc__

    _heap = Heap()

    def __init__(self, size: int) -> None:
        if size < 0:
            raise ValueError(f"Size {size:n} out of range")
        block = BufferWrapper._heap.malloc(size)
        self._state = (block, size)
        util.Finalize(self, BufferWrapper._heap.free, args=(block,))


PATCHES: dict[str, dict[str, Any]] = {"multiprocessing.heap": {"Arena": Arena}}
