"""The queues of multiprocessing: in one process, and from producers to consumers."""

import multiprocessing
import os
import signal
from itertools import repeat

from rig.case import NotThere, case

CONTEXT = multiprocessing.get_context("fork")
QUEUE = ("multiprocessing.queues.Queue",)
SIMPLE = ("multiprocessing.queues.SimpleQueue",)
DICT = {"id": 17, "name": "worker", "share": 1.5, "ready": True, "tag": "abc"}


def _pair(queue, item):
    def run(n):
        for _ in repeat(None, n):
            queue.put(item)
            queue.get()

    return run


@case("Queue put+get of an int in one process", bar=50, of=QUEUE, threads=True)
def int_pair(modules):
    return _pair(CONTEXT.Queue(), 12345)


@case("Queue put+get of a small dict in one process", bar=10, of=QUEUE, threads=True)
def dict_pair(modules):
    return _pair(CONTEXT.Queue(), DICT)


@case("SimpleQueue put+get of an int in one process", bar=10, of=SIMPLE, threads=True)
def simple_pair(modules):
    return _pair(CONTEXT.SimpleQueue(), 12345)


@case("making a Queue", bar=7, of=QUEUE)
def making(modules):
    def run(n):
        for _ in repeat(None, n):
            CONTEXT.Queue()

    return run


@case("making a SimpleQueue", bar=5, of=SIMPLE)
def making_simple(modules):
    def run(n):
        for _ in repeat(None, n):
            CONTEXT.SimpleQueue()

    return run


@case("Queue.qsize of processes", of=QUEUE)
def qsize(modules):
    queue = CONTEXT.Queue()

    def run(n):
        for _ in repeat(None, n):
            queue.qsize()

    return run


class Crew:
    """Processes that put so many items into a queue, or take them out, each time they are told to."""

    def __init__(self, work, count, *arguments):
        self.ends = []
        self.pids = []
        for _ in range(count):
            ours, theirs = multiprocessing.Pipe()
            pid = os.fork()
            if pid == 0:
                try:
                    while True:
                        work(theirs.recv(), *arguments)
                        theirs.send(None)
                finally:
                    os._exit(0)
            theirs.close()
            self.ends.append(ours)
            self.pids.append(pid)

    def start(self, times):
        for end in self.ends:
            end.send(times // len(self.ends))

    def wait(self):
        for end in self.ends:
            end.recv()

    def end(self):
        for pid in self.pids:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _take(times, queue):
    for _ in repeat(None, times):
        queue.get()


def _give(times, queue, item):
    for _ in repeat(None, times):
        queue.put(item)


def _flow(item, queue=None):
    """This process puts in, another takes out."""
    queue = queue or CONTEXT.Queue()
    takers = Crew(_take, 1, queue)

    def run(n):
        takers.start(n)
        for _ in repeat(None, n):
            queue.put(item)
        takers.wait()

    try:
        yield run
    finally:
        takers.end()
        _let_go(queue)


def _let_go(queue):
    queue.cancel_join_thread()
    queue.close()


def _cross(item, givers, takers):
    """Several processes put in, several take out."""
    queue = CONTEXT.Queue()
    takers = Crew(_take, takers, queue)
    givers = Crew(_give, givers, queue, item)

    def run(n):
        takers.start(n)
        givers.start(n)
        givers.wait()
        takers.wait()

    try:
        yield run
    finally:
        givers.end()
        takers.end()
        _let_go(queue)


@case("Queue 1:1 int, 20,000", bar=9, of=QUEUE, threads=True, batch=20_000)
def int_flow(modules):
    yield from _flow(12345)


@case("Queue 1:1 int, 60,000", bar=5, of=QUEUE, threads=True, batch=60_000)
def int_long_flow(modules):
    yield from _flow(12345)


@case("Queue 1:1 small dict, 20,000", bar=4.5, of=QUEUE, threads=True, batch=20_000)
def dict_flow(modules):
    yield from _flow(DICT)


@case("Queue 1:1 list of 1000 ints", of=QUEUE, threads=True, batch=2000)
def list_flow(modules):
    yield from _flow(list(range(1000)))


@case("Queue 1:1 10 KB bytes, 20,000", bar=2, of=QUEUE, threads=True, batch=20_000)
def ten_kilobytes_flow(modules):
    yield from _flow(bytes(10_000))


@case("Queue 1:1 64 KiB bytes", bar=6, of=QUEUE, threads=True, batch=1000)
def bytes_flow_64k(modules):
    yield from _flow(bytes(64 << 10))


@case("Queue 1:1 1 MiB bytes", bar=7, of=QUEUE, threads=True, batch=100)
def bytes_flow_1m(modules):
    yield from _flow(bytes(1 << 20))


@case("Queue 1:1 8 MiB bytes", bar=5, of=QUEUE, threads=True, batch=20)
def bytes_flow_8m(modules):
    yield from _flow(bytes(8 << 20))


def _array(size):
    try:
        import numpy
    except ImportError:
        raise NotThere("numpy is not installed") from None
    return numpy.zeros(size, numpy.uint8)


@case("Queue 1:1 64 KiB array", bar=1, of=QUEUE, threads=True, batch=1000)
def array_flow_64k(modules):
    yield from _flow(_array(64 << 10))


@case("Queue 1:1 1 MiB array", bar=12, of=QUEUE, threads=True, batch=100)
def array_flow_1m(modules):
    yield from _flow(_array(1 << 20))


@case("Queue 1:1 8 MiB array", bar=7, of=QUEUE, threads=True, batch=20)
def array_flow_8m(modules):
    yield from _flow(_array(8 << 20))


@case("Queue 2:2 small dict", bar=5, of=QUEUE, threads=True, batch=20_000)
def two_to_two(modules):
    yield from _cross(DICT, 2, 2)


@case("Queue 4:1 small dict", bar=4.5, of=QUEUE, threads=True, batch=20_000)
def four_to_one(modules):
    yield from _cross(DICT, 4, 1)


def _echo(times, questions, answers):
    for _ in repeat(None, times):
        answers.put(questions.get())


def _ping_pong(make):
    questions, answers = make(), make()
    other = Crew(_echo, 1, questions, answers)

    def run(n):
        other.start(n)
        for _ in repeat(None, n):
            questions.put(12345)
            answers.get()
        other.wait()

    try:
        yield run
    finally:
        other.end()


@case("Queue ping-pong of an int", bar=10, of=QUEUE, threads=True, batch=500)
def ping_pong(modules):
    yield from _ping_pong(CONTEXT.Queue)


@case("SimpleQueue ping-pong of an int", of=SIMPLE, threads=True, batch=500)
def simple_ping_pong(modules):
    yield from _ping_pong(CONTEXT.SimpleQueue)
