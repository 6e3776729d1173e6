"""The deadlock doctor on against off, where nobody waits: it must cost nothing that can be measured.

Both sides are ropewalk here. The bar is 1.02x, so a ratio of 0.98.
"""

from itertools import repeat

from rig.case import case

SAME = {"bar": 1 / 1.02, "sides": "doctor", "rounds": 4}


@case("doctor on: Lock acquire+release", of=("threading.Lock",), **SAME)
def doctor_lock(modules):
    return _pair(modules.threading.Lock())


@case("doctor on: RLock acquire+release", of=("threading.RLock",), **SAME)
def doctor_rlock(modules):
    return _pair(modules.threading.RLock())


@case("doctor on: with Condition: notify()", of=("threading.Condition",), **SAME)
def doctor_condition(modules):
    condition = modules.threading.Condition()

    def run(n):
        for _ in repeat(None, n):
            with condition:
                condition.notify()

    return run


@case("doctor on: Queue put+get", of=("queue.Queue",), **SAME)
def doctor_queue(modules):
    queue = modules.queue.Queue()

    def run(n):
        for _ in repeat(None, n):
            queue.put(None)
            queue.get()

    return run


def _pair(lock):
    def run(n):
        for _ in repeat(None, n):
            lock.acquire()
            lock.release()

    return run
