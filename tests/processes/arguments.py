"""Tasks that get large arguments. They stand in a module so that workers of every start method find them."""

from __future__ import annotations

import os
import signal

#: What a worker keeps from task to task.
KEPT = []


def add_one(array):
    """Writes into its argument."""
    array += 1
    return float(array.sum())


def keep(array):
    KEPT.append(array)
    return len(KEPT)


def sum_of_kept():
    return [float(array[0]) for array in KEPT]


def both(first, second, *, third):
    return type(first).__name__, len(first), bytes(second[:2]), bool(third.flags.writeable)


def die(array):
    array[0] = 1
    os.kill(os.getpid(), signal.SIGKILL)


def read_one(descriptor):
    return os.read(descriptor, 1)


def fork_and_change(array):
    """What this process and a child of it see, after each has written."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        array[1] = 5
        os.write(writing, repr((float(array[0]), float(array[1]))).encode())
        os._exit(0)
    os.waitpid(child, 0)
    seen = os.read(reading, 100).decode()
    os.close(reading)
    os.close(writing)
    return seen, float(array[1])
