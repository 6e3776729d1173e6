"""The other end, on the standard library alone: echoes what it gets.

stock_peer.py connect ADDRESS...     calls a listener, as `Client` does
stock_peer.py listen FAMILY          listens, says where, and takes one caller
stock_peer.py fd NUMBER              has the end of a pipe already
stock_peer.py manager ADDRESS...     is a client of a manager
stock_peer.py serve                  is a manager, says where, and ends with its standard input
"""

import ast
import functools
import queue
import sys
from multiprocessing import connection
from multiprocessing.managers import BaseManager

KEY = b"key"


class Manager(BaseManager):
    """Serves one queue."""


@functools.cache
def the_line():
    return queue.Queue()


def echo(end):
    """Objects come back as objects, what began with b"bytes" as bytes."""
    while True:
        got = end.recv_bytes()
        if got.startswith(b"bytes"):
            end.send_bytes(got)
            continue
        value = connection._ForkingPickler.loads(got)
        if value == "end":
            return
        end.send(value)


def main(what, *arguments):
    assert "ropewalk" not in sys.modules
    if what == "connect":
        with connection.Client(ast.literal_eval(arguments[0]), authkey=KEY) as end:
            echo(end)
    elif what == "listen":
        with connection.Listener(family=arguments[0], authkey=KEY) as listener:
            print(repr(listener.address), flush=True)
            with listener.accept() as end:
                echo(end)
    elif what == "fd":
        with connection.Connection(int(arguments[0])) as end:
            echo(end)
    elif what == "manager":
        Manager.register("line")
        manager = Manager(ast.literal_eval(arguments[0]), KEY)
        manager.connect()
        line = manager.line()
        line.put([line.get(), "and back"])
    else:
        Manager.register("line", callable=the_line)
        manager = Manager(("127.0.0.1", 0), KEY)
        manager.start()
        print(repr(manager.address), flush=True)
        sys.stdin.read()
        manager.shutdown()


if __name__ == "__main__":
    main(*sys.argv[1:])
