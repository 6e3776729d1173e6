"""Brings one suite through on one engine, in as many worker processes as that takes.

A case that hangs is named, its stacks are kept, its process ends; so is a case that takes the
interpreter down with it. A new worker goes on behind it. What must stay true: every case of the plan
has exactly one outcome, and a worker that is gone leaves no child behind.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from .suites import Python, Suite

WORKER = Path(__file__).with_name("worker.py")
POLL = 0.05
"""Seconds between two looks at a worker's events."""
EXIT_TIMEOUT = 120.0
"""Seconds for an interpreter to exit behind the last case."""
RESTARTS = 40
"""Workers that may hang or crash before the rest of a suite is given up."""


@dataclass
class Outcome:
    """How one case ended: pass, fail, error, skip, xfail, crash, hang or "not run"."""

    kind: str
    seconds: float = 0.0
    detail: str = ""
    altered: bool = False

    @property
    def passed(self) -> bool:
        return self.kind in ("pass", "xfail")


@dataclass
class Outcomes:
    """What one engine made of one suite."""

    cases: dict[str, Outcome] = field(default_factory=dict)
    exit: str = ""
    """What was wrong when the interpreter exited behind the last case; empty if nothing."""
    fixtures: list[str] = field(default_factory=list)
    engine: dict[str, object] = field(default_factory=dict)
    seconds: float = 0.0

    def to_json(self) -> dict[str, object]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict) -> Outcomes:
        cases = {name: Outcome(**fields) for name, fields in data["cases"].items()}
        return cls(cases, data["exit"], data["fixtures"], data["engine"], data["seconds"])


class SuiteError(Exception):
    """A worker ended before it had a plan: the suite or the engine cannot be loaded. Holds its log."""


@dataclass
class Limits:
    """How long a case may take, in seconds."""

    case: float = 300.0
    known: dict[str, float] = field(default_factory=dict)
    """Seconds on stock, by case: twenty times that, and at least two minutes, is a hang."""

    def of(self, case: str) -> float:
        if case not in self.known:
            return self.case
        return min(self.case, max(120.0, 20 * self.known[case]))


def environment(python: Python, suite: Suite, engine: str, scratch: str) -> dict[str, str]:
    """The caller's environment with nothing in it of ropewalk's but what this engine needs."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("ROPEWALK")}
    env["TMPDIR"] = scratch
    if engine == "ropewalk":
        env["ROPEWALK"] = "1"
    borrowed = python.borrowed(suite)
    if borrowed is not None:
        env["ROPEWALK_PARITY_BORROWED"] = str(borrowed)
    return env


class Stopped(Exception):
    """The run was ended from outside."""


_live: set[Worker] = set()
_stopping = threading.Event()


def stop() -> None:
    """End all workers, and start no more: whoever runs a suite gets Stopped."""
    _stopping.set()
    for worker in list(_live):
        worker.kill()


class Worker:
    """One process of worker.py, its log and its events."""

    def __init__(
        self, python: Python, suite: Suite, engine: str, only: list[str] | None, skip: list[str]
    ) -> None:
        self.scratch = tempfile.mkdtemp(prefix="parity-")
        home = Path(self.scratch, "cwd")
        home.mkdir()
        self.events_path = Path(self.scratch, "events")
        self.log_path = Path(self.scratch, "log")
        self.events_path.touch()
        self.read = 0
        job = {
            "engine": engine,
            "modules": suite.modules,
            "loopback": suite.apart,
            "select": suite.select,
            "resources": suite.resources,
            "only": only,
            "skip": skip,
            "events": str(self.events_path),
        }
        job_path = Path(self.scratch, "job")
        job_path.write_text(json.dumps(job), encoding="utf-8")
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                [python.executable, str(WORKER), str(job_path)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=home,
                env=environment(python, suite, engine, self.scratch) | suite.environment,
                start_new_session=True,
            )
        _live.add(self)

    def events(self) -> list[dict]:
        """The whole lines written since the last call."""
        with open(self.events_path, "rb") as file:
            file.seek(self.read)
            text = file.read()
        text = text[: text.rfind(b"\n") + 1]
        self.read += len(text)
        return [json.loads(line) for line in text.splitlines()]

    def mark(self) -> int:
        """Where the log ends now."""
        return self.log_path.stat().st_size

    def log(self, since: int = 0, limit: int = 6000) -> str:
        """The end of what the process wrote behind `since`."""
        with open(self.log_path, "rb") as file:
            file.seek(since)
            return file.read()[-limit:].decode(errors="replace").strip()

    def stacks(self) -> str:
        """End the process and return the stacks of its threads, as faulthandler writes them on SIGABRT."""
        mark = self.mark()
        self.process.send_signal(signal.SIGABRT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(60)
        return self.log(mark)

    def kill(self) -> None:
        """End every process of the worker's session that is left."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def close(self) -> None:
        """End what is left of the worker, and remove what it wrote."""
        self.kill()
        self.process.wait()
        _live.discard(self)
        shutil.rmtree(self.scratch, ignore_errors=True)


def describe_exit(code: int) -> str:
    """An exit code in words."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


class Watch:
    """One suite on one engine, from the first worker to the last."""

    def __init__(self, python: Python, suite: Suite, engine: str, limits: Limits) -> None:
        self.python, self.suite, self.engine, self.limits = python, suite, engine, limits
        self.outcomes = Outcomes()
        self.planned: list[str] = []
        self.wanted: list[str] = []

    def run(self, only: list[str] | None = None) -> Outcomes:
        """The outcome of every case (of those in `only`, if given). Raises SuiteError."""
        began = time.monotonic()
        for _ in range(RESTARTS):
            if self._worker(only):
                break
        for name in self.wanted:
            self.outcomes.cases.setdefault(name, Outcome("not run"))
        self.outcomes.seconds = time.monotonic() - began
        return self.outcomes

    def plan(self) -> list[str]:
        """The cases that there are, in order; none is run. Raises SuiteError."""
        self._worker([])
        return self.planned

    def _worker(self, only: list[str] | None) -> bool:
        """One worker. False if there is more to do behind a case that hung or crashed."""
        worker = Worker(self.python, self.suite, self.engine, only, list(self.outcomes.cases))
        try:
            return self._follow(worker, only)
        finally:
            worker.close()

    def _follow(self, worker: Worker, only: list[str] | None) -> bool:
        current: str | None = None
        planned = ended = False
        mark = 0
        since = time.monotonic()
        while True:
            gone = worker.process.poll() is not None
            if _stopping.is_set():
                raise Stopped
            for event in worker.events():
                since = time.monotonic()
                kind = event.pop("e")
                if kind == "engine":
                    self.outcomes.engine = event
                elif kind == "plan":
                    planned = True
                    self.planned = event["cases"]
                    self.wanted = [name for name in self.planned if only is None or name in only]
                elif kind == "next":
                    current, mark = event["id"], worker.mark()
                elif kind == "done":
                    name = event.pop("id")
                    self.outcomes.cases[name] = Outcome(event.pop("outcome"), **event)
                    current = None
                elif kind == "fixture":
                    self.outcomes.fixtures.append(f"{event['id']}\n{event['detail']}")
                elif kind == "end":
                    current, ended, mark = None, True, worker.mark()
            if gone:
                code = worker.process.returncode
                if not planned:
                    raise SuiteError(f"{describe_exit(code)} before the first case\n{worker.log()}")
                if ended:
                    if code != 0:
                        self.outcomes.exit = f"{describe_exit(code)}\n{worker.log(mark)}"
                    return True
                return self._blame(current, "crash", f"{describe_exit(code)}\n{worker.log(mark)}")
            limit = EXIT_TIMEOUT if ended else self.limits.of(current) if current else self.limits.case
            waited = time.monotonic() - since
            if waited > limit:
                stacks = f"nothing for {waited:.0f} s\n{worker.stacks()}"
                if not planned:
                    raise SuiteError(f"hangs before the first case\n{stacks}")
                if ended:
                    self.outcomes.exit = stacks
                    return True
                return self._blame(current, "hang", stacks)
            time.sleep(POLL)

    def _blame(self, current: str | None, kind: str, detail: str) -> bool:
        """Give the case that was running its outcome; between two cases the next is to blame."""
        if current is None:
            left = [name for name in self.wanted if name not in self.outcomes.cases]
            if not left:
                self.outcomes.exit = f"{kind} behind the last case\n{detail}"
                return True
            current = left[0]
        self.outcomes.cases[current] = Outcome(kind, detail=detail)
        return False
