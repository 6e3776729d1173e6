"""Running programs from outside: the processes of a tree, and the memory that they share.

Nothing is asked of the processes: all of it stands in ``/proc``. What ropewalk shares between processes are memfds by
the name ``ropewalk``; any process of the same user can open one through ``/proc/PID/fd`` and look at it.
"""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["CannotLook", "Process", "Segment", "programs", "segments", "tree"]

#: Not the boards: who waits for what is asked of the engine.
_MEMORY = re.compile(r"^/memfd:ropewalk\b(?!-board)")
_STATES = {"R": "running", "S": "sleeping", "D": "in the system", "T": "stopped", "t": "traced", "Z": "ended"}
_HELPERS = (
    ("multiprocessing.resource_tracker", "resource tracker"),
    ("multiprocessing.forkserver", "fork server"),
    ("multiprocessing.spawn", "spawned"),
)


class CannotLook(Exception):
    """There is nothing to be seen at this process; the text says why, and what to do."""


@dataclass
class Process:
    """One process, as it was when it was looked at."""

    pid: int
    ppid: int
    state: str
    #: Seconds since it was started.
    age: float
    #: Bytes in memory.
    resident: int
    threads: int
    command: str
    #: ``program``, ``forked``, ``spawned``, ``fork server``, ``resource tracker`` or ``other``.
    role: str
    #: Whether ropewalk's engine is loaded in it.
    ropewalk: bool
    children: list[Process] = field(default_factory=list)

    def all(self) -> list[Process]:
        """This process and all below it, parents before their children."""
        return [self, *(below for child in self.children for below in child.all())]


@dataclass
class Segment:
    """Shared memory, as it was when it was looked at."""

    #: Its number in the system: the same for all who have it.
    inode: int
    #: Bytes of memory that it takes.
    resident: int
    #: Who has it.
    processes: list[int]
    #: What ``look_at_segment`` says of it.
    contents: dict[str, Any]


def tree(pid: int) -> Process:
    """The process ``pid``, and below it what has to do with ropewalk.

    :raises CannotLook: there is no such process, or none that this user may look into.
    """
    try:
        owner = os.stat(f"/proc/{pid}").st_uid
    except FileNotFoundError:
        raise CannotLook(f"there is no process {pid}: it has ended, or never was; see ropewalk ps") from None
    if os.geteuid() not in (0, owner):
        raise CannotLook(
            f"process {pid} belongs to another user ({_user(owner)}): look as that user, or as root"
        )
    here, there = _namespace("self"), _namespace(pid)
    if there is not None and there != here:
        raise CannotLook(f"process {pid} is in another pid namespace (a container): look from inside of it")
    found = _all()
    if pid not in found:
        raise CannotLook(f"process {pid} has just ended")
    _prune(found[pid])
    return found[pid]


def _prune(process: Process) -> bool:
    """Leaves what has to do with ropewalk; whether that is anything at all."""
    process.children = [child for child in process.children if _prune(child) or _helps(child, process)]
    return process.ropewalk or bool(process.children)


def _helps(process: Process, parent: Process) -> bool:
    return parent.ropewalk and process.role in {role for _, role in _HELPERS}


def below(pid: int) -> list[int]:
    """The numbers of all processes below one."""
    found = _all()
    return [process.pid for process in found[pid].all()[1:]] if pid in found else []


def programs() -> list[Process]:
    """The uppermost processes of this user that have ropewalk loaded, but for the calling one."""
    found = _all()
    roots = [
        process
        for process in found.values()
        if process.ropewalk
        and process.pid != os.getpid()
        and not (process.ppid in found and found[process.ppid].ropewalk)
        and not (process.ppid in found and found[process.ppid].role == "fork server")
    ]
    for root in roots:
        _prune(root)
    return roots


def segments(processes: list[Process]) -> list[Segment]:
    """The memory of ropewalk's that these processes have open, each once. What ends meanwhile is left out."""
    from ropewalk import _ropewalk

    found: dict[int, Segment] = {}
    for process in processes:
        folder = f"/proc/{process.pid}/fd"
        for name in _listed(folder):
            place = f"{folder}/{name}"
            try:
                if not _MEMORY.match(os.readlink(place)):
                    continue
                stat = os.stat(place)
                if stat.st_ino not in found:
                    contents = _ropewalk.look_at_segment(place)
                    found[stat.st_ino] = Segment(stat.st_ino, stat.st_blocks * 512, [], contents)
            except OSError:
                continue
            if process.pid not in found[stat.st_ino].processes:
                found[stat.st_ino].processes.append(process.pid)
    return list(found.values())


def _all() -> dict[int, Process]:
    """Every process that can be looked into, under those that started them."""
    found = {}
    for name in _listed("/proc"):
        if name.isdigit():
            process = _read(int(name))
            if process is not None:
                found[process.pid] = process
    for process in found.values():
        parent = found.get(process.ppid)
        if parent is not None:
            parent.children.append(process)
            if process.command == parent.command and parent.ropewalk:
                process.role = "forked"  # a fork has its parent's command line
    for process in found.values():
        if process.role == "other" and process.ropewalk:
            process.role = "program"
    return found


def _read(pid: int) -> Process | None:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            name, _, rest = file.read().partition(" (")[2].rpartition(") ")
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = file.read().rstrip(b"\0").split(b"\0")
    except OSError:
        return None
    fields = rest.split()
    command = " ".join(word.decode(errors="replace") for word in words) or f"[{name}]"
    ticks = os.sysconf("SC_CLK_TCK")
    return Process(
        pid=pid,
        ppid=int(fields[1]),
        state=_STATES.get(fields[0], fields[0]),
        age=max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / ticks),
        resident=int(fields[21]) * os.sysconf("SC_PAGE_SIZE"),
        threads=int(fields[17]),
        command=command,
        role=next((role for module, role in _HELPERS if module in command), "other"),
        ropewalk=_has_ropewalk(pid),
    )


def _has_ropewalk(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/maps", "rb") as file:
            return b"/ropewalk/_ropewalk." in file.read()
    except OSError:
        return False


def _listed(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder), key=lambda name: (len(name), name))
    except OSError:
        return []


def _namespace(pid: int | str) -> int | None:
    try:
        return os.stat(f"/proc/{pid}/ns/pid").st_ino
    except OSError:
        return None


def _user(number: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
