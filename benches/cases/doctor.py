"""The deadlock doctor on against off, where nobody waits: it must cost nothing that can be measured.

Both sides are ropewalk here. The bar is 1.02x, so a ratio of 0.98; 1.03x where two processes contend. Beside that, how
long it takes until somebody has the lock of a process that was killed.
"""

import multiprocessing
import os
import signal
import statistics
import time
import warnings
from itertools import repeat
from threading import Thread

from rig.case import NotThere, Reading, case, figure

SAME = {"bar": 1 / 1.02, "sides": "doctor", "rounds": 4}
CONTENDED = {"bar": 1 / 1.03, "sides": "doctor", "rounds": 4, "threads": True}
PROCESSES = ("multiprocessing.synchronize.Semaphore",)
KILLS = 100


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


@case("doctor on: process Lock acquire+release", of=PROCESSES, **SAME)
def doctor_process_lock(modules):
    return _pair(multiprocessing.get_context("fork").Lock())


@case("doctor on: process RLock acquire+release", of=PROCESSES, **SAME)
def doctor_process_rlock(modules):
    return _pair(multiprocessing.get_context("fork").RLock())


@case("doctor on: a process Lock that two contend for", of=PROCESSES, **CONTENDED)
def doctor_contended(modules):
    lock = multiprocessing.get_context("fork").Lock()
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(theirs)
        Thread(target=lambda: os.read(ours, 1) or os._exit(0), daemon=True).start()
        while True:
            with lock:
                pass
    os.close(ours)
    yield _pair(lock)
    os.close(theirs)
    os.waitpid(pid, 0)


@figure("a killed holder's Lock is taken over", at_most=200)
def take_over(setting):
    """From the kill to the end of `acquire()` in a process that waited for the lock; the worst of all kills is held."""
    try:
        import ropewalk
        from ropewalk import _ropewalk
        from ropewalk.multiprocessing.context import CONTEXTS
    except ImportError:
        raise NotThere("ropewalk has no locks between processes") from None
    ropewalk.deadlock = "raise"  # whatever the case before has left: waits are seen only then
    ctx = CONTEXTS["fork"]
    taken = []
    kills = setting.scaled(KILLS)
    for kill in range(kills):
        lock, held, told = ctx.Lock(), ctx.Event(), ctx.SimpleQueue()
        holder = ctx.Process(target=_hold_for_ever, args=(lock, held))
        holder.start()
        held.wait()
        waiter = ctx.Process(target=_take, args=(lock, told))
        waiter.start()
        while not _ropewalk.process_waits(waiter.pid):
            time.sleep(0.001)
        time.sleep(0.3 * kill / kills)  # who has waited longer looks more rarely, every 100 ms at last
        begun = time.monotonic()
        os.kill(holder.pid, signal.SIGKILL)
        taken.append((told.get() - begun) * 1e3)
        for process in (holder, waiter):
            process.join()
    median, worst = statistics.median(taken), max(taken)
    return Reading("ms", None, median, worst, note=f"median; the longest of {len(taken)}: {worst:.0f} ms")


def _hold_for_ever(lock, held):
    lock.acquire()
    held.set()
    signal.pause()


def _take(lock, told):
    warnings.simplefilter("ignore")
    lock.acquire()
    told.put(time.monotonic())
    lock.release()


def _pair(lock):
    def run(n):
        for _ in repeat(None, n):
            lock.acquire()
            lock.release()

    return run
