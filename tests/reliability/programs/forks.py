"""Forks while other threads are in the middle of everything; the child must be able to work and to leave.

What the child finds of its parent: queues, events and semaphores, which it may use at once whatever the
vanished threads did with them. (A lock that one of them held stays held: that is the program's affair.)
"""

import begin  # isort: skip

import concurrent.futures
import faulthandler
import itertools
import os
import queue
import signal
import sys
import threading
import time
import warnings

# Its watchdog is a thread, which a child would wait for in vain: here the parent watches, see wait_for.
faulthandler.cancel_dump_traceback_later()
forks, child_limit = int(begin.arguments[0]), float(sys.argv[1]) / 3
warnings.simplefilter("ignore", DeprecationWarning)  # 3.12 on: fork in a process with threads

shared, bounded, stack, heap = queue.Queue(), queue.Queue(3), queue.LifoQueue(), queue.PriorityQueue()
semaphore, event, lock, condition = (
    threading.Semaphore(2),
    threading.Event(),
    threading.Lock(),
    threading.Condition(),
)
pool = concurrent.futures.ThreadPoolExecutor(2)


def give(container):
    container.put(1)


def take(container):
    container.get()


def both(container):
    container.put(1)
    container.get()


def hold(what):
    with what:
        pass


def turn():
    event.set()
    event.wait()
    event.clear()


def meet():
    with condition:
        condition.notify_all()
        condition.wait(0.0005)


def submit():
    pool.submit(int).result()


def busy(call, *arguments):
    while True:
        call(*arguments)


def child():
    """Uses what is there, and then new objects, threads and a pool."""
    for container in (shared, stack, heap):
        container.put(0)
        container.get()
        container.qsize()
    bounded.full(), bounded.empty()
    semaphore.release()
    assert semaphore.acquire()
    event.set()
    assert event.wait()
    event.clear()
    own, done = queue.Queue(1), threading.Event()
    threads = [threading.Thread(target=own.put, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    assert sorted(own.get() for _ in threads) == [0, 1, 2]
    for thread in threads:
        thread.join()
    threading.Thread(target=done.set).start()
    assert done.wait()
    with concurrent.futures.ThreadPoolExecutor(2) as fresh:
        assert list(fresh.map(abs, range(-5, 0))) == [5, 4, 3, 2, 1]


def wait_for(pid):
    """The exit status of the child; asks a child that hangs for its stacks."""
    end = time.monotonic() + child_limit
    while True:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return status
        if time.monotonic() > end:
            os.kill(pid, signal.SIGABRT)
            os.waitpid(pid, 0)
            sys.exit(f"child {pid} still ran after {child_limit:.0f} s")
        os.sched_yield()


def main():
    """Forks."""
    works = [
        (both, shared),
        (both, stack),
        (both, heap),
        (give, bounded),
        (take, bounded),
        (hold, semaphore),
        (hold, lock),
        (turn,),
        (meet,),
        (submit,),
    ]
    threads = [threading.Thread(target=busy, args=work, daemon=True) for work in works]
    for thread in threads:
        thread.start()
    for number in itertools.count():
        if number == forks:
            break
        pid = os.fork()
        if pid == 0:
            try:
                child()
            except BaseException:
                import traceback

                traceback.print_exc()
                os._exit(1)
            if number % 2:
                os._exit(0)
            return  # by the interpreter's own end, half of the time
        status = wait_for(pid)
        if status:
            sys.exit(f"child {number} ended with {os.waitstatus_to_exitcode(status)}")
    os.write(1, b"parent done\n")
    os._exit(0)


main()
