"""Writes the bytes of resident memory that each of `count` objects of a kind takes."""

import concurrent.futures
import gc
import queue
import resource
import threading

import side

KINDS = {
    "Event": lambda: threading.Event,
    "Queue": lambda: queue.Queue,
    "Future": lambda: concurrent.futures.Future,
    "Semaphore": lambda: threading.Semaphore,
    "Condition": lambda: threading.Condition,
    "Lock": lambda: threading.Lock,
}

which, (name, count) = side.enter()


def resident():
    """Bytes of this process in memory now."""
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize()


kind = KINDS[name]()
side.require(which, kind)
gc.disable()
kept = [None] * int(count)
for index in range(min(1000, len(kept))):  # what the first objects bring with them is no part of the weight
    kept[index] = kind()
before, first = resident(), min(1000, len(kept))
for index in range(first, len(kept)):
    kept[index] = kind()
print((resident() - before) / max(1, len(kept) - first))
