"""Pipes of multiprocessing: through one process, and question and answer between two."""

import multiprocessing
import os
import signal
from itertools import repeat

from rig.case import case

CONTEXT = multiprocessing.get_context("fork")
PIPE = ("multiprocessing.connection.Connection",)
DICT = {"id": 17, "name": "worker", "share": 1.5, "ready": True, "tag": "abc"}


def _echo(end, receive, send):
    """The other process: gives back what it gets."""
    receive, send = getattr(end, receive), getattr(end, send)
    while True:
        send(receive())


class Echo:
    """A process at the other end of a pipe."""

    def __init__(self, receive, send):
        self.ours, theirs = CONTEXT.Pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                self.ours.close()
                _echo(theirs, receive, send)
            finally:
                os._exit(0)
        theirs.close()

    def __del__(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        self.ours.close()


def _ping_pong(item, receive, send):
    echo = Echo(receive, send)
    put, get = getattr(echo.ours, send), getattr(echo.ours, receive)

    def run(n, _echo=echo):
        for _ in repeat(None, n):
            put(item)
            get()

    return run


@case("Pipe ping-pong of 10 bytes", bar=1.5, of=PIPE, threads=True)
def bytes_ping_pong(modules):
    return _ping_pong(b"0123456789", "recv_bytes", "send_bytes")


@case("Pipe ping-pong of an int", bar=1.5, of=PIPE, threads=True)
def int_ping_pong(modules):
    return _ping_pong(12345, "recv", "send")


@case("Pipe ping-pong of a small dict", of=PIPE, threads=True)
def dict_ping_pong(modules):
    return _ping_pong(DICT, "recv", "send")


@case("Pipe ping-pong of 1 MiB of bytes", of=PIPE, threads=True)
def large_ping_pong(modules):
    return _ping_pong(bytes(1 << 20), "recv_bytes", "send_bytes")


def _through(item, receive, send, duplex=False):
    reading, writing = CONTEXT.Pipe(duplex)
    put, get = getattr(writing, send), getattr(reading, receive)

    def run(n, _ends=(reading, writing)):
        for _ in repeat(None, n):
            put(item)
            get()

    return run


@case("Pipe send_bytes+recv_bytes of 10 bytes in one process", of=PIPE)
def bytes_through(modules):
    return _through(b"0123456789", "recv_bytes", "send_bytes")


@case("Pipe send_bytes+recv_bytes of 10 KB in one process", of=PIPE)
def more_bytes_through(modules):
    return _through(bytes(10_000), "recv_bytes", "send_bytes")


@case("Pipe send+recv of an int in one process", of=PIPE)
def int_through(modules):
    return _through(12345, "recv", "send")


@case("Pipe send+recv of a small dict in one process", of=PIPE)
def dict_through(modules):
    return _through(DICT, "recv", "send")


@case("Pipe send+recv of a list of 1000 ints in one process", of=PIPE)
def list_through(modules):
    return _through(list(range(1000)), "recv", "send")


@case("Connection.poll of an empty pipe", of=PIPE)
def poll(modules):
    reading, writing = CONTEXT.Pipe(False)

    def run(n, _writing=writing):
        for _ in repeat(None, n):
            reading.poll()

    return run


@case("making a Pipe", of=PIPE)
def making(modules):
    def run(n):
        for _ in repeat(None, n):
            for end in CONTEXT.Pipe():
                end.close()

    return run


def _nothing():
    pass


# By the wall clock: what the child does counts too. On one processor, for all is one after the other.
def _starting(method):
    context = multiprocessing.get_context(method)

    def run(n):
        for _ in repeat(None, n):
            process = context.Process(target=_nothing)
            process.start()
            process.join()
            process.close()

    return run


for _method, _module in (("fork", "fork"), ("spawn", "spawn_posix"), ("forkserver", "forkserver")):

    @case(
        f"starting a Process and joining it, {_method}",
        of=(f"multiprocessing.popen_{_module}.Popen",),
        threads=True,
        together=True,
    )
    def starting(modules, method=_method):
        return _starting(method)
