"""The memory in which shared objects lie, on its way to a process that is being started.

Many objects lie in one memory.  It is sent once, as a descriptor; each object then sends its number in it.
"""

from __future__ import annotations

import weakref
from multiprocessing import context, reduction

from ropewalk import _ropewalk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["duplicate", "shared"]

_memories: weakref.WeakValueDictionary[int, _ropewalk.Memory] = weakref.WeakValueDictionary()


def shared(memory: _ropewalk.Memory) -> _ropewalk.Memory:
    """The one object that stands for this memory, so that a pickler sees that it is the same."""
    return _memories.setdefault(memory.id, memory)


def duplicate(fd: int) -> Any:
    """A descriptor as it goes to the process that is being started, however often it is asked for."""
    popen: Any = context.get_spawning_popen()
    if popen is not None and popen.method == "spawn" and fd in popen._fds:
        return popen.DupFd(fd)  # it goes over under its own number, and only once
    return reduction.DupFd(fd)


def _reduce(memory: _ropewalk.Memory) -> Any:
    context.assert_spawning(memory)
    return _receive, (duplicate(memory.fileno()),)


def _receive(sent: Any) -> _ropewalk.Memory:
    return shared(_ropewalk.Memory.receive(sent.detach()))


reduction.register(_ropewalk.Memory, _reduce)
