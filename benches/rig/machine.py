"""Where the figures come from: a figure is worth nothing without it."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

from rig import distance


def describe() -> dict[str, str]:
    """Python, processor, load and commit, as the head of the table shows them."""
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "built": platform.python_compiler(),
        "cpu": f"{_cpu_model()}, {len(os.sched_getaffinity(0))} cores",
        "apart": _apart(),
        "load": " ".join(f"{load:.2f}" for load in os.getloadavg()),
        "kernel": platform.release(),
        "commit": _commit(),
        "ropewalk": _ropewalk_version(),
    }


def _apart() -> str:
    time = distance.there_and_back()
    return "not known" if time is None else f"{time:.0f} ns"


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() in ("model name", "Processor"):
            return value.strip()
    return platform.machine()


def _commit() -> str:
    here = Path(__file__).parent

    def git(*arguments: str) -> str:
        asked = subprocess.run(["git", *arguments], cwd=here, capture_output=True, text=True, check=True)
        return asked.stdout.strip()

    try:
        name = git("rev-parse", "--short", "HEAD")
        return f"{name} and changes" if git("status", "--porcelain", "--untracked-files=no") else name
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _ropewalk_version() -> str:
    asked = subprocess.run(
        [sys.executable, "-c", "import ropewalk; print(ropewalk.__version__)"],
        check=False,
        capture_output=True,
        text=True,
    )
    return asked.stdout.strip() or "not importable"
