"""Leaves the interpreter while daemon threads are parked in, or run through, everything that can be waited
for.

What the threads do is drawn from the number of the run, and so is the moment at which the main thread leaves.
"""

import begin  # isort: skip

import concurrent.futures
import queue
import random
import threading

kind, number = begin.arguments
chance = random.Random(int(number))
meeting = threading.Semaphore(0)


def parked_calls():
    """Calls that never return."""
    lock, rlock = threading.Lock(), threading.RLock()
    lock.acquire()
    rlock.acquire()
    condition, full = threading.Condition(), queue.Queue(1)
    full.put(None)

    def wait():
        with condition:
            condition.wait()

    return [
        lock.acquire,
        rlock.acquire,
        threading.Semaphore(0).acquire,
        threading.Event().wait,
        wait,
        threading.Barrier(2).wait,
        queue.Queue().get,
        queue.LifoQueue().get,
        queue.PriorityQueue().get,
        queue.SimpleQueue().get,
        lambda: full.put(None),
        full.join,
        concurrent.futures.Future().result,
        lambda: concurrent.futures.wait([concurrent.futures.Future()]),
        lambda: threading.Event().wait(1000),
        lambda: queue.Queue().get(timeout=1000),
    ]


def busy_calls():
    """Calls that always go on, to be repeated."""
    shared, bounded, heap = queue.Queue(), queue.Queue(2), queue.PriorityQueue()
    lock, rlock, semaphore, event = (
        threading.Lock(),
        threading.RLock(),
        threading.Semaphore(2),
        threading.Event(),
    )
    condition = threading.Condition()

    def hold(what):
        with what:
            pass

    def notify():
        with condition:
            condition.notify_all()

    def wait():
        with condition:
            condition.wait(0.001)

    def give_and_take(container):
        container.put(1)
        container.get()

    def finish():
        future = concurrent.futures.Future()
        future.add_done_callback(lambda _: shared.put(1))
        future.set_result(1)
        shared.get()

    def turn():
        event.set()
        event.wait()
        event.clear()

    return [
        lambda: hold(lock),
        lambda: hold(rlock),
        lambda: hold(semaphore),
        lambda: event.wait(0.001),
        turn,
        notify,
        wait,
        lambda: give_and_take(shared),
        lambda: give_and_take(bounded),
        lambda: give_and_take(heap),
        finish,
    ]


def start(work):
    """A daemon thread that tells when it runs."""

    def run():
        meeting.release()
        work()

    threading.Thread(target=run, daemon=True).start()


def for_ever(call):
    """The call, again and again."""

    def repeat():
        while True:
            call()

    return repeat


def submitting(pool):
    """Hands tasks to a pool until the interpreter refuses them."""

    def submit():
        future = None
        while True:
            try:
                future = pool.submit(sum, range(10))
            except RuntimeError:
                return
            if chance.random() < 0.5:
                future.result()

    return submit


if kind == "parked":
    works = chance.sample(parked_calls(), 8)
elif kind == "busy":
    works = [for_ever(call) for call in chance.sample(busy_calls(), 6)]
elif kind == "pool":
    pools = [concurrent.futures.ThreadPoolExecutor(workers) for workers in (1, 3)]
    works = [submitting(pool) for pool in pools for _ in range(2)]
else:
    raise ValueError(kind)
for work in works:
    start(work)
for _ in works:
    meeting.acquire()
threading.Event().wait(chance.random() * 0.01)
