"""Somebody is killed, and the clock runs until somebody else has what he was waiting for.

    recover.py SIDE SCENE TIMES      writes the seconds of each time, as JSON

On the standard library most scenes never end: whoever starts this gives it a limit.
"""

import concurrent.futures
import json
import mmap
import multiprocessing
import multiprocessing.pool
import os
import random
import signal
import sys
import threading
import time

import side

#: When something happened in a child, in nanoseconds; 0 before.
CLOCK = memoryview(mmap.mmap(-1, 8)).cast("Q")


def now():
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC)


def reset():
    CLOCK[0] = 0


def stamp():
    CLOCK[0] = now()


def stamped():
    """Waits until a child has stamped; when that was."""
    while not CLOCK[0]:
        time.sleep(0.0001)
    return CLOCK[0]


def start(function, *arguments):
    process = multiprocessing.get_context("fork").Process(target=function, args=arguments, daemon=True)
    process.start()
    return process


def wait_asleep(pid):
    """Returns when the process was asleep at ten looks in a row: it waits."""
    looks = 0
    while looks < 10:
        with open(f"/proc/{pid}/stat") as stat:
            looks = looks + 1 if stat.read().rpartition(") ")[2].startswith("S") else 0
        time.sleep(0.001)


def kill(process):
    """Ends it; when that was."""
    at = now()
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    return at


def hold(lock):
    lock.acquire()
    time.sleep(3600)


def held(lock):
    lock.acquire()
    stamp()
    lock.release()


def lock_that_somebody_waits_for():
    lock = multiprocessing.Lock()
    holder = start(hold, lock)
    wait_asleep(holder.pid)
    waiter = start(held, lock)
    wait_asleep(waiter.pid)
    at = kill(holder)
    seconds = (stamped() - at) / 1e9
    waiter.join()
    return seconds


def lock_that_somebody_comes_for():
    lock = multiprocessing.Lock()
    holder = start(hold, lock)
    wait_asleep(holder.pid)
    kill(holder)
    at = now()
    lock.acquire()
    return (now() - at) / 1e9


def get(queue):
    queue.get()
    stamp()


def queue_with_a_dead_getter():
    queue = multiprocessing.Queue()
    getters = [start(get, queue)]
    wait_asleep(getters[0].pid)
    getters.append(start(get, queue))
    wait_asleep(getters[1].pid)
    kill(getters[0])
    at = now()
    queue.put(1)
    seconds = (stamped() - at) / 1e9
    getters[1].join()
    return seconds


def put(queue):
    while True:
        queue.put(b"x" * 1000)
        queue.get()


def queue_with_a_killed_user():
    queue = multiprocessing.Queue()
    users = [start(put, queue) for _ in range(2)]
    time.sleep(0.01 + random.random() / 100)  # the moment is what chance decides
    kill(users[0])
    at = now()
    queue.put(b"mine")
    queue.get()
    seconds = (now() - at) / 1e9
    kill(users[1])
    return seconds


def await_event(event):
    event.wait()


def event_with_a_dead_waiter():
    event = multiprocessing.Event()
    waiter = start(await_event, event)
    wait_asleep(waiter.pid)
    kill(waiter)
    at = now()
    event.set()
    return (now() - at) / 1e9


def meet(barrier):
    try:
        barrier.wait()
    except threading.BrokenBarrierError:
        stamp()


def barrier_with_a_dead_party():
    barrier = multiprocessing.Barrier(3)
    parties = [start(meet, barrier) for _ in range(2)]
    for party in parties:
        wait_asleep(party.pid)
    at = kill(parties[0])
    seconds = (stamped() - at) / 1e9
    parties[1].join()
    return seconds


def stay(_=None):
    stamp()
    time.sleep(3600)


def worker_of(pool):
    """The only one."""
    return next(iter(getattr(pool, "_processes", {}) or {}), None) or pool._pool[0].pid


def executor_that_tells():
    with concurrent.futures.ProcessPoolExecutor(1) as pool:
        future = pool.submit(stay)
        stamped()
        at = now()
        os.kill(worker_of(pool), signal.SIGKILL)
        future.exception()
        return (now() - at) / 1e9


def executor_that_goes_on():
    with concurrent.futures.ProcessPoolExecutor(1) as pool:
        pool.submit(stay)
        stamped()
        following = pool.submit(abs, -1)
        at = now()
        os.kill(worker_of(pool), signal.SIGKILL)
        following.result()
        return (now() - at) / 1e9


def pool_that_tells():
    with multiprocessing.get_context("fork").Pool(1) as pool:
        result = pool.apply_async(stay)
        stamped()
        at = now()
        os.kill(pool._pool[0].pid, signal.SIGKILL)
        result.wait()
        return (now() - at) / 1e9


def pool_that_goes_on():
    with multiprocessing.get_context("fork").Pool(1) as pool:
        pool.apply_async(stay)
        stamped()
        following = pool.apply_async(abs, (-1,))
        at = now()
        os.kill(pool._pool[0].pid, signal.SIGKILL)
        following.get()
        return (now() - at) / 1e9


SCENES = [
    lock_that_somebody_waits_for,
    lock_that_somebody_comes_for,
    queue_with_a_dead_getter,
    queue_with_a_killed_user,
    event_with_a_dead_waiter,
    barrier_with_a_dead_party,
    executor_that_tells,
    executor_that_goes_on,
    pool_that_tells,
    pool_that_goes_on,
]

if __name__ == "__main__":
    which, (scene, times) = side.enter()
    side.require(which, concurrent.futures.ProcessPoolExecutor, multiprocessing.pool.Pool)
    if not sys.warnoptions:
        import warnings

        warnings.simplefilter("ignore")  # a lock of a dead owner says so each time
    found = []
    for _ in range(int(times)):
        reset()
        found.append({function.__name__: function for function in SCENES}[scene]())
    print(json.dumps(found))
