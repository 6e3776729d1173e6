"""Programs that deadlock run in an interpreter of their own, with ropewalk installed at its start."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path


def run(
    directory: Path, program: str, *options: str, code: int | None = 0, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Runs a program under the runner; ``code`` is the exit code that it must have, ``None`` for any."""
    file = directory / "program.py"
    file.write_text(textwrap.dedent(program))
    done = subprocess.run(
        [sys.executable, "-m", "ropewalk", *options, str(file)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, "PYTHONUNBUFFERED": "1", **environment},
    )
    if code is not None:
        assert done.returncode == code, done.stderr
    return done


#: Put before a program: ``reported(text)`` waits until a report with this text has been written to standard error.
EAR = """
import sys, threading
class Ear:
    heard, news = "", threading.Condition()
    def write(self, text):
        sys.__stderr__.write(text)
        with self.news:
            self.heard += text
            self.news.notify_all()
    def flush(self):
        sys.__stderr__.flush()
    def reported(self, text):
        with self.news:
            self.news.wait_for(lambda: text in self.heard, 200)
sys.stderr = Ear()
reported = sys.stderr.reported
"""

#: Two threads that take two locks in different orders, and meet in between.
TRANSFER = """
import threading
kind = getattr(threading, {kind!r})
meet = threading.Barrier(2)

class Account:
    def __init__(self):
        self.lock = kind()

def move(source, target):
    with source.lock:
        meet.wait()
        with target.lock:
            print("moved")

red, blue = Account(), Account()
threads = [
    threading.Thread(target=move, args=(red, blue), name="transfer-1"),
    threading.Thread(target=move, args=(blue, red), name="transfer-2"),
]
for thread in threads:
    thread.start()
"""
