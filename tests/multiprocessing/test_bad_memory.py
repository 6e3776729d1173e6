"""Shared memory that is not what it should be: a clear error, no crash, and nothing of it is unpickled."""

from __future__ import annotations

import fcntl
import mmap
import os
import subprocess
import sys
from typing import Any

import pytest
from ropewalk.multiprocessing import queues

from tests.multiprocessing.processes import LIMIT, context

# Where a segment says what it is, see `segment.rs`.
LAYOUT, LENGTH = 8, 24
# Its lock: who writes over that stops everybody.
LOCK = range(128, 192)


def hull() -> Any:
    """A queue that has no memory yet."""
    return queues.Queue.__new__(queues.Queue)


def copy(queue: Any, *, size: int | None = None, seal: bool = True, **words: tuple[int, bytes]) -> int:
    """A memfd with what the first page of the queue's has, some bytes of it replaced."""
    theirs = queue._descriptors()[0]
    whole = os.fstat(theirs).st_size
    memory = os.memfd_create("copy", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(memory, whole if size is None else size)
    os.pwrite(memory, os.pread(theirs, min(4096, whole if size is None else size), 0), 0)
    for place, text in words.values():
        os.pwrite(memory, text, place)
    if seal:
        fcntl.fcntl(memory, fcntl.F_ADD_SEALS, fcntl.fcntl(theirs, fcntl.F_GET_SEALS))
    return memory


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "of another version": ({"word": (LAYOUT, b"\x63\0\0\0")}, "same version"),
    "that was never finished": ({"word": (0, b"\0" * 8)}, "before it was finished"),
    "that lies about its length": ({"word": (LENGTH, b"\0\1\0\0\0\0\0\0")}, "size"),
    "that was cut": ({"size": 8192}, "size"),
    "with no room for a header": ({"size": 10}, "size"),
    "that anybody may cut": ({"seal": False}, "seal"),
}


@pytest.mark.parametrize("what", BAD)
def test_memory_is_refused(what: str) -> None:
    changes, words = BAD[what]
    queue = context("fork").Queue()
    with pytest.raises(OSError, match=words) as caught:
        hull()._attach(copy(queue, **changes), os.eventfd(0, os.EFD_CLOEXEC))
    assert str(caught.value)
    queue.put("it works on")
    assert queue.get() == "it works on"


def test_memory_of_another_pid_namespace_is_refused() -> None:
    try:
        subprocess.run(["unshare", "--pid", "--fork", "true"], check=True, capture_output=True, timeout=LIMIT)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no pid namespace can be made here")
    queue = context("fork").Queue()
    descriptors = queue._descriptors()
    code = (
        "from ropewalk.multiprocessing import queues\n"
        "try:\n"
        f"    queues.Queue.__new__(queues.Queue)._attach(*{descriptors})\n"
        "except OSError as error: print(error)\n"
    )
    done = subprocess.run(
        ["unshare", "--pid", "--fork", sys.executable, "-c", code],
        pass_fds=descriptors,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert "pid namespace" in done.stdout, done.stderr
    queue.put(1)
    assert queue.get() == 1


class Telling:
    """An object that says when it is unpickled."""

    seen = 0

    def __init__(self, value: int) -> None:
        self.value = value

    def __reduce__(self) -> Any:
        return told, (self.value,)


def told(value: int) -> Any:
    Telling.seen += 1
    assert value == 7, "something else was unpickled"
    return Telling(value)


def places(queue: Any) -> list[int]:
    """Where the memory of the queue holds something: those bytes that are not zero, by words."""
    with mmap.mmap(queue._descriptors()[0], 1 << 20) as memory:
        return [place for place in range(0, len(memory), 8) if any(memory[place : place + 8])]


@pytest.mark.parametrize("pattern", [b"\xff" * 8, b"\0" * 8, b"\x10\0\0\0\0\0\0\0", b"ropewalk"])
def test_memory_that_was_written_over_is_told_of_and_crashes_nobody(pattern: bytes) -> None:
    sample = context("fork").Queue()
    sample.put(Telling(7))
    for place in places(sample):
        if place in LOCK:
            continue
        queue = context("fork").Queue()
        queue.put(Telling(7))
        child = os.fork()
        if child == 0:
            code = 1
            try:
                with mmap.mmap(queue._descriptors()[0], 1 << 20) as memory:
                    memory[place : place + 8] = pattern
                try:
                    got = queue.get(timeout=0.05)
                    code = 0 if got.value == 7 else 2
                except AssertionError:
                    code = 3
                except Exception:
                    code = 0
            finally:
                os._exit(code)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert status == 0, f"8 bytes at {place} were {pattern!r}: {status}"
