"""`ropewalk doctor`: who waits for whom in a running program, over all its processes, and which waits can never end.

Nothing is asked of the program: what its threads wait for they have written down themselves, where others can read it.
A wait on something that only one process has, such as a lock of `threading`, is not among that; `kill -QUIT` of that
process prints those.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field

from ropewalk import _ropewalk
from ropewalk.cli.ps import described
from ropewalk.cli.tree import CannotLook, Process, Segment, programs, segments, tree
from ropewalk.doctor import processes
from ropewalk.doctor.scene import Wait

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Exit codes. 2 is a wrong command line.
NOTHING_WRONG, COULD_NOT_LOOK, DEADLOCK = 0, 1, 3


@dataclass
class Circle:
    """Threads that wait for each other, or for nobody."""

    certain: bool
    closed: bool
    waits: list[Wait]

    def __str__(self) -> str:
        return processes.drawn(self.certain, self.closed, self.waits)


@dataclass
class Finding:
    """What was found out about one program."""

    root: Process
    waits: list[Wait] = field(default_factory=list)
    circles: list[Circle] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)
    #: Processes that could not be looked into, and why.
    unseen: dict[int, str] = field(default_factory=dict)

    @property
    def held(self) -> list[tuple[int, int, int, bool]]:
        """Memory and number of each lock that somebody has, the process that has it, and whether that lives."""
        return [
            (segment.inode, number, owner, lives)
            for segment in self.segments
            for number, owner, lives in segment.contents.get("held", ())
        ]


def show(pid: int | None, *, as_json: bool) -> int:
    """Prints what was found of the tree of one process, or of all programs; the exit code."""
    try:
        roots = programs() if pid is None else [tree(pid)]
    except CannotLook as reason:
        sys.stderr.write(f"ropewalk doctor: {reason}\n")
        return COULD_NOT_LOOK
    if pid is not None and not any(process.ropewalk for process in roots[0].all()):
        sys.stderr.write(
            f"ropewalk doctor: neither process {pid} nor any below it has ropewalk loaded: "
            "nothing is known of its waits\n"
        )
        return COULD_NOT_LOOK
    findings = [examine(root) for root in roots]
    if as_json:
        import json

        print(json.dumps({"programs": [_facts(finding) for finding in findings]}, indent=2))
    elif findings:
        print("\n\n".join(map(_text, findings)))
    else:
        print("no program with ropewalk is running")
    if any(finding.unseen and not finding.waits for finding in findings) and pid is not None:
        return COULD_NOT_LOOK
    return DEADLOCK if any(finding.circles for finding in findings) else NOTHING_WRONG


def examine(root: Process) -> Finding:
    """Looks at all processes of a program. What ends meanwhile is left out."""
    finding = Finding(root)
    pids = [process.pid for process in root.all() if process.ropewalk]
    for pid in pids:
        try:
            finding.waits += [processes.wait(told) for told in _ropewalk.process_waits(pid)]
        except ProcessLookupError:
            continue
        except OSError as error:
            finding.unseen[pid] = str(error)
    for certain, closed, told in _ropewalk.process_cycles(pids):
        finding.circles.append(Circle(certain, closed, [processes.wait(one) for one in told]))
    # Who was awake for a moment, and asleep again when the circles were looked for.
    known = {(wait.process, wait.ident) for wait in finding.waits}
    late = [wait for circle in finding.circles for wait in circle.waits]
    finding.waits += [wait for wait in late if (wait.process, wait.ident) not in known]
    finding.segments = segments(root.all())
    return finding


def _text(finding: Finding) -> str:
    root = finding.root
    lines = [f"{root.command} (process {root.pid})"]
    waiting = {wait.process for wait in finding.waits}
    lines += [f"  {line}" for line in processes.table(finding.waits)]
    for process in root.all():
        if process.pid in finding.unseen:
            lines.append(f"  process {process.pid} cannot be looked into: {finding.unseen[process.pid]}")
        elif process.ropewalk and process.pid not in waiting:
            lines.append(
                f"  process {process.pid} ({process.role}, {process.state}) waits for nothing that is shared"
            )
    for memory, number, owner, lives in finding.held:
        dead = "" if lives else ", which is dead: whoever waits for it next takes it over"
        lines.append(f"  lock {memory}:{number} is held by process {owner}{dead}")
    lines += [f"  {line}" for line in map(_shared, finding.segments) if line]
    if not finding.circles:
        return "\n".join([*lines, "  no circle: nothing shows that any of these waits is in vain"])
    return "\n".join([*lines, *(f"\n{circle}" for circle in finding.circles)])


def _shared(segment: Segment) -> str | None:
    contents = segment.contents
    if contents["kind"] == "workers":
        return "\n  ".join(described(segment))
    if contents["kind"] != "queue" or not contents.get("waiting"):
        return None
    full = ", it is full" if contents["waiting"] == contents["capacity"] else ""
    return f"queue {segment.inode} holds {contents['waiting']} that nobody has taken{full}"


def _facts(finding: Finding) -> dict[str, Any]:
    """One program for other programs. The keys are stable; times in seconds."""
    return {
        "pid": finding.root.pid,
        "command": finding.root.command,
        "processes": [
            {"pid": process.pid, "parent": process.ppid, "role": process.role, "state": process.state}
            for process in finding.root.all()
        ],
        "waits": list(map(_fact, finding.waits)),
        "held": [
            {"memory": memory, "number": number, "owner": owner, "owner_lives": lives}
            for memory, number, owner, lives in finding.held
        ],
        "queues": [
            {"id": segment.inode, "processes": segment.processes, **segment.contents}
            for segment in finding.segments
            if segment.contents["kind"] == "queue"
        ],
        "deadlocks": [
            {"certain": circle.certain, "circle": circle.closed, "waits": list(map(_fact, circle.waits))}
            for circle in finding.circles
        ],
        "workers": [worker for segment in finding.segments for worker in segment.contents.get("workers", ())],
        "unseen": finding.unseen,
    }


def _fact(wait: Wait) -> dict[str, Any]:
    return {
        "process": wait.process,
        "process_name": wait.process_name,
        "thread": wait.thread,
        "ident": wait.ident,
        "what": wait.what,
        "name": wait.name,
        "memory": wait.id >> 32,
        "number": wait.id & 0xFFFFFFFF,
        "owner": wait.owner_process,
        "owner_died": wait.owner_died,
        "seconds": round(wait.seconds, 3),
        "timed": wait.timed,
        "stack": [
            {"file": place.file, "line": place.line, "function": place.function} for place in wait.stack
        ],
    }
