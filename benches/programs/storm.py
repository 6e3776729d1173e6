"""Waits for `timeout` seconds in the call `name` while signals come in; writes how long and how many.

Each line of input starts a wait. Python's own handler runs for the signals, as in a program that counts them.
"""

import concurrent.futures
import queue
import signal
import sys
import threading
import time

import side
import waits

which, (name, timeout) = side.enter()

ENDS = (queue.Empty, queue.Full, TimeoutError, concurrent.futures.TimeoutError, threading.BrokenBarrierError)
came = 0


def count(number, frame):
    """Counts a signal."""
    global came
    came += 1


signal.signal(signal.SIGRTMIN, count)
for _ in sys.stdin:
    call = waits.ready(which, name, float(timeout))
    came = 0
    print("waiting", flush=True)
    start = time.perf_counter()
    try:
        call()
    except ENDS:
        pass
    taken = time.perf_counter() - start
    print(taken, came, flush=True)
