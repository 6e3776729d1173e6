"""Programs under a watchdog: a hang ends with the stacks of all threads."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = Path(__file__).resolve().parent / "programs"
FULL = os.environ.get("ROPEWALK_TEST_FULL") == "1"
LIMIT = 240
"""Seconds after which a program is taken to hang; wide, because the machine may be busy."""


@dataclass(frozen=True)
class Ended:
    """How a program ended."""

    code: int
    stdout: str
    stderr: str

    def assert_clean(self) -> None:
        """Fails unless it ended well and complained of nothing."""
        assert (self.code, self.stderr) == (0, ""), f"exit code {self.code}\n{self.stdout}\n{self.stderr}"


def run(program: str, *arguments: object) -> Ended:
    """Runs a file of `programs` with ropewalk installed, under its own watchdog and ours."""
    command = [
        sys.executable,
        "-X",
        "faulthandler",
        str(PROGRAMS / program),
        str(LIMIT),
        *map(str, arguments),
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=LIMIT + 20)
    except subprocess.TimeoutExpired as late:
        return Ended(-1, str(late.stdout), f"still ran after {LIMIT + 20} s\n{late.stderr}")
    return Ended(done.returncode, done.stdout, done.stderr)


def run_many(program: str, numbers: Iterable[int], *arguments: object) -> list[Ended]:
    """Runs a program once for each number, its last argument; as many at once as there are cores."""
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        return list(pool.map(lambda number: run(program, *arguments, number), numbers))
