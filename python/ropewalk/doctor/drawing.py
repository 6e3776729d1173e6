"""Reports as text, for a person who has never seen one."""

from __future__ import annotations

import linecache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ropewalk.doctor.scene import Wait

__all__ = ["circle", "everyone", "inversion", "quoted", "table"]

#: What the one who could end a wait does with the thing: "T --holds--> lock".
_VERBS = {"Lock": "holds", "RLock": "holds", "Future": "must make", "Thread": "is"}
_HEADS = {
    "certain": "DEADLOCK (certain)",
    "possible": "DEADLOCK (possible: another thread may still release a Lock)",
}


def circle(verdict: str, waits: list[Wait], raised: str | None = None) -> str:
    """Threads that wait for each other."""
    if len(waits) == 1:
        head = f"{_HEADS[verdict]}: {waits[0].thread} waits for itself"
    else:
        head = f"{_HEADS[verdict]}: {len(waits)} threads wait for each other"
    if raised is not None:
        head += f"          raised in: {raised}"
    labels = _labels(waits)
    return "\n".join(
        [head, "", *_ring(waits, labels), "", *_standing(waits, labels), f"  Fix: {_fix(waits)}"]
    )


def everyone(waits: list[Wait]) -> str:
    """Every thread waits, and nobody is left to end it."""
    head = f"DEADLOCK: all {len(waits)} threads of this program wait without a timeout, and nobody is left to wake one"
    fix = (
        "  Fix: find who should have put, set, notified or released here and has ended, perhaps by an exception;\n"
        "  or wait with a timeout. A signal could still end this: Ctrl-C does."
    )
    return "\n".join([head, "", *_standing(waits, _labels(waits)), fix])


def table(waits: list[Wait]) -> str:
    """Who waits for what, a line for each."""
    if not waits:
        return "Nobody waits on an object of ropewalk's."
    labels = _labels(waits)
    lines = []
    for wait in waits:
        by = f" of {', '.join(wait.owners)}" if wait.owners else ""
        until = ", with a timeout" if wait.timed else ""
        place = f", at {wait.stack[0]}" if wait.stack else ""
        lines.append(
            f"  {wait.thread} waits for {labels[wait.id]}{by} for {wait.seconds:.1f} s{until}{place}"
        )
    return "\n".join(["Who waits for whom:", *lines])


def inversion(links: list[tuple[str, int, str, int, str]]) -> str:
    """Locks taken in orders that contradict each other."""
    names: dict[int, str] = {}
    lines = []
    for held, held_number, taken, taken_number, place in links:
        for made, number in ((held, held_number), (taken, taken_number)):
            if number not in names:
                names[number] = f"{chr(ord('A') + len(names) % 26)} (made at {made})"
        lines.append(f"  at {place}")
        lines.append(f"      takes {names[taken_number]}")
        lines.append(f"      while holding {names[held_number]}")
        lines += quoted(*_split(place))
    return "\n".join(
        [
            f"LOCK ORDER: {len(names)} locks are taken in orders that contradict each other",
            "",
            *lines,
            "",
            "  Nothing hangs yet; it will when threads come to these places at the same time.",
            "  Fix: take them in one order everywhere, e.g. with ropewalk.ordered(first, second).",
        ]
    )


def _labels(waits: list[Wait]) -> dict[int, str]:
    """What is waited for, in as few words as tell the things apart."""
    names = {wait.id: wait.name or wait.taken_as for wait in waits}
    labels = {}
    for wait in waits:
        name = names[wait.id]
        if name is None:
            labels[wait.id] = f"{wait.what} at {wait.id:#x}"
        elif sum(other == name for other in names.values()) > 1:
            labels[wait.id] = f"{wait.what} {name} (#{list(names).index(wait.id) + 1})"
        else:
            labels[wait.id] = f"{wait.what} {name}"
    return labels


def _ring(waits: list[Wait], labels: dict[int, str]) -> list[str]:
    """Who has what, and who waits for it, all around."""
    lines = []
    for wait in waits:
        workers = len(wait.owners)
        owner = wait.owners[0] if workers == 1 else f"one of the pool's {workers} workers"
        verb = _VERBS.get(wait.what, "could end")
        lines.append(f"  {owner} --{verb}--> {labels[wait.id]}")
        lines.append(f"      waited for by {wait.thread} for {wait.seconds:.1f} s")
    return lines


def _standing(waits: list[Wait], labels: dict[int, str]) -> list[str]:
    """Where each thread stands."""
    lines = []
    for number, wait in enumerate(waits, 1):
        lines.append(f"  [{number}] {wait.thread} waits for {labels[wait.id]}")
        for place in wait.stack[:1]:
            lines.append(f"      {place}")
            lines += quoted(place.file, place.line)
        lines += [f"      called at {place}" for place in wait.stack[1:4]]
        if wait.owner_idents == [wait.ident]:
            lines.append("      which it holds itself" + (f", since {wait.taken}" if wait.taken else ""))
        for other in waits:
            if other.taken and other.owner_idents == [wait.ident] and other is not wait:
                alias = f", there {other.taken_as}" if other.taken_as != other.name else ""
                lines.append(f"      took {labels[other.id]}{alias}, at {other.taken}")
        lines.append("")
    return lines


def quoted(file: str, line: int, before: int = 1) -> list[str]:
    """The line with a mark, and those before it."""
    quoted = []
    for number in range(max(line - before, 1), line + 1):
        text = linecache.getline(file, number).rstrip()
        if text:
            quoted.append((number, text.expandtabs()))
    if not quoted:
        return []
    margin = min(len(text) - len(text.lstrip()) for _, text in quoted)
    return [
        f"      {'>' if number == line else ' '} {text[margin:]}{'   <- here' if number == line else ''}"
        for number, text in quoted
    ]


def _split(place: str) -> tuple[str, int]:
    file, _, line = place.rpartition(":")
    return (file, int(line)) if line.isdigit() else (place, 0)


def _fix(waits: list[Wait]) -> str:
    kinds = {wait.what for wait in waits}
    if kinds == {"Future"}:
        return "give the pool more workers, or do not wait in a task for a task of the same pool."
    if len(waits) == 1:
        return "use an RLock if the same thread takes it twice on purpose."
    if kinds <= {"Lock", "RLock"}:
        names = [wait.name or "" for wait in waits]
        together = ", ".join(names) if all(names) and len(set(names)) == len(names) else "first, second"
        return f"take these locks in one order everywhere, e.g. with ropewalk.ordered({together})."
    if "Thread" in kinds:
        return "do not join a thread while holding what it needs to finish."
    return "do not wait for a result while holding what its task needs to finish."
