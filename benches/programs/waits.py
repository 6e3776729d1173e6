"""Every blocking call, each ready to wait for something that does not come.

`for_ever` waits without a timeout, `timed` with one. All give back what the call returned.
"""

import concurrent.futures
import os
import queue
import threading

import side


def held(lock):
    """`lock`, held by a thread that stays alive."""
    taken = threading.Event()

    def hold():
        lock.acquire()
        taken.set()
        os.read(_endless, 1)

    threading.Thread(target=hold, daemon=True).start()
    taken.wait()
    return lock


# A thread that waits for the kernel keeps the doctor from saying that nothing can ever happen again.
_endless, _kept_open = os.pipe()
threading.Thread(target=os.read, args=(_endless, 1), daemon=True).start()


def prepared(name, timeout=None):
    """The class that the call `name` belongs to, and the call, without arguments, ready to wait."""
    lock_class = threading.Lock
    if name == "Lock.acquire":
        lock = held(lock_class())
        return lock_class, lambda: lock.acquire(timeout=-1 if timeout is None else timeout)
    if name == "RLock.acquire":
        rlock = held(threading.RLock())
        return threading.RLock, lambda: rlock.acquire(timeout=-1 if timeout is None else timeout)
    if name == "Semaphore.acquire":
        semaphore = threading.Semaphore(0)
        return threading.Semaphore, lambda: semaphore.acquire(timeout=timeout)
    if name == "Event.wait":
        event = threading.Event()
        return threading.Event, lambda: event.wait(timeout)
    if name == "Condition.wait":
        condition = threading.Condition()

        def wait():
            with condition:
                return condition.wait(timeout)

        return threading.Condition, wait
    if name == "Barrier.wait":
        barrier = threading.Barrier(2)
        return threading.Barrier, lambda: barrier.wait(timeout)
    if name == "Queue.get":
        empty = queue.Queue()
        return queue.Queue, lambda: empty.get(timeout=timeout)
    if name == "Queue.put":
        full = queue.Queue(1)
        full.put(None)
        return queue.Queue, lambda: full.put(None, timeout=timeout)
    if name == "Queue.join":
        unfinished = queue.Queue()
        unfinished.put(None)
        return queue.Queue, unfinished.join
    if name == "PriorityQueue.get":
        heap = queue.PriorityQueue()
        return queue.PriorityQueue, lambda: heap.get(timeout=timeout)
    if name == "Future.result":
        future = concurrent.futures.Future()
        return concurrent.futures.Future, lambda: future.result(timeout)
    if name == "futures.wait":
        future = concurrent.futures.Future()
        return concurrent.futures.Future, lambda: concurrent.futures.wait([future], timeout)
    if name == "Thread.join":
        thread = threading.Thread(target=os.read, args=(_endless, 1), daemon=True)
        thread.start()
        return None, lambda: thread.join(timeout)
    raise ValueError(name)


def ready(which, name, timeout=None):
    """As `prepared`, but ends the program if `which` is ropewalk and the class is not ropewalk's."""
    kind, call = prepared(name, timeout)
    if kind is not None:
        side.require(which, kind)
    return call
