#!/usr/bin/env python3
"""How long the others wait when a process is killed.

    python benches/recovery.py [--quick] [--only SCENE ...] [--markdown FILE]

Each scene is played 100 times in a program of its own, on ropewalk; on the standard library once, to see whether it
ends at all. What is measured is the time from the kill, or from the next call of somebody who lives, until he has what
he wants.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
from pathlib import Path

from rig import machine
from rig.children import answer, command

SCENES = {
    "lock_that_somebody_waits_for": "`Lock`: its holder is killed while another sleeps for it",
    "lock_that_somebody_comes_for": "`Lock`: its holder was killed, then another comes",
    "queue_with_a_dead_getter": "`Queue`: one of two sleeping getters was killed; from `put` until the other has it",
    "queue_with_a_killed_user": "`Queue`: one that puts and gets all the time is killed anywhere; then `put` and `get`",
    "event_with_a_dead_waiter": "`Event`: a waiter was killed; `set`",
    "barrier_with_a_dead_party": "`Barrier`: one of two that wait is killed; until the other is told",
    "executor_that_tells": "`ProcessPoolExecutor`: a worker is killed in a task; until its future tells",
    "executor_that_goes_on": "the same, the only worker; until the next task's result is there",
    "pool_that_tells": "`Pool`: a worker is killed in a task; until its result tells",
    "pool_that_goes_on": "the same, the only worker; until the next task's result is there",
}
NEVER = 5.0
"""Seconds after which the standard library is said never to end."""


def on_stock(scene: str) -> str:
    """In words: whether it ends at all."""
    program = subprocess.Popen(
        command("recover.py", "stdlib", scene, "1"),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    try:
        said, _ = program.communicate(timeout=NEVER)
    except subprocess.TimeoutExpired:
        return "never"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(program.pid, signal.SIGKILL)  # its workers live on without it
        program.wait()
    return f"{json.loads(said)[0] * 1000:.2f} ms" if program.returncode == 0 else "fails"


def line(scene: str, times: int) -> str:
    """One row of the table."""
    found = sorted(json.loads(answer("recover.py", "ropewalk", scene, str(times), limit=600)))
    typical, most = statistics.median(found), found[-1]
    late = found[min(len(found) - 1, len(found) * 99 // 100)]
    cells = [f"{seconds * 1000:.2f}" for seconds in (typical, late, most)]
    return f"| {SCENES[scene]} | {on_stock(scene)} | " + " | ".join(cells) + " |"


def main() -> int:
    """Plays the scenes, prints each row as it is there."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="10 times a scene: a look")
    parser.add_argument("--only", nargs="+", choices=list(SCENES), default=list(SCENES), metavar="SCENE")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table there too")
    options = parser.parse_args()
    times = 10 if options.quick else 100
    about = machine.describe()
    lines: list[str] = []

    def say(text: str) -> None:
        lines.append(text)
        print(text, flush=True)

    say(
        f"{about['python']}; {about['cpu']}; load {about['load']}; commit {about['commit']}; {times} times a scene\n"
    )
    say("| what | stdlib | ropewalk: median ms | 99 % ms | most ms |")
    say("|---" * 5 + "|")
    for scene in options.only:
        say(line(scene, times))
    if options.markdown:
        options.markdown.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
