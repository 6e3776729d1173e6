"""Deadlocks: what the engine has found, told in the words of the program.

| file | what it is |
|---|---|
| this | the public names, and what the engine calls to have something told |
| `scene` | the waits of this moment as Python objects: threads, stacks, names of locks |
| `source` | which expression in a frame is a given lock, and where the frame took it |
| `drawing` | reports as text |
| `processes` | waits on what processes share, as objects and as text |
| `ordering` | ``ropewalk.ordered`` |
| `joins` | ``Thread.join`` and the end of threads, made visible to the wait graph |

The engine takes a scene down without running any Python code, for it does so beneath a frame of its own, where a daemon
thread must not be when the interpreter ends.  What is told about it is made here, when and where it is shown.
"""

from __future__ import annotations

import sys

from ropewalk import _ropewalk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ropewalk.doctor.processes import Told
    from ropewalk.doctor.scene import Scene, Wait

__all__ = ["get_deadlock", "lock_order", "set_deadlock", "waits"]


def get_deadlock() -> str:
    """What is done about a deadlock: ``"raise"``, ``"report"`` or ``"off"``. Public as ``ropewalk.deadlock``."""
    return _ropewalk.deadlock_mode()


def set_deadlock(mode: str) -> None:
    """Changes it, for waits that begin from now on.

    ``"raise"``: a wait that closes a certain deadlock raises :exc:`DeadlockError`, possible deadlocks are reported.
    ``"report"``: both are reported to standard error, and waited for.  ``"off"``: nothing is looked at.

    :raises ValueError: if it is none of these.
    :raises TypeError: if it is not a string.
    """
    _ropewalk.set_deadlock_mode(mode)


def lock_order(watch: str | None = None) -> str:
    """Whether the order of locks is looked at; changes it, for locks made from now on, if ``watch`` is given.

    :param watch: ``"site"``, where locks made at one line are one class; ``"instance"``; or ``"off"``.
    :returns: what it was.
    :raises ValueError: if it is none of these.
    """
    before = _ropewalk.lock_order()
    if watch is not None:
        _ropewalk.set_lock_order(watch)
    return before


def waits(*, tree: bool = False) -> list[Wait]:
    """Who waits for what at this moment, in any thread, on any object of ropewalk's.

    A wait on something that processes share is among them when it has lasted for 10 ms.  Empty while
    ``ropewalk.deadlock`` is ``"off"``, and without waits that began then.

    :param tree: also those of all processes below this one, on what processes share.
    """
    from ropewalk.doctor import processes
    from ropewalk.doctor.scene import look

    return look(_ropewalk.waits()) + processes.waits(tree=tree)


def _aside(telling: _ropewalk.Telling, function: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    """What a thread runs that the engine has started to tell something. The interpreter's exit waits for it."""
    try:
        function(*arguments)
    finally:
        telling.told()


def _report(verdict: str, scene: Scene) -> None:
    """Called by the engine: a deadlock that is not raised."""
    from ropewalk.doctor import drawing
    from ropewalk.doctor.scene import look

    waits = look(scene)
    _write(drawing.everyone(waits) if verdict == "everyone" else drawing.circle(verdict, waits))


def _report_processes(certain: bool, circle: bool, told: list[Told]) -> None:
    """Called by the engine: a deadlock between processes that is not raised."""
    from ropewalk.doctor import processes

    _write(processes.drawn(certain, circle, [processes.wait(one) for one in told]))


def _inversion(links: list[tuple[str, int, str, int, str]]) -> None:
    """Called by the engine: locks are taken in orders that contradict each other."""
    from ropewalk.doctor import drawing

    _write(drawing.inversion(links))


def _write(text: str) -> None:
    error = sys.stderr or sys.__stderr__
    if error is not None:
        error.write(f"\n{text}\n")
        error.flush()
