"""Strangers' servers under load on loopback: every request answered, nothing said on stderr but the usual."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import importlib.util
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from typing import IO

import pytest

HERE = pathlib.Path(__file__).parent
#: Requests for each server; the long form sends 20,000 with wrk where it is installed.
FULL = bool(os.environ.get("ROPEWALK_TEST_FULL"))
REQUESTS = 20_000 if FULL else 2_000
SERVERS = {
    "waitress": ["-m", "waitress", "--threads=8", "--listen=127.0.0.1:{port}", "wsgi_app:app"],
    "gunicorn": [
        "-m",
        "gunicorn",
        "--threads=8",
        "--timeout=120",
        "--keep-alive=120",  # a connection that a busy machine has left idle for its two seconds is not to be closed
        "--bind=127.0.0.1:{port}",
        "--log-level=warning",
        "wsgi_app:app",
    ],
    "http.server": ["-m", "http.server", "--bind=127.0.0.1", "{port}"],
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def started(name: str, stderr: IO[str]) -> tuple[subprocess.Popen[bytes], int]:
    """The server under ropewalk, and the port on which it listens."""
    for _ in range(5):  # somebody else may take the port between the look and the server
        port = free_port()
        command = [part.format(port=port) for part in SERVERS[name]]
        stderr.seek(0)
        stderr.truncate()
        server = subprocess.Popen(
            [sys.executable, "-m", "ropewalk", *command], cwd=HERE, stdout=subprocess.DEVNULL, stderr=stderr
        )
        end = time.monotonic() + 120
        while server.poll() is None and time.monotonic() < end:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return server, port
            time.sleep(0.02)
        server.kill()
        server.wait()
        stderr.seek(0)
        said = stderr.read()
        if "in use" not in said:
            break
    raise AssertionError(f"{name} does not listen: {said[-2000:]}")


@contextlib.contextmanager
def serving(name: str) -> Iterator[tuple[int, list[str]]]:
    """The server under ropewalk, until the block ends; then its stderr is in the list."""
    said: list[str] = []
    with tempfile.TemporaryFile("w+") as stderr:
        server, port = started(name, stderr)
        try:
            yield port, said
        finally:
            server.send_signal(signal.SIGINT if name == "http.server" else signal.SIGTERM)
            server.wait(120)
            stderr.seek(0)
            said.append(stderr.read())


def ask(port: int, path: str, expected: bytes, count: int) -> int:
    """Sends ``count`` requests over one connection (a new one where the server closes it); says how many failed."""
    wrong = 0
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    for _ in range(count):
        connection.request("GET", path)
        answer = connection.getresponse()
        wrong += answer.status != 200 or answer.read() != expected
    connection.close()
    return wrong


@pytest.mark.parametrize("name", sorted(SERVERS))
def test_a_strangers_server_answers_every_request(name):
    if importlib.util.find_spec(name.partition(".")[0]) is None:
        pytest.skip(f"{name} is not installed in this environment")
    path = "/wsgi_app.py" if name == "http.server" else "/rope"
    expected = (HERE / "wsgi_app.py").read_bytes() if name == "http.server" else None
    if expected is None:
        expected = hashlib.sha256(path.encode()).hexdigest().encode()
    wrong: list[int] = []
    with serving(name) as (port, said):
        clients = [
            threading.Thread(target=lambda: wrong.append(ask(port, path, expected, REQUESTS // 8)))
            for _ in range(8)
        ]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
    assert wrong == [0] * 8
    assert "Traceback" not in said[0] and "rror" not in said[0], said[0][-2000:]


@pytest.mark.skipif(not FULL, reason="the long form: ROPEWALK_TEST_FULL=1")
@pytest.mark.skipif(not shutil.which("wrk"), reason="wrk is not installed")
@pytest.mark.parametrize("name", ["waitress", "gunicorn"])
def test_a_strangers_server_stands_twenty_thousand_requests_of_wrk(name):
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} is not installed in this environment")
    total = 0
    with serving(name) as (port, said):
        end = time.monotonic() + 80
        while total < 20_000 and time.monotonic() < end:
            report = subprocess.run(
                ["wrk", "-t2", "-c16", "-d5s", f"http://127.0.0.1:{port}/rope"],
                capture_output=True,
                text=True,
                timeout=120,
                check=True,
            ).stdout
            found = re.search(r"(\d+) requests in", report)
            assert found and "Non-2xx" not in report and "Socket errors" not in report, report
            total += int(found[1])
    assert total >= 20_000
    assert "Traceback" not in said[0], said[0][-2000:]
