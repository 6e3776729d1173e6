"""Connections and managers of ropewalk's, and an interpreter with the standard library alone at the other end."""

from __future__ import annotations

import ast
import functools
import os
import queue
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.managers import BaseManager
from pathlib import Path
from typing import Any

import pytest
from ropewalk.multiprocessing import connection as ours

from tests.multiprocessing.processes import LIMIT

PROGRAM = Path(__file__).resolve().parent / "programs" / "stock_peer.py"
KEY = b"key"
VALUES = [
    1,
    "text",
    [1, {"a": (2.5, None)}],
    b"x" * 16_384,
    list(range(5000)),
    {"k": b"y" * 1_000_000},
    2**200,
]


@contextmanager
def stock(*arguments: str, pass_fds: tuple[int, ...] = ()) -> Iterator[Any]:
    """The program, which must end well."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ROPEWALK")}
    with subprocess.Popen(
        [sys.executable, str(PROGRAM), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        pass_fds=pass_fds,
        text=True,
    ) as process:
        try:
            yield process
            process.stdin.close()  # type: ignore[union-attr]
            assert process.wait(LIMIT) == 0
        finally:
            process.kill()


def talk(end: Any) -> None:
    """Everything that is sent comes back the same."""
    assert type(end) is ours.Connection
    for value in VALUES:
        end.send(value)
        assert end.recv() == value
    for length in (5, 100, 16_383, 16_384, 16_385, 70_000, 3_000_000):
        message = b"bytes".ljust(length, b".")
        end.send_bytes(message)
        assert end.recv_bytes() == message
    end.send("end")
    with pytest.raises(EOFError):
        end.recv()


@pytest.mark.parametrize("family", ["AF_UNIX", "AF_INET"])
def test_a_stock_client_calls_our_listener(family: str) -> None:
    with ours.Listener(family=family, authkey=KEY) as listener, stock("connect", repr(listener.address)):
        with listener.accept() as end:
            talk(end)


@pytest.mark.parametrize("family", ["AF_UNIX", "AF_INET"])
def test_our_client_calls_a_stock_listener(family: str) -> None:
    with stock("listen", family) as process:
        with ours.Client(ast.literal_eval(process.stdout.readline()), authkey=KEY) as end:
            talk(end)


@pytest.mark.parametrize("family", ["AF_UNIX", "AF_INET"])
def test_a_wrong_key_is_refused_by_a_stock_listener(family: str) -> None:
    from multiprocessing import AuthenticationError

    environment = {name: value for name, value in os.environ.items() if not name.startswith("ROPEWALK")}
    with subprocess.Popen(
        [sys.executable, str(PROGRAM), "listen", family],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            with pytest.raises((AuthenticationError, EOFError, ConnectionError)):
                ours.Client(ast.literal_eval(process.stdout.readline()), authkey=b"wrong")
            assert "AuthenticationError" in process.communicate(timeout=LIMIT)[1]
        finally:
            process.kill()


@pytest.mark.parametrize("duplex", [True, False])
def test_a_stock_interpreter_inherits_an_end_of_our_pipe(duplex: bool) -> None:
    if duplex:
        mine, theirs = ours.Pipe()
        with stock("fd", str(theirs.fileno()), pass_fds=(theirs.fileno(),)):
            theirs.close()
            talk(mine)
            mine.close()
        return
    reading, writing = ours.Pipe(duplex=False)
    code = f"from multiprocessing.connection import Connection as C; C({writing.fileno()}, readable=False).send([1, 2])"
    subprocess.run([sys.executable, "-c", code], pass_fds=[writing.fileno()], check=True, timeout=LIMIT)
    writing.close()
    assert reading.recv() == [1, 2]
    reading.close()


class Manager(BaseManager):
    """As the program's."""


@functools.cache
def the_line() -> Any:
    """In the process of the manager."""
    return queue.Queue()


def test_a_stock_client_uses_a_manager_that_runs_over_our_objects(installed: None) -> None:
    Manager.register("line", callable=the_line)
    with Manager(("127.0.0.1", 0), KEY) as manager:
        mine = manager.line()  # type: ignore[attr-defined]
        mine.put("there")
        with stock("manager", repr(manager.address)):
            pass
        assert mine.get() == ["there", "and back"]


def test_our_client_uses_a_stock_manager(installed: None) -> None:
    with stock("serve") as process:
        Manager.register("line")
        manager = Manager(ast.literal_eval(process.stdout.readline()), KEY)
        manager.connect()
        line = manager.line()  # type: ignore[attr-defined]
        line.put({"k": [1, 2]})
        assert line.get() == {"k": [1, 2]}
        del line
