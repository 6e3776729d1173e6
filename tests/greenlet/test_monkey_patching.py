"""Under gevent and eventlet no wait stops the hub that does not stop it on the standard library.

Each case waits in one greenlet for what another does once a third has seen that the hub goes on.  What stops the hub
on the standard library too is left out: locks of threads that were made before the patching, and the locks, simple
queues and processes of ``multiprocessing``.
"""

from __future__ import annotations

import pytest

from tests.greenlet.program import python

#: What is made; what waits; what ends the wait.
THREADS = {
    "Lock": ("x = threading.Lock(); x.acquire()", "x.acquire()", "x.release()"),
    "Condition": (
        "x = threading.Condition()",
        "x.acquire(); x.wait(); x.release()",
        "x.acquire(); x.notify(); x.release()",
    ),
    "wait_for": (
        "x, seen = threading.Condition(), []",
        "x.acquire(); x.wait_for(lambda: seen); x.release()",
        "x.acquire(); seen.append(1); x.notify_all(); x.release()",
    ),
    "Event": ("x = threading.Event()", "x.wait()", "x.set()"),
    "Semaphore": ("x = threading.Semaphore(0)", "x.acquire()", "x.release()"),
    "BoundedSemaphore": ("x = threading.BoundedSemaphore(1); x.acquire()", "x.acquire()", "x.release()"),
    "Barrier": ("x = threading.Barrier(2)", "x.wait()", "x.wait()"),
    "get": ("x = queue.Queue(); x.put(0); x.get()", "assert x.get() == 1", "x.put(1)"),
    "put": ("x = queue.Queue(1); x.put(0)", "x.put(1)", "assert x.get() == 0"),
    "join a queue": ("x = queue.Queue(); x.put(0)", "x.join()", "x.get(); x.task_done()"),
    "LifoQueue": ("x = queue.LifoQueue()", "x.get()", "x.put(1)"),
    "PriorityQueue": ("x = queue.PriorityQueue()", "x.get()", "x.put(1)"),
    "Thread": (
        "e = threading.Event(); x = threading.Thread(target=e.wait); x.start()",
        "x.join(); assert not x.is_alive()",
        "e.set()",
    ),
    "result": (
        "e, p = threading.Event(), ThreadPoolExecutor(1); x = p.submit(e.wait)",
        "assert x.result() is True",
        "e.set()",
    ),
    "exception": (
        "e, p = threading.Event(), ThreadPoolExecutor(1); x = p.submit(e.wait)",
        "assert x.exception() is None",
        "e.set()",
    ),
    "futures.wait": (
        "e, p = threading.Event(), ThreadPoolExecutor(1); x = p.submit(e.wait)",
        "assert concurrent.futures.wait([x]).done == {x}",
        "e.set()",
    ),
    "as_completed": (
        "e, p = threading.Event(), ThreadPoolExecutor(1); x = p.submit(e.wait)",
        "assert list(concurrent.futures.as_completed([x])) == [x]",
        "e.set()",
    ),
    "shutdown": (
        "e, p = threading.Event(), ThreadPoolExecutor(1); x = p.submit(e.wait)",
        "p.shutdown(); assert x.done()",
        "e.set()",
    ),
    "Future": ("x = concurrent.futures.Future()", "assert x.result() == 1", "x.set_result(1)"),
}
MODULE = {
    "SimpleQueue": ("x = queue.SimpleQueue()", "x.get()", "x.put(1)"),
    "map": (
        "e, p = threading.Event(), ThreadPoolExecutor(1)",
        "assert list(p.map(lambda n: (e.wait(), n)[1], [7])) == [7]",
        "e.set()",
    ),
}
#: Under gevent alone: eventlet leaves RLock to the thread, and the pipes of processes as they are.
GEVENT = {
    "RLock": (
        "x = threading.RLock(); holder = spawn(x.acquire); sleep(0)",  # kept: its address is its name as an owner
        "assert not x.acquire(timeout=1)",
        "pass",
    ),
    "multiprocessing.Queue": (
        "x = multiprocessing.Queue()",
        "assert x.get(timeout=200) == 1",
        "x.put(1)",
    ),
    "poll": ("x, y = multiprocessing.Pipe()", "assert x.poll(200)", "y.send(1)"),
    "connection.wait": (
        "x, y = multiprocessing.Pipe()",
        "assert multiprocessing.connection.wait([x], 200) == [x]",
        "y.send(1)",
    ),
}

#: What stops the hub on the standard library too, if it was made before.
STOPS = {
    "gevent": {"Lock"},
    "eventlet": {"Lock", "Thread", "result", "exception", "futures.wait", "as_completed", "shutdown"},
}

PATCH = {
    "gevent": """
from gevent import monkey
monkey.patch_all()
from gevent import joinall, sleep, spawn
""",
    "eventlet": """
import eventlet
eventlet.monkey_patch()
from eventlet import sleep, spawn
def joinall(greenlets, raise_error):
    for one in greenlets:
        one.wait()
""",
}
IMPORTS = """
import concurrent.futures, multiprocessing, multiprocessing.connection, queue, threading
from concurrent.futures import ThreadPoolExecutor
"""
INSTALL = "import ropewalk; ropewalk.install()"

RUN = """
def watched(name, wait, wake, space):
    ticks, ended = [], []
    def waits():
        exec(wait, space)
        ended.append(len(ticks))
    def ticks_on():
        while not ended:
            ticks.append(1)
            sleep(0.001)
    def wakes():
        while len(ticks) < 5:
            sleep(0.001)
        exec(wake, space)
    joinall([spawn(waits), spawn(ticks_on), spawn(wakes)], raise_error=True)
    print(name, "blocked" if ended[0] < 5 else "went on", flush=True)
"""
BEGIN = """
import warnings, faulthandler
warnings.simplefilter("ignore")
faulthandler.dump_traceback_later(240, exit=True)
"""
END = "\nimport os\nos._exit(0)"


def outcome(program):
    return dict(
        line.rsplit(" ", 2)[0:3:2] for line in python(program) if line.endswith(("went on", "blocked"))
    )


def made_after(cases):
    """Each thing is made when all is patched."""
    lines = [
        f"space = dict(globals())\nexec({make!r}, space)\nwatched({name!r}, {wait!r}, {wake!r}, space)"
        for name, (make, wait, wake) in cases.items()
    ]
    return "\n".join(lines)


@pytest.mark.parametrize("framework", PATCH)
@pytest.mark.parametrize("when", ["before", "after", "late"])
def test_no_wait_stops_the_hub_whether_it_was_patched_before_or_after(framework, when):
    patch = PATCH[framework]
    begin = {
        "before": f"{patch}\n{INSTALL}\n{IMPORTS}",
        "after": f"{INSTALL}\n{patch}\n{IMPORTS}",
        "late": f"{INSTALL}\n{IMPORTS}\n{patch}",
    }[when]
    cases = THREADS | MODULE | (GEVENT if framework == "gevent" else {})
    found = outcome(BEGIN + begin + RUN + made_after(cases) + END)
    assert found == dict.fromkeys(cases, "on")


@pytest.mark.parametrize("framework", PATCH)
def test_what_was_made_before_the_patching_does_not_stop_the_hub_either(framework):
    cases = {name: case for name, case in THREADS.items() if name not in STOPS[framework]}
    making = "\n".join(
        f"space{number} = dict(globals())\nexec({make!r}, space{number})"
        for number, (make, _, _) in enumerate(cases.values())
    )
    waiting = "\n".join(
        f"watched({name!r}, {wait!r}, {wake!r}, {{**globals(), **space{number}}})"
        for number, (name, (_, wait, wake)) in enumerate(cases.items())
    )
    found = outcome(BEGIN + INSTALL + IMPORTS + making + PATCH[framework] + RUN + waiting + END)
    assert found == dict.fromkeys(cases, "on")


@pytest.mark.parametrize("framework", PATCH)
def test_classes_that_were_taken_before_the_patching_make_what_does_not_stop_the_hub(framework):
    taken = """
from concurrent.futures import Future, ThreadPoolExecutor
from queue import LifoQueue, PriorityQueue, Queue
from threading import BoundedSemaphore, Barrier, Condition, Event, RLock, Semaphore
class Mine(Queue):
    pass
class Signal(Event):
    pass
"""
    cases = {
        "Condition": ("x = Condition(RLock())", *THREADS["Condition"][1:]),
        "Event": ("x = Event()", *THREADS["Event"][1:]),
        "a subclass of Event": ("x = Signal()", *THREADS["Event"][1:]),
        "Semaphore": ("x = Semaphore(0)", *THREADS["Semaphore"][1:]),
        "BoundedSemaphore": ("x = BoundedSemaphore(1); x.acquire()", "x.acquire()", "x.release()"),
        "Barrier": ("x = Barrier(2)", "x.wait()", "x.wait()"),
        "Queue": ("x = Queue(); assert isinstance(x, Queue)", *THREADS["get"][1:]),
        "a subclass of Queue": ("x = Mine(1); x.put(0)", *THREADS["put"][1:]),
        "LifoQueue": ("x = LifoQueue()", "x.get()", "x.put(1)"),
        "PriorityQueue": ("x = PriorityQueue()", "x.get()", "x.put(1)"),
        "Future": ("x = Future()", "assert x.result() == 1", "x.set_result(1)"),
        "ThreadPoolExecutor": (
            "e, p = Event(), ThreadPoolExecutor(1); x = p.submit(e.wait)",
            "assert x.result() is True",
            "e.set()",
        ),
    }
    found = outcome(BEGIN + INSTALL + taken + PATCH[framework] + RUN + made_after(cases) + END)
    assert found == dict.fromkeys(cases, "on")


def test_what_was_made_before_keeps_what_it_holds(tmp_path):
    assert python("""
        import ropewalk; ropewalk.install()
        import queue, threading, concurrent.futures
        numbers, stack, heap = queue.Queue(), queue.LifoQueue(3), queue.PriorityQueue()
        for number in (2, 3, 1):
            for one in (numbers, stack, heap):
                one.put(number)
        event, semaphore = threading.Event(), threading.Semaphore(2)
        event.set()
        done = concurrent.futures.Future()
        done.set_result("kept")
        pool = concurrent.futures.ThreadPoolExecutor(2)
        before = [pool.submit(pow, 2, n) for n in range(5)]
        from gevent import monkey
        monkey.patch_all()
        print([one.get_nowait() for one in (numbers, stack, heap) for _ in range(3)])
        print(stack.maxsize, numbers.unfinished_tasks)
        print(event.wait(), semaphore.acquire(False), semaphore.acquire(False), semaphore.acquire(False), done.result())
        print([one.result() for one in before], [pool.submit(pow, 3, n).result() for n in range(3)])
        pool.shutdown()
    """) == [
        "[2, 3, 1, 1, 3, 2, 1, 2, 3]",
        "3 3",
        "True True True False kept",
        "[1, 2, 4, 8, 16] [1, 3, 9]",
    ]
