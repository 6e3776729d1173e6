"""How far apart two processors are: what a word takes from one to the other and back.

On a machine that is shared it changes from minute to minute, fivefold, as processors with a cache in common become
processors without. What two processes do together follows it, and what one does alone does not.
"""

from __future__ import annotations

import mmap
import os
import signal
import time

BOUTS = 20
ROUNDS = 300
LONG = 0.3
"""Seconds in all. Who has no processor for himself takes a hundred thousand times as long for a round."""


def there_and_back() -> float | None:
    """Nanoseconds of the quickest bout, with what the interpreter adds; None if there is one processor, or no time."""
    allowed = os.sched_getaffinity(0)
    if len(allowed) < 2:
        return None
    here, there, *_ = sorted(allowed)
    with mmap.mmap(-1, mmap.PAGESIZE) as word:
        other = os.fork()
        if other == 0:
            try:
                signal.alarm(60)
                os.sched_setaffinity(0, {there})
                while True:
                    while not word[0]:
                        pass
                    word[0] = 0
            finally:
                os._exit(1)
        try:
            os.sched_setaffinity(0, {here})
            end = time.monotonic() + LONG
            return min((took for _ in range(BOUTS) if (took := _bout(word, end))), default=None)
        finally:
            os.sched_setaffinity(0, allowed)
            os.kill(other, signal.SIGKILL)
            os.waitpid(other, 0)


def _bout(word: mmap.mmap, end: float) -> float | None:
    """None if it was not over in time."""
    begun = time.perf_counter_ns()
    for _ in range(ROUNDS):
        word[0] = 1
        looks = 0
        while word[0]:
            looks += 1
            if not looks & 0xFFF and time.monotonic() > end:
                return None
    return (time.perf_counter_ns() - begun) / ROUNDS
