"""What the tests of ``multiprocessing`` share: every start method, children that are killed, a limit for every wait."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

import pytest
from ropewalk.multiprocessing.context import CONTEXTS

LIMIT = 240
"""Seconds after which a wait is taken to hang; wide, because the machine may be busy."""

METHODS = ("fork", "spawn", "forkserver")

every_method = pytest.mark.parametrize("method", METHODS)


def context(method: str) -> Any:
    """A context of ropewalk's."""
    return CONTEXTS[method]


def start(ctx: Any, target: Callable[..., None], *args: Any) -> Any:
    """A process that has begun."""
    process = ctx.Process(target=target, args=args)
    process.start()
    return process


def end(process: Any, code: int = 0) -> None:
    """It must end by itself, and with this code."""
    process.join(LIMIT)
    assert process.exitcode == code, f"exit code {process.exitcode}"
    process.close()


def run(ctx: Any, target: Callable[..., None], *args: Any, code: int = 0) -> None:
    """A process from its start to its end."""
    end(start(ctx, target, *args), code)


KILLED = -signal.SIGKILL


def kill_me() -> None:
    """Ends this process as ``kill -9`` does."""
    os.kill(os.getpid(), signal.SIGKILL)


def sleeps(pid: int) -> bool:
    """Whether the first thread of a process sleeps in the kernel."""
    with open(f"/proc/{pid}/stat") as stat:
        return stat.read().rpartition(") ")[2].startswith("S")
