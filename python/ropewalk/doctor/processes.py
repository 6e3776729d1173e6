"""Waits on what processes share, as Python objects and as text.

Where a thread stands was written down by itself, when it had waited for a moment; its variables are in another process.
So a lock is called by what the line says that waits for it, and by its numbers, which are the same in all processes.
"""

from __future__ import annotations

import os

from ropewalk import _ropewalk
from ropewalk.doctor import source
from ropewalk.doctor.scene import Place, Wait

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    #: As the engine tells it: process and thread; what it waits for, its memory and number there; the process that has
    #: it, its thread and whether it lives; seconds waited, whether timed; the thread's name and where it stands.
    Told = tuple[int, int, str, int, int, int | None, int | None, bool, float, bool, str, list[str]]

__all__ = ["drawn", "table", "thing", "wait", "waits", "who"]

_HEADS = {
    (True, True): "DEADLOCK (certain)",
    (False, True): "DEADLOCK (possible: another process may still release a Lock)",
    (False, False): "DEADLOCK (possible: every process that has this queue waits)",
}


def waits(*, tree: bool = False) -> list[Wait]:
    """The waits of this process on what processes share; with ``tree`` also those of all processes below it."""
    pids = [os.getpid()]
    if tree:
        from ropewalk.cli.tree import below

        pids += below(os.getpid())
    found = []
    for pid in pids:
        try:
            found += [wait(told) for told in _ropewalk.process_waits(pid)]
        except OSError:  # it has just ended
            continue
    return found


def wait(told: Told) -> Wait:
    """One wait in the words of the program."""
    pid, ident, what, memory, number, owner, owner_ident, lives, seconds, timed, name, places = told
    stack = [_place(text) for text in places]
    name, _, process_name = name.partition("\t")
    written = source.written(stack[0].file, stack[0].line) if stack else None
    return Wait(
        name or f"thread {ident:#x}",
        ident,
        "task" if what == "work" else what,
        written,
        memory << 32 | number,
        [] if owner is None else [f"process {owner}"],
        [] if owner_ident is None else [owner_ident],
        seconds,
        timed,
        stack,
        None,
        None,
        pid,
        process_name,
        owner,
        not lives,
    )


def _place(text: str) -> Place:
    """A line of the program from ``file:line in function``; what was cut off is missing."""
    where, _, function = text.rpartition(" in ")
    file, _, line = where.rpartition(":")
    return Place(file, int(line), function) if line.isdigit() else Place(text, 0, "?")


def who(wait: Wait) -> str:
    """The thread that waits."""
    process = f"process {wait.process}"
    if wait.process_name not in ("", "MainProcess"):
        process += f" ({wait.process_name})"
    return f"{process}, {wait.thread}"


def thing(wait: Wait) -> str:
    """What is waited for."""
    if wait.what == "Process":
        return f"the end of process {wait.id & 0xFFFFFFFF}"
    if wait.what == "task":
        return f"a task or an answer from queue {wait.id >> 32}"
    if wait.what.startswith("Queue."):
        name = f" {wait.name}" if wait.name else ""
        return f"{wait.what}{name} (queue {wait.id >> 32})"
    name = f"{wait.name} " if wait.name else ""
    return f"{wait.what} {name}({wait.id >> 32}:{wait.id & 0xFFFFFFFF})"


def drawn(certain: bool, circle: bool, waits: list[Wait], raised: str | None = None) -> str:
    """Threads of processes that wait for each other, or for nobody."""
    parties = len({wait.process for wait in waits})
    if not circle:
        others = f"; {parties - 1} others wait too" if parties > 1 else ""
        head = f"{_HEADS[False, False]}: nobody is left to put or get{others}"
    elif len(waits) == 1:
        head = f"{_HEADS[certain, True]}: {who(waits[0])} waits for itself"
    elif parties == 1:
        head = f"{_HEADS[certain, True]}: {len(waits)} threads wait for each other"
    else:
        head = f"{_HEADS[certain, True]}: {parties} processes wait for each other"
    if raised is not None:
        head += f"          raised in: {raised}"
    lines = [head, ""]
    if circle:
        lines += _ring(waits)
    return "\n".join([*lines, *_standing(waits), f"  Fix: {_fix(circle, waits)}"])


def table(waits: Iterable[Wait]) -> list[str]:
    """Who waits for what, some lines for each."""
    lines = []
    for wait in waits:
        by = ""
        if wait.owner_process is not None and wait.what != "Process":
            dead = ", which is dead: whoever waits takes it over" if wait.owner_died else ""
            by = f", held by process {wait.owner_process}{dead}"
        until = ", with a timeout" if wait.timed else ""
        place = f", at {wait.stack[0]}" if wait.stack else ""
        lines.append(f"{who(wait)} waits for {thing(wait)}{by} for {wait.seconds:.1f} s{until}{place}")
    return lines


def _ring(waits: list[Wait]) -> list[str]:
    """Who has what, and who waits for it, all around."""
    lines = []
    for place, wait in enumerate(waits):
        holder = waits[(place + 1) % len(waits)]
        verb = "is" if wait.what == "Process" else "holds"
        lines.append(f"  {who(holder)} --{verb}--> {_of_process(wait)}")
        lines.append(f"      waited for by {who(wait)} for {wait.seconds:.1f} s")
    return [*lines, ""]


def _of_process(wait: Wait) -> str:
    return f"process {wait.id & 0xFFFFFFFF}" if wait.what == "Process" else thing(wait)


def _standing(waits: list[Wait]) -> list[str]:
    """Where each thread stands."""
    from ropewalk.doctor.drawing import quoted

    lines = []
    for number, wait in enumerate(waits, 1):
        lines.append(f"  [{number}] {who(wait)} waits for {thing(wait)}")
        for place in wait.stack[:1]:
            lines.append(f"      {place}")
            lines += quoted(place.file, place.line)
        lines += [f"      called at {place}" for place in wait.stack[1:4]]
        lines.append("")
    return lines


def _fix(circle: bool, waits: list[Wait]) -> str:
    kinds = {wait.what for wait in waits}
    if not circle:
        return "find who should have put or got here and has ended, or wait with a timeout."
    if "Process" in kinds:
        return "do not join a process while holding what it needs to finish."
    if len(waits) == 1:
        return "use an RLock if the same thread takes it twice on purpose."
    return "take these locks in one order everywhere."
