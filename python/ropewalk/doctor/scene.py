"""The waits of one moment as Python objects: threads with names, stacks, the objects waited for.

The engine takes a scene down as plain tuples (``doctor/scene.rs``).  This reads it.
"""

from __future__ import annotations

import os
from typing import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any

    #: Thread, what it waits for, its address, who could end it, seconds waited, whether it is timed.
    Told = tuple[int, str, int, list[int], float, bool]
    #: The waits, frames by thread, names of threads by number and by address, as the engine takes them down.
    Scene = tuple[list[Told], dict[int, list[tuple[Any, ...]]], dict[int, str], dict[int, str]]

__all__ = ["Frame", "Place", "Wait", "look", "outside"]

#: Modules between the program and the engine: a wait is shown where the program called them.
_BETWEEN = frozenset(
    {"threading", "queue", "contextlib", "concurrent.futures._base", "concurrent.futures.thread"}
)
_PACKAGES = frozenset({"ropewalk", "multiprocessing"})


class Place(NamedTuple):
    """A line of the program."""

    file: str
    line: int
    function: str

    def __str__(self) -> str:
        return f"{os.path.basename(self.file)}:{self.line} in {self.function}"


class Frame(NamedTuple):
    """A frame as it was when the scene was taken down."""

    code: CodeType
    line: int
    #: The globals.
    names: dict[str, Any]
    #: The function's own; ``None`` outside functions, and far out.
    variables: dict[str, Any] | None

    @property
    def place(self) -> Place:
        return Place(self.code.co_filename, self.line, self.code.co_name)


class Wait(NamedTuple):
    """One thread's wait."""

    #: The name of the thread that waits, and its ``ident``.
    thread: str
    ident: int
    #: What it waits for: ``"Lock"``, ``"RLock"``, ``"Condition"``, ``"Queue.get"``, ``"Thread"``...
    what: str
    #: How the program calls it there, such as ``self.lock``; ``None`` if that cannot be told.
    name: str | None
    #: Tells two objects of the same kind apart; an address.
    id: int
    #: Names of the threads that could end the wait: the owner, or a pool's workers. Empty if anybody could.
    owners: list[str]
    owner_idents: list[int]
    #: How long it has waited, in seconds.
    seconds: float
    #: Whether it ends by itself.
    timed: bool
    #: Where the thread stands, the innermost line of the program first.
    stack: list[Place]
    #: Where the owner took it, and by which name, if that can be told.
    taken: Place | None
    taken_as: str | None
    #: The process whose thread waits; 0 for the calling one, if what it waits for is not shared between processes.
    process: int = 0
    process_name: str = ""
    #: The process that has what is waited for, if that is shared and somebody has it; ``None`` otherwise.
    owner_process: int | None = None
    #: Whether that process has ended: a lock of such a one is taken over by whoever waits for it.
    owner_died: bool = False


def look(scene: Scene) -> list[Wait]:
    """What was taken down, in the words of the program."""
    from ropewalk.doctor import source

    told, frames, names, addresses = scene
    stacks = {ident: [Frame(*frame) for frame in stack] for ident, stack in frames.items()}

    def name_of(ident: int) -> str:
        return names.get(ident, f"thread {ident:#x}")

    waits = []
    for ident, what, address, owners, seconds, timed in told:
        stack = outside(stacks.get(ident, []))
        name = source.waited_for(stack[0], address) if stack else None
        taken = None
        if what in ("Lock", "RLock") and len(owners) == 1:
            again = stack[0] if stack and owners[0] == ident else None
            taken = source.taken(stacks.get(owners[0], []), address, again)
        waits.append(
            Wait(
                name_of(ident),
                ident,
                what,
                addresses.get(address) if what == "Thread" else name,
                address,
                [name_of(owner) for owner in owners],
                owners,
                seconds,
                timed,
                [
                    frame.place
                    for frame in stack[:1] + [frame for frame in stack[1:] if not _is_between(frame)]
                ],
                taken[0] if taken else None,
                taken[1] if taken else None,
            )
        )
    return waits


def outside(stack: list[Frame]) -> list[Frame]:
    """The frames from the innermost that is the program's, not the library's or ours; all if none is."""
    for depth, frame in enumerate(stack):
        if not _is_between(frame):
            return stack[depth:]
    return stack


def _is_between(frame: Frame) -> bool:
    module = frame.names.get("__name__", "")
    return module in _BETWEEN or str(module).partition(".")[0] in _PACKAGES
