"""Children that end with the process that started them, whatever ended it.

The standard library ends daemonic children when their parent exits in good order. After a ``SIGKILL`` of the parent, or
another signal that it does not handle, all its children run on. Here the kernel tells them (``ropewalk_os::lifeline``):

- a daemonic child, and a worker of a pool (:func:`watch_parent`), is killed at once;
- any other child has ``GRACE`` seconds, to see it by ``parent_process().sentinel`` and tidy up, and is killed then;
- a child that ends by ``KeyboardInterrupt`` says nothing: its parent does;
- a parent that leaves on purpose, by ``os._exit`` or ``os.exec*``, leaves its children that are not daemonic alone.

How it goes: ``popen_fork`` lets the next fork of this thread hold on to a descriptor, which is done in the child before
the call returns there. The other two ``Popen`` classes start a process through :func:`launch`, which sends the
descriptor along with the process object; the child holds on to it before the program's code begins. What is kept for a
child is kept by the engine (``ropewalk_os::children``): Python objects that are touched around a fork are copied, page
by page.
"""

from __future__ import annotations

import multiprocessing.context as _context
import multiprocessing.process as _original
import os

from ropewalk import _ropewalk
from ropewalk.processes.tied import Tied

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = list(_original.__all__)

#: Seconds that a child which is not daemonic lives on after its parent was killed.
GRACE = 0.3
#: The process that ends with its parent at once, as :func:`watch_parent` has seen to; it may be our parent.
_watching = 0


def launch(popen: Any, process: Any, start: Callable[[Any], None]) -> None:
    """Starts ``process`` by ``start``, the original's ``Popen._launch``, so that it ends with this process."""
    if isinstance(process, Tied):  # by a subclass of ours already
        start(process)
        return
    line = _ropewalk.lifeline_for(process.daemon)
    try:
        start(process if line is None else Tied(process, line, 0.0 if process.daemon else GRACE))
    finally:
        _ropewalk.lifeline_begun(popen, process.daemon, line)


def declared(popen: Any, wait: Callable[[Any], Any]) -> Any:
    """The original's ``Popen.wait`` without a timeout, declared to the doctor before it begins.

    Not for a process that ``ends_soon``, as most do that are joined: what the doctor asks about one costs as much as
    starting it.

    :raises DeadlockError: if the process can never end, because it waits for this thread.
    """
    joining = _ropewalk.Joining(popen.pid)
    try:
        return wait(popen)
    finally:
        joining.close()


def watch_parent() -> bool:
    """Ends this process as soon as the one that started it ends: for workers, which have nothing left to do then.

    To be called in a child of multiprocessing, however it was started. The kernel kills it, also in the middle of a
    call that does not come back. Calling it again is harmless.

    :returns: whether it is watched now: false in a process that multiprocessing has not started, and where neither
        signals nor threads can be had.
    """
    global _watching
    parent = _original.parent_process()
    if parent is None:
        return False
    if _watching != os.getpid():
        if not (_by_signal() or _by_thread(parent)):
            return False
        _watching = os.getpid()
    return True


def _by_signal() -> bool:
    held = _ropewalk.lifeline_held()
    if held is None:
        return False
    try:
        # One of its own: the parent may let go of the first.
        _ropewalk.lifeline_hold(_ropewalk.lifeline_another(held), 0.0)
    except OSError:
        return False
    return True


def _by_thread(parent: Any) -> bool:
    """A child that was started by the original's ``Popen``."""
    try:
        _ropewalk.end_with(parent.pid)
    except OSError:
        if parent.is_alive():
            return False
        os._exit(1)
    if not parent.is_alive():  # so it was another by the same number
        os._exit(1)
    return True


def _leaving(function: Any) -> Any:
    """``os._exit`` and those that become another program: who calls them wants the children to go on."""

    leave: Any = _ropewalk.Leaving(function)
    for name in ("__name__", "__qualname__", "__doc__", "__module__"):
        setattr(leave, name, getattr(function, name))
    leave.__wrapped__ = function
    leave.__ropewalk__ = True
    return leave


#: What stands in ``os`` for the functions by which a process leaves on purpose.
LEAVING = {name: _leaving(getattr(os, name)) for name in ("_exit", "execv", "execve")}


class ForkProcess(_context.ForkProcess):
    """A process of our fork context."""

    @staticmethod
    def _Popen(process_obj: Any) -> Any:
        from ropewalk.multiprocessing.popen_fork import Popen

        return Popen(process_obj)


class SpawnProcess(_context.SpawnProcess):
    """A process of our spawn context."""

    @staticmethod
    def _Popen(process_obj: Any) -> Any:
        from ropewalk.multiprocessing.popen_spawn_posix import Popen

        return Popen(process_obj)


class ForkServerProcess(_context.ForkServerProcess):
    """A process of our forkserver context."""

    @staticmethod
    def _Popen(process_obj: Any) -> Any:
        from ropewalk.multiprocessing.popen_forkserver import Popen

        return Popen(process_obj)


_BY_METHOD: dict[str, Any] = {"fork": ForkProcess, "spawn": SpawnProcess, "forkserver": ForkServerProcess}


class Process(_context.Process):
    """A process of our default context."""

    @staticmethod
    def _Popen(process_obj: Any) -> Any:
        return _BY_METHOD[_context._default_context.get_start_method()]._Popen(process_obj)


def __getattr__(name: str) -> Any:
    """What the original has."""
    return getattr(_original, name)
