"""Semaphore, Event, Condition, Barrier: pure Python in the standard library."""

from itertools import repeat
from threading import Thread

from rig.case import case


@case("Semaphore acquire+release", bar=8, of=("threading.Semaphore",))
def semaphore_pair(modules):
    return _pair(modules.threading.Semaphore())


@case("with Semaphore", bar=8, of=("threading.Semaphore",))
def semaphore_with(modules):
    semaphore = modules.threading.Semaphore()

    def run(n):
        for _ in repeat(None, n):
            with semaphore:
                pass

    return run


@case("BoundedSemaphore acquire+release", bar=8, of=("threading.BoundedSemaphore",))
def bounded_semaphore_pair(modules):
    return _pair(modules.threading.BoundedSemaphore())


@case("create Semaphore", of=("threading.Semaphore",))
def semaphore_new(modules):
    return _create(modules.threading.Semaphore)


@case("Semaphore(2), 4 threads", of=("threading.Semaphore",), threads=True, chunk=0.1, batch=4)
def semaphore_crowd(modules):
    semaphore = modules.threading.Semaphore(2)

    def work(n):
        for _ in repeat(None, n):
            with semaphore:
                pass

    def run(n):
        threads = [Thread(target=work, args=(n // 4,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return run


@case("Event.wait, set", bar=8, of=("threading.Event",))
def event_wait(modules):
    event = modules.threading.Event()
    event.set()

    def run(n):
        for _ in repeat(None, n):
            event.wait()

    return run


@case("Event set+clear", of=("threading.Event",))
def event_set_clear(modules):
    event = modules.threading.Event()

    def run(n):
        for _ in repeat(None, n):
            event.set()
            event.clear()

    return run


@case("Event.is_set", of=("threading.Event",))
def event_is_set(modules):
    event = modules.threading.Event()

    def run(n):
        for _ in repeat(None, n):
            event.is_set()

    return run


@case("create Event", of=("threading.Event",))
def event_new(modules):
    return _create(modules.threading.Event)


@case("Event ping-pong, two threads", of=("threading.Event",), threads=True, chunk=0.1)
def event_ping_pong(modules):
    there, back = modules.threading.Event(), modules.threading.Event()

    def answer(n):
        for _ in repeat(None, n):
            there.wait()
            there.clear()
            back.set()

    def run(n):
        other = Thread(target=answer, args=(n,))
        other.start()
        for _ in repeat(None, n):
            there.set()
            back.wait()
            back.clear()
        other.join()

    return run


@case("with Condition: notify()", bar=1.8, of=("threading.Condition",))
def condition_notify(modules):
    condition = modules.threading.Condition()

    def run(n):
        for _ in repeat(None, n):
            with condition:
                condition.notify()

    return run


@case("with Condition: notify_all()", of=("threading.Condition",))
def condition_notify_all(modules):
    condition = modules.threading.Condition()

    def run(n):
        for _ in repeat(None, n):
            with condition:
                condition.notify_all()

    return run


@case("create Condition", of=("threading.Condition",))
def condition_new(modules):
    return _create(modules.threading.Condition)


@case("Condition ping-pong, two threads", of=("threading.Condition",), threads=True, chunk=0.1)
def condition_ping_pong(modules):
    return _ping_pong(modules.threading.Condition())


@case("Condition(Lock()) ping-pong, two threads", of=("threading.Condition",), threads=True, chunk=0.1)
def condition_over_lock_ping_pong(modules):
    return _ping_pong(modules.threading.Condition(modules.threading.Lock()))


@case("Barrier(2).wait, two threads", of=("threading.Barrier",), threads=True, chunk=0.1)
def barrier_two(modules):
    barrier = modules.threading.Barrier(2)

    def meet(n):
        for _ in repeat(None, n):
            barrier.wait()

    def run(n):
        other = Thread(target=meet, args=(n,))
        other.start()
        meet(n)
        other.join()

    return run


@case("Barrier(1).wait", of=("threading.Barrier",))
def barrier_one(modules):
    barrier = modules.threading.Barrier(1)

    def run(n):
        for _ in repeat(None, n):
            barrier.wait()

    return run


@case("create Barrier", of=("threading.Barrier",))
def barrier_new(modules):
    barrier = modules.threading.Barrier

    def run(n):
        for _ in repeat(None, n):
            barrier(2)

    return run


def _pair(semaphore):
    def run(n):
        for _ in repeat(None, n):
            semaphore.acquire()
            semaphore.release()

    return run


def _create(kind):
    def run(n):
        for _ in repeat(None, n):
            kind()

    return run


def _ping_pong(condition):
    turn = [0]

    def play(me, n):
        for _ in repeat(None, n):
            with condition:
                while turn[0] != me:
                    condition.wait()
                turn[0] = 1 - me
                condition.notify()

    def run(n):
        other = Thread(target=play, args=(1, n))
        other.start()
        play(0, n)
        other.join()

    return run
