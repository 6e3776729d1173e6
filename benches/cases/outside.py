"""What needs a program of its own: the import, memory, signals, and lock order, which is read at start-up."""

import os
import statistics
import subprocess
import sys
import threading
import time
from functools import partial
from signal import SIGINT, SIGRTMIN

from rig.case import NotThere, Reading, figure
from rig.children import Answering, answer

BLOCKING = (
    "Lock.acquire",
    "RLock.acquire",
    "Semaphore.acquire",
    "Event.wait",
    "Condition.wait",
    "Barrier.wait",
    "Queue.get",
    "Queue.put",
    "Queue.join",
    "PriorityQueue.get",
    "Future.result",
    "futures.wait",
    "Thread.join",
)
TIMED = ("Lock.acquire", "RLock.acquire", "Semaphore.acquire", "Event.wait", "Condition.wait")
TIMED += ("Queue.get", "Queue.put", "Future.result")


@figure("import ropewalk", at_most=15)
def import_time(setting):
    if subprocess.run([sys.executable, "-c", "import ropewalk"], check=False, capture_output=True).returncode:
        raise NotThere("ropewalk cannot be imported")
    differences = []
    for turn in range(setting.scaled(60)):
        programs = ["pass", "import ropewalk"]
        taken = {}
        for program in programs if turn % 2 else programs[::-1]:
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", program], check=True)
            taken[program] = time.perf_counter() - start
        differences.append(taken["import ropewalk"] - taken["pass"])
    median = statistics.median(differences) * 1e3
    return Reading("ms", None, median, median, note="over python -c pass")


def memory(kind, count, setting):
    stock, ours = (
        float(answer("weigh.py", side, kind, str(setting.scaled(count)))) for side in setting.sides
    )
    return Reading("B", stock, ours, stock / ours, note="resident memory each")


for kind, count in (("Event", 100_000), ("Queue", 100_000), ("Future", 100_000)):
    figure(f"memory of one {kind}", at_least=5)(partial(memory, kind, count))


def interrupt(name, setting):
    delays = []
    for side in setting.sides:
        with Answering("interrupted.py", side) as program:
            times = []
            for _ in range(setting.scaled(20)):
                if program.ask(name) != "waiting":
                    raise RuntimeError("the program did not wait")
                program.wait_asleep()
                sent = time.perf_counter_ns()
                os.kill(program.pid, SIGINT)
                times.append((int(program.receive()) - sent) / 1e6)
            delays.append(times)
    stock, ours = delays
    median = statistics.median(ours)
    return Reading("ms", statistics.median(stock), median, median, note=f"worst {max(ours):.2f} ms")


for name in BLOCKING:
    figure(f"KeyboardInterrupt in {name}", at_most=10)(partial(interrupt, name))


def storm(name, setting):
    signals, timeout = setting.scaled(10_000), setting.scaled(12) / 10
    stock, ours = [], []
    for _ in range(3):
        for side, errors in zip(setting.sides, (stock, ours), strict=True):
            error, handled = one_storm(name, side, signals, timeout)
            errors.append(error)
    note = f"median of 3, worst {max(ours):.2f} ms; {signals} sent, handler ran {handled} times"
    median = statistics.median(ours)
    return Reading("ms", statistics.median(stock), median, median, note)


def one_storm(name, side, signals, timeout):
    """By how many milliseconds the timeout was missed, and how often the handler ran."""
    with Answering("storm.py", side, name, str(timeout)) as program:
        if program.ask("") != "waiting":
            raise RuntimeError("the program did not wait")
        sender = threading.Thread(target=_send, args=(program.pid, signals))
        sender.start()
        taken, came = program.receive().split()
        sender.join()
    return abs(float(taken) - timeout) * 1e3, int(came)


def _send(pid, signals):
    for _ in range(signals):
        os.kill(pid, SIGRTMIN)
        time.sleep(20e-6)


for name in TIMED:
    figure(f"timeout error in a storm, {name}", at_most=5)(partial(storm, name))


def lock_order(kind, setting):
    n = setting.scaled(100_000)
    times = [
        pair for _ in range(3) for pair in lock_order_pairs(kind, n, setting.rounds)
    ]  # 3 pairs of processes
    off, on = (statistics.median(side) for side in zip(*times, strict=True))
    ratio = statistics.median(on / off for off, on in times)
    return Reading("ns", off, on, ratio, note="left: off, right: on")


def lock_order_pairs(kind, n, rounds):
    """Nanoseconds without and with the check, round by round, in two programs."""
    with (
        Answering("nested.py", "ropewalk", kind, env={"ROPEWALK_LOCK_ORDER": "0"}) as off,
        Answering("nested.py", "ropewalk", kind, env={"ROPEWALK_LOCK_ORDER": "1"}) as on,
    ):
        for program in (off, on):
            program.ask(str(n))
        for turn in range(rounds):
            taken = {}
            for program in (off, on) if turn % 2 else (on, off):
                taken[program] = int(program.ask(str(n))) / n
            yield taken[off], taken[on]


for kind in ("Lock", "RLock"):
    figure(f"lock order on, two nested {kind}s", at_most=1.25)(partial(lock_order, kind))
