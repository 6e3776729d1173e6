"""What a test has left behind: child processes, files in /dev/shm, descriptors.

Descriptors are compared by what they lead to, since a number may have been given out again. Children and files get time
to go: a process that was told to end needs a moment. A file that somebody else has mapped is somebody else's.
The original's resource tracker and fork server are no leftovers, but hold descriptors: `end_servers` ends them.
"""

from __future__ import annotations

import contextlib
import gc
import os
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

PATIENCE = 60.0
"""Seconds for what is on its way out to be gone."""
KINDS = ("sem.mp-", "psm_", "pym-", "wnsm_", "ropewalk")
"""How the names of semaphores, of SharedMemory and of heaps begin."""


def children() -> dict[int, str]:
    """The children of this process, zombies too, and what they run."""
    found = {}
    for listing in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for pid in map(int, listing.read_text().split()):
                with contextlib.suppress(OSError):
                    words = (
                        Path(f"/proc/{pid}/cmdline")
                        .read_bytes()
                        .replace(b"\0", b" ")
                        .decode(errors="replace")
                    )
                    found[pid] = words.strip() or "ended, and waited for by nobody"
    return found


def shared_files() -> set[str]:
    """The names in /dev/shm of the kinds that the standard library and ropewalk make: others come and go there too."""
    with contextlib.suppress(OSError):
        return {name for name in os.listdir("/dev/shm") if name.startswith(KINDS)}
    return set()


def mapped_elsewhere(name: str) -> bool:
    """Does a process that is not of our making use this file of /dev/shm? What is left behind, nobody uses."""
    for maps in Path("/proc").glob("[0-9]*/maps"):
        with contextlib.suppress(OSError):
            if f"/dev/shm/{name}" in maps.read_text(errors="replace"):
                return True
    return False


def descriptors() -> Counter[str]:
    """What the open descriptors lead to; the one that reads the folder is left out."""
    found: Counter[str] = Counter()
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            found[os.readlink(f"/proc/self/fd/{number}")] += 1
    found.pop(f"/proc/{os.getpid()}/fd", None)
    return found


def end_servers() -> None:
    """Ends the original's helper processes, if a test has started them."""
    for name, attribute in (
        ("multiprocessing.forkserver", "_forkserver"),
        ("multiprocessing.resource_tracker", "_resource_tracker"),
    ):
        module = sys.modules.get(name)
        stop = getattr(getattr(module, attribute, None), "_stop", None)
        if stop is not None:
            stop()


@dataclass
class State:
    """What there is at one moment."""

    children: dict[int, str] = field(default_factory=children)
    files: set[str] = field(default_factory=shared_files)
    descriptors: Counter[str] = field(default_factory=descriptors)

    def left(self, patience: float = PATIENCE) -> list[str]:
        """What is there now and was not then, in words; empty as soon as nothing is."""
        looks: list[Callable[[], list[str]]] = [self._children_left, self._files_left, self._descriptors_left]
        end = time.monotonic() + patience
        while True:
            found = [text for look in looks for text in look()]
            if not found or time.monotonic() > end:
                return found
            gc.collect()  # what hangs in a circle of references is no leak
            time.sleep(0.02)

    def _children_left(self) -> list[str]:
        return [f"process {pid}: {words}" for pid, words in children().items() if pid not in self.children]

    def _files_left(self) -> list[str]:
        left = sorted(shared_files() - self.files)
        return [f"/dev/shm/{name}" for name in left if not mapped_elsewhere(name)]

    def _descriptors_left(self) -> list[str]:
        return [
            f"{count} x descriptor of {target}"
            for target, count in (descriptors() - self.descriptors).items()
        ]
