"""greenlets.py SIDE WHAT prints microseconds, or bytes, of one thing. The side stdlib is the package greenlet."""

import sys
import time

side, what = sys.argv[1:3]
if side == "ropewalk":
    import ropewalk

    ropewalk.install()

try:
    import greenlet
except ImportError:
    sys.stderr.write("greenlet is not installed\n")
    sys.exit(3)
if (getattr(greenlet.__spec__, "origin", None) == "ropewalk") != (side == "ropewalk"):
    sys.stderr.write("greenlet is not what it should be\n")
    sys.exit(3)
from greenlet import getcurrent
from greenlet import greenlet as Greenlet

LIVE = 1000


def nothing():
    """A function of Python: it needs a frame, and so what frames lie in."""


def switches(depth=0):
    main = getcurrent()

    def body(left):
        if left:
            body(left - 1)
        switch = main.switch
        while True:
            switch()

    child = Greenlet(body)
    child.switch(depth)

    def run(n):
        switch = child.switch
        for _ in range(n):
            switch()

    return run


def create(n):
    def body():
        pass

    for _ in range(n):
        Greenlet(body).switch()


def live(n):
    main = getcurrent()

    def body():
        main.switch()

    for _ in range(n // LIVE):
        children = [Greenlet(body) for _ in range(LIVE)]
        for child in children:
            child.switch()
        for child in children:
            child.switch()


def gevent_spawn(n):
    import gevent

    gevent.joinall([gevent.spawn(nothing) for _ in range(n)])


def gevent_sleep(n):
    import gevent

    def body():
        for _ in range(n // 10):
            gevent.sleep(0)

    gevent.joinall([gevent.spawn(body) for _ in range(10)])


def gevent_queue(n):
    import gevent
    from gevent.queue import Queue

    there, back = Queue(), Queue()

    def body():
        for _ in range(n):
            back.put(there.get())

    child = gevent.spawn(body)
    for _ in range(n):
        there.put(1)
        back.get()
    child.join()


def sqlalchemy(n):
    import asyncio

    from sqlalchemy.util import greenlet_spawn

    async def main():
        for _ in range(n):
            await greenlet_spawn(nothing)

    asyncio.run(main())


def memory():
    """Bytes of 100,000 suspended greenlets, each: resident, and page tables."""

    def used():
        with open("/proc/self/status") as status:
            fields = dict(line.split(":", 1) for line in status)
        return sum(int(fields[name].split()[0]) * 1024 for name in ("VmRSS", "VmPTE"))

    main = getcurrent()

    def body():
        main.switch()

    before, children = used(), []
    for _ in range(100_000):
        child = Greenlet(body)
        child.switch()
        children.append(child)
    print((used() - before) / len(children), flush=True)
    import os

    os._exit(0)  # to end 100,000 of them takes its time


WHAT = {
    "switch": (switches, 200_000),
    "deep": (lambda: switches(100), 100_000),
    "create": (lambda: create, 20_000),
    "live": (lambda: live, 10_000),
    "gevent_spawn": (lambda: gevent_spawn, 5_000),
    "gevent_sleep": (lambda: gevent_sleep, 20_000),
    "gevent_queue": (lambda: gevent_queue, 5_000),
    "sqlalchemy": (lambda: sqlalchemy, 10_000),
}

if what == "memory small":
    if side == "ropewalk":
        import ropewalk.greenlet

        ropewalk.greenlet.stack_size(256 << 10)
    memory()
if what == "memory":
    memory()
make, n = WHAT[what]
run = make()
run(n // 10)
best = float("inf")
for _ in range(5):
    start = time.process_time()
    run(n)
    best = min(best, time.process_time() - start)
print(best / n * 1e6)
import os

sys.stdout.flush()
os._exit(0)
