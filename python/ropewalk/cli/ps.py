"""`ropewalk ps`: the running programs of this user, their processes, and what waits in the queues between them."""

from __future__ import annotations

import sys

from ropewalk.cli.tree import CannotLook, Process, Segment, programs, segments, tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

COLUMNS = ("PID", "ROLE", "STATE", "AGE", "MEMORY", "THREADS", "COMMAND")
#: Characters of a command line; `--json` has all of it.
LONGEST = 80


def show(pid: int | None, *, as_json: bool) -> int:
    """Prints the tree of one process, or all programs; the exit code: 1 if there is nothing to be seen."""
    try:
        roots = programs() if pid is None else [tree(pid)]
    except CannotLook as reason:
        sys.stderr.write(f"ropewalk ps: {reason}\n")
        return 1
    if pid is not None and not any(process.ropewalk for process in roots[0].all()):
        sys.stderr.write(f"ropewalk ps: neither process {pid} nor any below it has ropewalk loaded\n")
        return 1
    if as_json:
        import json

        print(json.dumps({"programs": [_facts(root) for root in roots]}, indent=2))
        return 0
    if not roots:
        print("no program with ropewalk is running")
    for place, root in enumerate(roots):
        print("\n" * bool(place) + _text(root), end="")
    return 0


def _facts(root: Process) -> dict[str, Any]:
    """One program for other programs. The keys are stable; sizes in bytes, ages in seconds."""
    processes = root.all()
    return {
        "pid": root.pid,
        "processes": [
            {
                "pid": process.pid,
                "parent": process.ppid,
                "role": process.role,
                "state": process.state,
                "age": round(process.age, 2),
                "memory": process.resident,
                "threads": process.threads,
                "ropewalk": process.ropewalk,
                "command": process.command,
            }
            for process in processes
        ],
        "segments": [
            {
                "id": segment.inode,
                "memory": segment.resident,
                "processes": segment.processes,
                **segment.contents,
            }
            for segment in segments(processes)
        ],
    }


def _text(root: Process) -> str:
    rows = [COLUMNS, *_rows(root, "")]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS) - 1)]
    lines = []
    for row in rows:
        padded = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        lines.append("  ".join([*padded, row[-1]]))
    lines += [f"  {line}" for segment in segments(root.all()) for line in described(segment)]
    return "\n".join(lines) + "\n"


def _rows(process: Process, indent: str) -> list[tuple[str, ...]]:
    row = (
        f"{indent}{process.pid}",
        process.role,
        process.state,
        _age(process.age),
        _size(process.resident),
        str(process.threads),
        _short(process.command),
    )
    return [row, *(below for child in process.children for below in _rows(child, indent + "  "))]


def described(segment: Segment) -> list[str]:
    """What lies in shared memory; of a pool's, what each of its workers does."""
    contents = segment.contents
    whose = f"{_size(segment.resident)}, in {', '.join(map(str, segment.processes))}"
    if contents["kind"] == "queue" and "waiting" in contents:
        bound = f" of {contents['capacity']}" if contents["capacity"] is not None else ""
        counts = f"{contents['waiting']}{bound} waiting, {contents['put']} put, {contents['taken']} taken"
        return [f"queue {segment.inode}: {counts}; {whose}"]
    if contents["kind"] == "workers":
        workers = contents["workers"]
        done = sum(worker["done"] for worker in workers)
        first = f"workers {segment.inode}: {len(workers)} of a pool, {done} tasks done; {whose}"
        return [first, *(f"  {_task(worker)}" for worker in workers)]
    if contents["kind"] == "objects":
        held = len(contents.get("held", ()))
        return [f"locks and the like {segment.inode}: {f'{held} held; ' if held else ''}{whose}"]
    return [f"memory {segment.inode}: {contents.get('error', 'unknown')}; {whose}"]


def _task(worker: dict[str, Any]) -> str:
    """What a worker of a pool has in hand. The function's name is known once the task was looked at."""
    if worker["seconds"] is None:
        return f"{worker['pid']}: {worker['phase']}"
    number = f" task {worker['task']}" if worker["task"] is not None else ""
    name = f" {worker['function']}" if worker["function"] else ""
    where = ""
    if worker["stack"]:
        file, line, function = worker["stack"][-1]
        where = f", last seen {_age(worker['sampled'])} ago in {file}:{line} in {function}"
    return f"{worker['pid']}: {worker['phase']}{number}{name} for {_age(worker['seconds'])}{where}"


def _short(command: str) -> str:
    line = " ".join(command.split())
    return line if len(line) <= LONGEST else line[: LONGEST - 3] + "..."


def _age(seconds: float) -> str:
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}s"
    if whole < 86400:
        return f"{whole // 3600}h{whole % 3600 // 60:02}m"
    return f"{whole // 86400}d{whole % 86400 // 3600:02}h"


def _size(count: int) -> str:
    size = float(count)
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"
