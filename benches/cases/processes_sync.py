"""Locks, semaphores, events, conditions, barriers and shared numbers of multiprocessing."""

import multiprocessing
import os
from itertools import repeat
from threading import Thread

from rig.case import case

CONTEXT = multiprocessing.get_context("fork")
AT = "multiprocessing.synchronize."
LOCKS = (AT + "Semaphore",)  # of one set with Lock and RLock
VALUE = ("multiprocessing.sharedctypes.Synchronized",)
ARRAY = ("multiprocessing.sharedctypes.SynchronizedArray",)


def _pair(lock):
    acquire, release = lock.acquire, lock.release

    def run(n):
        for _ in repeat(None, n):
            acquire()
            release()

    return run


def _with(lock):
    def run(n):
        for _ in repeat(None, n):
            with lock:
                pass

    return run


def _call(function, *arguments):
    def run(n):
        for _ in repeat(None, n):
            function(*arguments)

    return run


@case("process Lock acquire+release", of=LOCKS)
def lock_pair(modules):
    return _pair(CONTEXT.Lock())


@case("with process Lock", of=LOCKS)
def lock_with(modules):
    return _with(CONTEXT.Lock())


@case("process RLock acquire+release", of=LOCKS)
def rlock_pair(modules):
    return _pair(CONTEXT.RLock())


@case("with process RLock", of=LOCKS)
def rlock_with(modules):
    return _with(CONTEXT.RLock())


@case("process Semaphore acquire+release", of=(AT + "Semaphore",))
def semaphore_pair(modules):
    return _pair(CONTEXT.Semaphore(2))


@case("process BoundedSemaphore acquire+release", of=(AT + "BoundedSemaphore",))
def bounded_pair(modules):
    return _pair(CONTEXT.BoundedSemaphore(2))


@case("process Lock.acquire(False) of a held lock", of=LOCKS)
def lock_refused(modules):
    lock = CONTEXT.Lock()
    lock.acquire()
    return _call(lock.acquire, False)


@case("process Event.is_set", bar=5, of=(AT + "Event",))
def event_is_set(modules):
    return _call(CONTEXT.Event().is_set)


@case("process Event.set+clear", bar=5, of=(AT + "Event",))
def event_set(modules):
    event = CONTEXT.Event()

    def run(n):
        for _ in repeat(None, n):
            event.set()
            event.clear()

    return run


@case("process Event.wait of a set event", bar=5, of=(AT + "Event",))
def event_wait(modules):
    event = CONTEXT.Event()
    event.set()
    return _call(event.wait)


@case("process Condition.notify of nobody", of=(AT + "Condition",))
def condition_notify(modules):
    condition = CONTEXT.Condition()
    condition.acquire()
    return _call(condition.notify)


@case("process Condition.wait(0)", bar=5, of=(AT + "Condition",))
def condition_wait(modules):
    condition = CONTEXT.Condition()
    condition.acquire()
    return _call(condition.wait, 0)


@case("process Barrier(1).wait", of=(AT + "Barrier",))
def barrier_alone(modules):
    return _call(CONTEXT.Barrier(1).wait)


@case("Value += 1 under its lock", bar=2, of=VALUE)
def value_add(modules):
    value = CONTEXT.Value("i")

    def run(n):
        for _ in repeat(None, n):
            with value.get_lock():
                value.value += 1

    return run


@case("Value read", of=VALUE)
def value_read(modules):
    value = CONTEXT.Value("d", 1.5)

    def run(n):
        for _ in repeat(None, n):
            value.value  # noqa: B018

    return run


@case("Array item set and read", bar=2, of=ARRAY)
def array_item(modules):
    array = CONTEXT.Array("i", 10)

    def run(n):
        for _ in repeat(None, n):
            array[3] = 7
            array[3]

    return run


@case("making a process Lock", bar=5, of=LOCKS)
def making_lock(modules):
    return _call(CONTEXT.Lock)


@case("making a process Event", bar=5, of=(AT + "Event",))
def making_event(modules):
    return _call(CONTEXT.Event)


@case("making a process Condition", bar=5, of=(AT + "Condition",))
def making_condition(modules):
    return _call(CONTEXT.Condition)


@case("making a process Barrier", bar=5, of=(AT + "Barrier",))
def making_barrier(modules):
    return _call(CONTEXT.Barrier, 2)


@case("making a Value", bar=1.5, of=VALUE)
def making_value(modules):
    return _call(CONTEXT.Value, "i", 0)


def _other(work):
    """A process that does `work` over and over, until we end; and what ends it."""
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(theirs)
        Thread(target=lambda: os.read(ours, 1) or os._exit(0), daemon=True).start()
        try:
            while True:
                work()
        finally:
            os._exit(1)

    os.close(ours)

    def end():
        os.close(theirs)
        os.waitpid(pid, 0)

    return end


@case("two process Semaphores, there and back", of=(AT + "Semaphore",), threads=True)
def semaphore_ping_pong(modules):
    there, back = CONTEXT.Semaphore(0), CONTEXT.Semaphore(0)

    def answer():
        there.acquire()
        back.release()

    end = _other(answer)

    def run(n):
        for _ in repeat(None, n):
            there.release()
            back.acquire()

    yield run
    end()


@case("a process Barrier of two", of=(AT + "Barrier",), threads=True)
def barrier_of_two(modules):
    barrier = CONTEXT.Barrier(2)
    end = _other(barrier.wait)
    yield _call(barrier.wait)
    end()


@case("a process Lock that two contend for", of=LOCKS, threads=True)
def contended(modules):
    lock = CONTEXT.Lock()
    end = _other(_hold(lock))
    yield _with(lock)
    end()


def _hold(lock):
    def hold():
        with lock:
            pass

    return hold
