"""A control group of one's own, with a limit of its memory, for programs whose workers the kernel shall kill."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")


def _places() -> Iterator[tuple[Path, tuple[str, ...]]]:
    """Where a group may be made, and the files of its limits: below this process's own, or beside it."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            yield (
                ROOT / controllers / path.lstrip("/"),
                ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes"),
            )
        elif not controllers:  # a group with processes of its own has no limited ones below it
            own = ROOT / path.lstrip("/")
            for folder in (own, own.parent):
                with contextlib.suppress(OSError):
                    if "memory" in (folder / "cgroup.subtree_control").read_text().split():
                        yield folder, ("memory.max", "memory.swap.max")


@contextlib.contextmanager
def limited(memory: int) -> Iterator[Path | None]:
    """The folder of a group whose processes may use so much memory, without swap; none if none can be made here."""
    for place, (limit, swap) in _places():
        group = place / f"ropewalk-test-{os.getpid()}"
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            (group / limit).write_text(str(memory))
            with contextlib.suppress(OSError):  # where swap is not counted there is none, mostly
                (group / swap).write_text("0" if swap == "memory.swap.max" else str(memory))
            yield group
        finally:
            group.rmdir()
        return
    yield None
