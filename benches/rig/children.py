"""Programs started afresh, where one process will not do: memory, exits, signals, settings read at start-up.

A program of `benches/programs` takes the side as its first argument, `stdlib` or `ropewalk`, and installs
accordingly before anything else.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from rig.case import NotThere

PROGRAMS = Path(__file__).resolve().parent.parent / "programs"
ABSENT = 3
"""The exit code of a program for: ropewalk does not have this yet."""


@dataclass(frozen=True)
class Setting:
    """What a figure is told: how often to repeat, whether to be quick, and which sides to start."""

    rounds: int
    quick: bool
    sides: tuple[str, str] = ("stdlib", "ropewalk")

    def scaled(self, whole: int) -> int:
        """`whole`, or a tenth of it when quick."""
        return max(1, whole // 10) if self.quick else whole


def command(program: str, side: str, *arguments: str) -> list[str]:
    """The command line that runs `program` on `side`."""
    return [sys.executable, str(PROGRAMS / program), side, *arguments]


def answer(program: str, side: str, *arguments: str, limit: float = 120.0) -> str:
    """Runs `program` to its end and returns what it wrote.

    Raises NotThere if it says so; RuntimeError if it fails or takes longer than `limit` seconds.
    """
    try:
        asked = subprocess.run(
            command(program, side, *arguments), check=False, capture_output=True, text=True, timeout=limit
        )
    except subprocess.TimeoutExpired as error:
        raise RuntimeError(f"{program} {side} {' '.join(arguments)} still ran after {limit:.0f} s") from error
    check(program, asked.returncode, asked.stderr)
    return asked.stdout


def check(program: str, code: int, stderr: str) -> None:
    """Turns an exit code into NotThere or RuntimeError, unless it is 0."""
    last = stderr.strip().splitlines()[-1:] or [""]
    if code == ABSENT:
        raise NotThere(last[0])
    if code != 0:
        raise RuntimeError(f"{program} ended with {code}: {last[0]}")


class Answering:
    """A program that stays, and answers each line it is sent with one line."""

    def __init__(self, program: str, side: str, *arguments: str, env: dict[str, str] | None = None) -> None:
        self.program = program
        self._child = subprocess.Popen(
            command(program, side, *arguments),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            bufsize=1,
            env={**os.environ, **(env or {})},
        )
        self.pid = self._child.pid

    def send(self, line: str) -> None:
        """Writes a line to the program."""
        assert self._child.stdin is not None
        self._child.stdin.write(line + "\n")
        self._child.stdin.flush()

    def receive(self) -> str:
        """The next line that the program writes.

        Raises NotThere or RuntimeError if it ended instead.
        """
        assert self._child.stdout is not None and self._child.stderr is not None
        line = self._child.stdout.readline()
        if not line:
            stderr = self._child.stderr.read()
            check(self.program, self._child.wait(timeout=60), stderr)
            raise RuntimeError(f"{self.program} ended without an answer")
        return line.strip()

    def ask(self, line: str) -> str:
        """Sends a line, returns the answer."""
        self.send(line)
        return self.receive()

    def wait_asleep(self) -> None:
        """Returns when the program's main thread was asleep at ten looks in a row: it waits."""
        stat = Path(f"/proc/{self.pid}/task/{self.pid}/stat")
        looks = 0
        while looks < 10:
            asleep = stat.read_text().rpartition(")")[2].split()[0] == "S"
            looks = looks + 1 if asleep else 0
            time.sleep(0.001)

    def close(self) -> None:
        """Ends the program: closes its input, and kills it if that is not enough."""
        assert self._child.stdin is not None
        try:
            self._child.stdin.close()
            self._child.wait(timeout=10)
        except (OSError, subprocess.TimeoutExpired):
            self._child.kill()
            self._child.wait()
        for stream in (self._child.stdout, self._child.stderr):
            if stream is not None:
                stream.close()

    def __enter__(self) -> Answering:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
