"""Threads for tests: started together, joined at the end, their exceptions raised in the test."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any


class Running:
    """Functions that run in threads of their own within a ``with`` block.

    Leaving the block joins them and raises the first exception of one of them.
    """

    def __init__(self, *functions: Callable[[], Any]) -> None:
        self.errors: list[BaseException] = []
        self.results: list[Any] = []
        self.threads = [threading.Thread(target=self._run, args=(function,)) for function in functions]

    def _run(self, function: Callable[[], Any]) -> None:
        try:
            self.results.append(function())
        except BaseException as error:
            self.errors.append(error)

    def __enter__(self) -> Running:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, kind: Any, value: Any, traceback: Any) -> None:
        self.join()

    def join(self) -> None:
        for thread in self.threads:
            thread.join(120)
            assert not thread.is_alive(), "a thread of this test hangs"
        if self.errors:
            raise self.errors[0]


def eventually(condition: Callable[[], Any], within: float = 120.0) -> None:
    """Returns as soon as the condition holds; fails if it does not within that many seconds."""
    end = time.monotonic() + within
    while not condition():
        assert time.monotonic() < end, "the condition never came true"
        time.sleep(0.001)


@contextlib.contextmanager
def alarm(error: type[BaseException]) -> Iterator[None]:
    """A signal's handler raises ``error`` in the main thread, once, soon after the block was entered.

    The signal comes again until it is handled: one that comes between a thread's last look at its signals and its sleep
    does not end that sleep, neither here nor in the interpreter's own locks.
    """

    def ring(number: int, frame: Any) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        raise error

    before = signal.signal(signal.SIGALRM, ring)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextlib.contextmanager
def switching_fast() -> Iterator[None]:
    """Within the block, the interpreter goes from thread to thread as often as it can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def asleep(thread: threading.Thread) -> bool:
    """Whether the kernel shows this thread as sleeping."""
    with open(f"/proc/self/task/{thread.native_id}/stat") as stat:
        return stat.read().rpartition(")")[2].split()[0] == "S"
