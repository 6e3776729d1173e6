"""Where and how the tests of the runner start their processes: stock, through the runner, or inside."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

WATCHDOG = 300  # seconds; only a hang gets there

# What stands before the program's own words on the command line.
STOCK = [sys.executable]
RUNNER = [sys.executable, "-m", "ropewalk"]
# An interpreter that was started for something else: there the program runs inside it.
INSIDE = [sys.executable, "-c", "import sys; from ropewalk.__main__ import main; sys.exit(main())"]

# Prints whether this interpreter has ropewalk.
PROBE = "import queue; print('ropewalk' if getattr(queue.Queue, '__ropewalk__', False) else 'stock')"


class Ran(NamedTuple):
    """What a process showed."""

    output: str
    errors: str
    code: int


class Place:
    """A folder with files, in which commands are run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, path: str, text: str) -> None:
        whole = self.folder / path
        whole.parent.mkdir(parents=True, exist_ok=True)
        whole.write_text(text, encoding="utf-8")

    def run(self, command: list[str], stdin: str = "", **variables: str) -> Ran:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=environment(**variables),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=WATCHDOG,
        )
        return Ran(done.stdout, done.stderr, done.returncode)


@contextmanager
def started(command: list[str], **options: Any) -> Iterator[subprocess.Popen[str]]:
    """A process that is ended in any case: ``Popen`` alone would wait for it for ever when the test has failed."""
    with subprocess.Popen(command, text=True, **options) as process:
        try:
            yield process
        finally:
            process.kill()


def environment(**variables: str) -> dict[str, str]:
    """The environment of a user's shell: none of ropewalk's or python's variables but the ones given."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("ROPEWALK", "PYTHON"))}
    return {**kept, "PYTHONDONTWRITEBYTECODE": "1", **variables}
