"""Children that end with the process that started them, whatever ended it.

The standard library ends daemonic children when their parent exits in good order. After a ``SIGKILL`` of the parent, or
another signal that it does not handle, all its children run on. Here the kernel tells them (``ropewalk_os::lifeline``):

- a daemonic child, and a worker of a pool (:func:`watch_parent`), is killed at once;
- any other child has ``GRACE`` seconds, to see it by ``parent_process().sentinel`` and tidy up, and is killed then;
- a child that ends by ``KeyboardInterrupt`` says nothing: its parent does;
- a parent that leaves on purpose, by ``os._exit`` or ``os.exec*``, leaves its children that are not daemonic alone.

How it goes: the three ``Popen`` classes (``popen_fork``, ``popen_spawn_posix``, ``popen_forkserver``) start a process
through :func:`launch`, which sends a descriptor along with the process object; the child holds on to it before the
program's code begins.
"""

from __future__ import annotations

import contextlib
import multiprocessing.context as _context
import multiprocessing.process as _original
import os
from multiprocessing import reduction
from typing import Any

from ropewalk import _ropewalk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = list(_original.__all__)

#: Seconds that a child which is not daemonic lives on after its parent was killed.
GRACE = 0.3
#: The environment variable that lets such children run on for ever: ``keep``.
SETTING = "ROPEWALK_ORPHANS"

#: Descriptors of children that are let go when this process leaves on purpose.
_plain: set[int] = set()
#: Writing ends of the children's ``parent_process().sentinel``: in a forked child they would hide the parent's end.
_sentinels: set[int] = set()
#: The descriptor that this process holds on to, in a child; None elsewhere.
_held: int | None = None
_watching = False


def _in_forked_child() -> None:
    global _held, _watching
    for writing in _sentinels:
        with contextlib.suppress(OSError):
            os.close(writing)
    _sentinels.clear()
    _plain.clear()
    _held = None
    _watching = False


os.register_at_fork(after_in_child=_in_forked_child)


def launch(popen: Any, process: Any, start: Callable[[Any], None]) -> None:
    """Starts ``process`` by ``start``, the original's ``Popen._launch``, so that it ends with this process."""
    from multiprocessing import util

    if isinstance(process, _Tied):  # by a subclass of ours already
        start(process)
        return
    line = _lease(process)
    try:
        start(process if line is None else _Tied(process, line))
    except BaseException:
        if line is not None:
            os.close(line)
        raise
    if line is not None and process.daemon:
        os.close(line)
        line = None
    ends = tuple(popen.finalizer._args)
    popen.finalizer.cancel()
    _sentinels.update(end for end in ends if end != popen.sentinel)
    if line is not None:
        _plain.add(line)
    popen.finalizer = util.Finalize(popen, _close, args=(ends, line))


def wait(popen: Any, timeout: float | None, wait_for: Callable[[float | None], int | None]) -> int | None:
    """The original's ``Popen.wait``, ``wait_for``. One without a timeout is declared to the doctor before it begins.

    :raises DeadlockError: if the process can never end, because it waits for this thread.
    """
    if timeout is not None or popen.returncode is not None:
        return wait_for(timeout)
    joining = _ropewalk.Joining(popen.pid)
    try:
        return wait_for(timeout)
    finally:
        joining.close()


def _lease(process: Any) -> int | None:
    if not process.daemon and os.environ.get(SETTING) == "keep":
        return None
    try:
        return _ropewalk.lifeline_lease()
    except OSError:  # without /proc: as on the standard library
        return None


def _close(ends: tuple[int, ...], line: int | None) -> None:
    _sentinels.difference_update(ends)
    for end in ends:
        os.close(end)
    if line is not None:
        _plain.discard(line)
        os.close(line)


class _Tied:
    """A process object on its way into a child, and the descriptor to hold on to there."""

    def __init__(self, process: Any, line: int) -> None:
        self._process = process
        self._line = line
        self._grace = 0.0 if process.daemon else GRACE

    def __getattr__(self, name: str) -> Any:
        return getattr(self._process, name)

    def _bootstrap(self, parent_sentinel: Any = None) -> int:
        """In a forked child: hold on, then what the process does."""
        process, line, grace = self._process, self._line, self._grace
        del self._process
        _hold(line, grace)
        _hush(process)
        code: int = process._bootstrap(parent_sentinel=parent_sentinel)
        return code

    def __reduce__(self) -> tuple[Any, ...]:
        return _untied, (self._process, reduction.DupFd(self._line), self._grace)


def _untied(process: Any, line: Any, grace: float) -> Any:
    """In a child that was started otherwise: hold on; the process object itself."""
    fd = line.detach()
    os.set_inheritable(fd, False)
    _hold(fd, grace)
    _hush(process)
    return process


def _hush(process: Any) -> None:
    """Ctrl-C reaches every process of the program: the traceback of the first one will do."""
    run = process.run

    def quietly() -> None:
        try:
            run()
        except KeyboardInterrupt:
            raise SystemExit(1) from None  # the original's exit code

    process.run = quietly


def _hold(line: int, grace: float) -> None:
    global _held
    _held = line
    try:
        _ropewalk.lifeline_hold(line, grace)
    except OSError:  # the system has no such signals: as on the standard library
        _held = None


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
    if not _watching:
        _watching = _by_signal() or _by_thread(parent)
    return _watching


def _by_signal() -> bool:
    if _held is None:
        return False
    try:
        # One of its own: the parent may let go of the first.
        _ropewalk.lifeline_hold(_ropewalk.lifeline_another(_held), 0.0)
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

    def leave(*args: Any, **kwargs: Any) -> Any:
        for line in tuple(_plain):
            _ropewalk.lifeline_let_go(line)
        try:
            return function(*args, **kwargs)
        finally:  # it did not leave
            for line in tuple(_plain):
                _ropewalk.lifeline_hold_again(line)

    for name in ("__name__", "__qualname__", "__doc__", "__module__"):
        setattr(leave, name, getattr(function, name))
    leave.__wrapped__ = function  # type: ignore[attr-defined]
    leave.__ropewalk__ = True  # type: ignore[attr-defined]
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
