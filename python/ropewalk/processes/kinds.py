"""What the records that come to a crew say."""

from __future__ import annotations

__all__ = [
    "CALLBACKS",
    "CANCELLED",
    "FAILED",
    "GONE",
    "HARVESTED",
    "INTERRUPTED",
    "LAST",
    "MEMORY",
    "READY",
    "REFUSED",
    "SAID",
    "STOPPED",
    "TIMEOUT",
    "UNFIT",
    "UNWANTED",
    "WITHDRAWN",
]

# Answers of workers: bits.
FAILED = 1  #: the body is an exception, not a result
LAST = 2  #: the worker goes home after this one
STOPPED = 4  #: the exception is the one by which the task was stopped

# Notices.
READY = 16  #: a worker (its pid) is initialized and waits for tasks
UNFIT = 17  #: the initializer of a worker (its pid) failed
GONE = 18  #: a process (its pid) has ended; from the watcher
INTERRUPTED = 19  #: the program is over by Ctrl-C
SAID = 20  #: something that a task has printed, logged or warned of

# From the engine.
WITHDRAWN = 250  #: a task that was to be stopped was still in line
HARVESTED = 251  #: all results of a harvest are there
CALLBACKS = 252  #: a future is done, and its callbacks are to be called
REFUSED = 254  #: a task that the shared queue can never take
CANCELLED = 255  #: a future was found cancelled when its turn came, and its waiters are to be told

# Why a task is to be stopped, or its worker was killed.
TIMEOUT = 1
UNWANTED = 2
MEMORY = 3
