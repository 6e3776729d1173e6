"""One misfortune in one pool: the program of one cell of the table.

    python scenes.py SCENE POOL FILE

Each thing that is seen goes into FILE at once, as a line of JSON, since what comes behind it may hang. The process is
watched, and in two scenes shot at, by `cell`.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tasks
from pools import POOLS, Late

PATIENCE = float(os.environ.get("ROPEWALK_FAILURES_PATIENCE", "8"))
"""Seconds without an answer that are called a hang."""


class Stage:
    """The pool of this scene, and the file for what is seen."""

    def __init__(self, kind: str, file: str) -> None:
        self.kind, self.file = kind, file

    def say(self, **seen: object) -> None:
        with open(self.file, "a", encoding="utf-8") as file:
            file.write(json.dumps(seen) + "\n")

    def pool(self, workers: int) -> Any:
        try:
            return POOLS[self.kind](workers)
        except ImportError as error:
            self.say(absent=str(error))
            sys.exit(0)

    def outcome(self, pool: Any, handle: Any, expected: object, died: int = 0) -> str:
        """How a task ended, in a word. `died`: the pid that its error should name, or the signal."""
        if isinstance(handle, Exception):
            return type(handle).__name__
        try:
            found = pool.result(handle, PATIENCE)
        except Late:
            return "hangs"
        except Exception as error:
            name = type(error).__name__
            return f"{name}, reason given" if died and gives_reason(error, died) else name
        return "ok" if found == expected else f"wrong result: {found!r}"


def gives_reason(error: BaseException, pid: int) -> bool:
    """Does the error say which process died, or of what?"""
    told = f"{error} {vars(error)}"
    return any(word in told for word in (str(pid), "SIGKILL", "-9", "signal 9"))


def attempt(pool: Any, *call: Any) -> Any:
    """A handle, or the exception that submitting raised."""
    try:
        return pool.submit(*call)
    except Exception as error:
        return error


def workers_of(pool: Any, count: int) -> list[int]:
    """The pids of all `count` workers: tasks that take a moment are given out until each has answered."""
    found: set[int] = set()
    while len(found) < count:
        found.update(
            [pool.result(handle, 60) for handle in [pool.submit(tasks.who, 0.1) for _ in range(2 * count)]]
        )
    return sorted(found)


def kill(stage: Stage) -> None:
    """Four tasks in two workers; one kills its worker."""
    pool = stage.pool(2)
    note = stage.file + ".died"
    calls = [(tasks.double, 1, 0.3), (tasks.die, note), (tasks.double, 3, 0.3), (tasks.double, 4, 0.3)]
    handles = [attempt(pool, *call) for call in calls]
    end = time.monotonic() + PATIENCE
    while not (Path(note).exists() and Path(note).read_text()) and time.monotonic() < end:
        time.sleep(0.01)
    died = int(Path(note).read_text())
    others = [stage.outcome(pool, handles[index], expected) for index, expected in ((0, 2), (2, 6), (3, 8))]
    stage.say(guilty=stage.outcome(pool, handles[1], None, died))
    lost = [word for word in others if word != "ok"]
    stage.say(others="ok" if not lost else f"{len(lost)} lost: {lost[0]}" if lost[0] != "hangs" else "hang")
    stage.say(after=stage.outcome(pool, attempt(pool, tasks.double, 5), 10))
    pool.stop()


def idle_kill(stage: Stage, count: int) -> None:
    """A worker is killed while it waits for work; then there is work."""
    pool = stage.pool(count)
    pid = workers_of(pool, count)[0]
    time.sleep(0.5)  # until all of them wait again: nothing can be asked of a pool that is to be idle
    os.kill(pid, signal.SIGKILL)
    handles = [attempt(pool, tasks.double, number) for number in range(4)]
    words = [stage.outcome(pool, handle, 2 * number) for number, handle in enumerate(handles)]
    stage.say(idle=next((word for word in words if word != "ok"), "ok"))
    pool.stop()


def bad_exception(stage: Stage) -> None:
    """A task raises what cannot be loaded in the caller."""
    pool = stage.pool(2)
    word = stage.outcome(pool, attempt(pool, tasks.raise_unloadable), None)
    after = stage.outcome(pool, attempt(pool, tasks.double, 5), 10)
    told = word if word == "hangs" else "ok"
    stage.say(
        bad=told if after == "ok" else f"{told}, then {after}" if told != "ok" else f"then {after}",
        error=word,
    )
    pool.stop()


def anonymous(stage: Stage) -> None:
    """A task without a name that a worker could import."""
    pool = stage.pool(2)
    word = stage.outcome(pool, attempt(pool, lambda: 42), 42)
    stage.say(anonymous=word if word in ("ok", "hangs") else f"refused: {word}")
    pool.stop()


def nested(stage: Stage) -> None:
    """A task makes such a pool itself."""
    pool = stage.pool(2)
    word = stage.outcome(pool, attempt(pool, tasks.nest, stage.kind), 6)
    stage.say(nested=word if word in ("ok", "hangs") else f"refused: {word}")
    pool.stop()


def idle(stage: Stage) -> None:
    """Two workers wait for work; `cell` kills this process."""
    pool = stage.pool(2)
    workers_of(pool, 2)
    time.sleep(0.5)
    stage.say(ready=True)
    time.sleep(600)


def busy(stage: Stage) -> None:
    """Four long tasks; `cell` sends SIGINT to all, as a terminal does."""
    pool = stage.pool(2)
    notes = [Path(f"{stage.file}.{number}") for number in range(4)]
    handles = [pool.submit(tasks.sleep_long, str(note)) for note in notes]
    try:
        while sum(note.exists() for note in notes) < 2:
            time.sleep(0.01)
        stage.say(ready=True)
        for handle in handles:
            pool.result(handle, None)
    finally:
        pool.stop(*sys.exc_info())


SCENES: dict[str, Callable[[Stage], None]] = {
    "kill": kill,
    "idle kill, 2 workers": lambda stage: idle_kill(stage, 2),
    "idle kill, 1 worker": lambda stage: idle_kill(stage, 1),
    "bad exception": bad_exception,
    "lambda": anonymous,
    "nested": nested,
    "orphans": idle,
    "Ctrl-C": busy,
}

if __name__ == "__main__":
    scene, kind, file = sys.argv[1:]
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # as a shell's background job has it
        signal.signal(signal.SIGINT, signal.default_int_handler)
    SCENES[scene](Stage(kind, file))
