"""What the pools are given to do. A module of its own: workers that are started anew import it by name."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path


class Unloadable(Exception):
    """Is pickled without complaint, and cannot be loaded: its constructor wants an argument that is not kept."""

    def __init__(self, what: str, why: str) -> None:
        super().__init__(what)
        self.why = why


def double(number: int, seconds: float = 0.0) -> int:
    time.sleep(seconds)
    return 2 * number


def who(seconds: float) -> int:
    time.sleep(seconds)
    return os.getpid()


def die(note: str) -> None:
    """Leaves word of who is about to go, and goes."""
    Path(note).write_text(str(os.getpid()))
    os.kill(os.getpid(), signal.SIGKILL)


def raise_unloadable() -> None:
    raise Unloadable("this", "that")


def sleep_long(note: str) -> None:
    Path(note).touch()
    time.sleep(25)


def nest(kind: str) -> int:
    """Makes a pool like the one that it runs in, and uses it."""
    from pools import POOLS

    pool = POOLS[kind](2)
    try:
        return sum(pool.result(pool.submit(double, number), 6) for number in (1, 2))
    finally:
        pool.stop()
