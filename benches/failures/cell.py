"""One cell: a scene in a process of its own, watched to its end, and everything that it started removed.

What belongs to a cell is known by a word in its environment, which every child inherits: sessions and process groups
can be left, and parents die.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

SCENES = Path(__file__).with_name("scenes.py")
MARK = "ROPEWALK_FAILURES_CELL"
POLL = 0.02


def belonging(mark: str) -> list[int]:
    """The living processes with `mark` in their environment."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                if wanted in (folder / "environ").read_bytes().split(b"\0"):
                    found.append(int(folder.name))
    return found


class Cell:
    """A scene that plays."""

    def __init__(self, scene: str, pool: str, patience: float) -> None:
        self.scene, self.patience = scene, patience
        self.mark = uuid.uuid4().hex
        self.folder = tempfile.TemporaryDirectory(prefix="failures-")
        self.file = Path(self.folder.name, "seen")
        self.stderr_file = Path(self.folder.name, "stderr")
        environment = {**os.environ, MARK: self.mark, "ROPEWALK_FAILURES_PATIENCE": str(patience)}
        with open(self.stderr_file, "wb") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, "-B", str(SCENES), scene, pool, str(self.file)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                env=environment,
                start_new_session=True,
            )

    def seen(self) -> dict[str, str]:
        """What the scene has written by now."""
        seen: dict[str, str] = {}
        if self.file.exists():
            for line in self.file.read_text(encoding="utf-8").splitlines():
                with contextlib.suppress(json.JSONDecodeError):  # the last line may be half there
                    seen.update(json.loads(line))
        return seen

    def ended(self, seconds: float) -> bool:
        """Whether the scene's own process ends within `seconds`."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)
        return self.process.returncode is not None

    def ready(self, seconds: float = 60.0) -> bool:
        end = time.monotonic() + seconds
        while "ready" not in self.seen():
            if self.process.poll() is not None or time.monotonic() > end:
                return False
            time.sleep(POLL)
        return True

    def left(self, seconds: float) -> tuple[int, float]:
        """How many processes are left after `seconds`, or 0 and after how long."""
        began = time.monotonic()
        while True:
            count, took = len(belonging(self.mark)), time.monotonic() - began
            if count == 0 or took > seconds:
                return count, took
            time.sleep(POLL)

    def stderr(self) -> str:
        return self.stderr_file.read_text(encoding="utf-8", errors="replace")

    def close(self) -> None:
        """Ends all that belongs to this cell, and removes the semaphores that its processes gave their names to."""
        known = {self.process.pid}
        while pids := belonging(self.mark):
            known.update(pids)
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.process.poll()
            time.sleep(POLL)
        self.process.wait()
        for pid in known:
            for path in Path("/dev/shm").glob(f"sem.loky-{pid}-*"):
                path.unlink(missing_ok=True)
        self.folder.cleanup()

    def __enter__(self) -> Cell:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def play(scene: str, pool: str, patience: float) -> dict[str, str]:
    """What is seen in a scene, one word for each column that it fills. "absent": there is no such pool here."""
    with Cell(scene, pool, patience) as cell:
        if scene == "orphans":
            return _shot(cell)
        if scene == "Ctrl-C":
            return _interrupted(cell)
        ended = cell.ended(8 * patience)
        seen = cell.seen()
        if "absent" not in seen and not ended:
            last = {"kill": "after", "bad exception": "bad", "lambda": "anonymous"}.get(
                scene, scene.split(",")[0]
            )
            key = {"idle kill": "idle"}.get(last, last)
            seen[key] = f"{seen.get(key, 'hangs')}; never ends"
        elif not seen:
            seen["failed"] = cell.stderr().strip().splitlines()[-1] if cell.stderr().strip() else "no word"
        return seen


def _shot(cell: Cell) -> dict[str, str]:
    """SIGKILL for the parent of idle workers."""
    if not cell.ready():
        return cell.seen() if "absent" in cell.seen() else {"orphans": "did not start"}
    cell.process.kill()
    cell.process.wait()
    count, took = cell.left(cell.patience + 5)
    if count:
        return {"orphans": f"{count} left after {cell.patience + 5:.0f} s"}
    return {"orphans": "none" if took <= 1 else "none after a while", "orphan seconds": f"{took:.2f}"}


def _interrupted(cell: Cell) -> dict[str, str]:
    """SIGINT for the whole group, as from a terminal."""
    if not cell.ready():
        return cell.seen() if "absent" in cell.seen() else {"interrupt": "did not start"}
    began = time.monotonic()
    os.killpg(cell.process.pid, signal.SIGINT)
    if not cell.ended(cell.patience + 7):
        return {"interrupt": f"> {cell.patience + 7:.0f} s"}
    took = time.monotonic() - began
    count, _ = cell.left(1.0)
    said = cell.stderr()
    tracebacks = said.count("Traceback (most recent call last)")
    faults = []
    if took >= 1:
        faults.append("slow")
    if cell.process.returncode not in (-signal.SIGINT, 128 + signal.SIGINT):
        faults.append(f"exit code {cell.process.returncode}")
    if tracebacks != 1:
        faults.append("noise" if tracebacks else "no traceback")
    if count:
        faults.append(f"{count} left")
    return {
        "interrupt": ", ".join(faults) or "ok",
        "interrupt seconds": f"{took:.2f}",
        "interrupt lines": str(len(said.splitlines())),
    }
