"""What of the standard library is ropewalk's in an interpreter under test, and in its children.

A row of 100 % says nothing of a class that was never replaced: so the heading names those.
"""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass

from .suites import Python

NAMES = {
    "threading": ["Lock", "RLock", "Condition", "Semaphore", "BoundedSemaphore", "Event", "Barrier"],
    "queue": ["Queue", "LifoQueue", "PriorityQueue"],
    "concurrent.futures": ["Future", "ThreadPoolExecutor", "ProcessPoolExecutor"],
    "multiprocessing.queues": ["Queue", "JoinableQueue", "SimpleQueue"],
    "multiprocessing.synchronize": [
        "Lock",
        "RLock",
        "Condition",
        "Semaphore",
        "BoundedSemaphore",
        "Event",
        "Barrier",
    ],
    "multiprocessing.sharedctypes": ["Value", "Array", "RawValue", "RawArray"],
    "multiprocessing.connection": ["Connection", "Pipe"],
    "multiprocessing.pool": ["Pool"],
}
"""What install() puts in place, by the modules the user finds it in."""

_LOOK = """
import importlib, json, sys
if len(sys.argv) > 2:
    import ropewalk
    ropewalk.install()
found = []
for module, names in json.loads(sys.argv[1]).items():
    for name in names:
        maker = getattr(importlib.import_module(module), name)
        if module == "threading" and not isinstance(maker, type):
            maker = type(maker())  # Lock and RLock may be functions
        if getattr(maker, "__ropewalk__", False):
            found.append(f"{module}.{name}")
print(json.dumps(found))
"""


@dataclass
class Place:
    """Names that are ropewalk's, and those that are still the original's."""

    ours: list[str]
    theirs: list[str]
    inherited: bool
    """Does a child, started with -I, have the same?"""


def look(python: Python) -> Place:
    """Ask the interpreter. Raises CalledProcessError if ropewalk cannot be imported there."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("ROPEWALK")}
    env["ROPEWALK"] = "1"

    def ask(*arguments: str, code: str = _LOOK) -> list[str]:
        command = [python.executable, *arguments[:1], "-c", code, json.dumps(NAMES), *arguments[1:]]
        answer = subprocess.run(command, check=True, capture_output=True, text=True, env=env, timeout=300)
        found: list[str] = json.loads(answer.stdout)
        return found

    ours = ask("-B", "install")
    theirs = [f"{module}.{name}" for module, names in NAMES.items() for name in names]
    return Place(ours, [name for name in theirs if name not in ours], ask("-I") == ours)
