"""Timed waits, and puts, in the main thread while signals come in."""

import begin  # isort: skip

import concurrent.futures
import queue
import signal
import sys
import threading
import time
from functools import partial

case, target = begin.arguments[0], int(begin.arguments[1])
came = 0


def count(number, frame):
    """Counts a signal, and does what the case wants done in the handler."""
    global came
    came += 1
    in_handler()


def in_handler():
    """Nothing, in most cases."""


no_more = in_handler


def timed_waits():
    """Each call with a timeout, in turns, until enough signals came; none may end early or report success."""
    lock, rlock = threading.Lock(), threading.RLock()
    lock.acquire()
    held = threading.Event()

    def hold():
        rlock.acquire()
        held.set()
        threading.Event().wait(float(sys.argv[1]))

    threading.Thread(target=hold, daemon=True).start()
    held.wait()
    condition, full, future = threading.Condition(), queue.Queue(1), concurrent.futures.Future()
    full.put(None)

    def wait(timeout):
        with condition:
            return condition.wait(timeout)

    def refused(call, *errors):
        def attempt(timeout):
            try:
                call(timeout)
            except errors:
                return False
            return True

        return attempt

    waits = [
        lambda timeout: lock.acquire(timeout=timeout),
        lambda timeout: rlock.acquire(timeout=timeout),
        lambda timeout: threading.Semaphore(0).acquire(timeout=timeout),
        lambda timeout: threading.Event().wait(timeout),
        wait,
        refused(lambda timeout: queue.Queue().get(timeout=timeout), queue.Empty),
        refused(lambda timeout: full.put(None, timeout=timeout), queue.Full),
        refused(future.result, concurrent.futures.TimeoutError),
        refused(lambda timeout: threading.Barrier(2).wait(timeout), threading.BrokenBarrierError),
    ]
    while came < target:
        for number, call in enumerate(waits):
            timeout, start = 0.02, time.monotonic()
            assert not call(timeout), number
            assert time.monotonic() - start >= timeout * 0.999, number
    assert came >= target


def put_again():
    """The main thread puts and gets; the handler does so in the middle of it."""
    global in_handler
    shared = queue.Queue()
    in_handler = partial(shared.put, None)
    while came < target:
        shared.put(None)
        shared.get()
    signal.setitimer(signal.ITIMER_REAL, 0)
    assert shared.qsize() == came


def put_while_full():
    """The main thread waits for room; the handler makes some, and takes it itself every other time."""
    global in_handler
    full = queue.Queue(1)

    def make_room():
        try:
            full.get_nowait()
            if came % 2:
                full.put_nowait(None)
        except (queue.Empty, queue.Full):
            pass

    in_handler = make_room
    while came < target:
        full.put(None)


def put_while_comparing():
    """Every comparison within a priority queue is interrupted by a handler that puts into it too."""
    global in_handler
    heap = queue.PriorityQueue()
    busy = False

    class Item:
        def __init__(self, number):
            self.number = number

        def __lt__(self, other):
            signal.raise_signal(signal.SIGALRM)
            return self.number < other.number

    def put():
        nonlocal busy
        if not busy:
            busy = True
            heap.put(Item(-came))
            busy = False

    in_handler = put
    puts = 0
    while came < target:
        heap.put(Item(puts))
        puts += 1
        if heap.qsize() > 50:
            in_handler = no_more
            while heap.qsize():
                heap.get()
            in_handler = put


signal.signal(signal.SIGALRM, count)
if case != "put_while_comparing":
    signal.setitimer(signal.ITIMER_REAL, 5e-5, 5e-5)
{
    "timed_waits": timed_waits,
    "put_again": put_again,
    "put_while_full": put_while_full,
    "put_while_comparing": put_while_comparing,
}[case]()
signal.setitimer(signal.ITIMER_REAL, 0)
