"""What every test has: an interpreter that is left as it was found; those of processes, a system that is, too.

The watchdog is pytest's own (`faulthandler_timeout` in pyproject.toml): a test that hangs ends the run, with the stack
of every thread.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator, Iterator

import pytest

from tests import leftovers, own_files

#: Folders whose tests are looked at for processes, files and descriptors, each by itself.
LOOKED_AT = {"multiprocessing", "concurrent", "processes"}

# Without the rights to it, what others leave in /dev/shm while a test goes on is taken for the test's.
own_files.take()

#: Test modules for CPython's runner, and not for this one.
collect_ignore = ["parity/made"]

# A shell starts what it runs in the background with these ignored, and so would be what a test starts.
for _number, _handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGQUIT, signal.SIG_DFL)):
    if signal.getsignal(_number) == signal.SIG_IGN:
        signal.signal(_number, _handler)


@pytest.fixture(autouse=True)
def no_thread_left() -> Iterator[None]:
    """A test that leaves a thread behind would disturb the next one."""
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        if not thread.daemon:
            thread.join(120)
            assert not thread.is_alive(), f"{thread!r} still runs after its test"


FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        item.stash[FAILED] = True
    return report


def _warm_up() -> None:
    """What the first lock, value, wait and process of a program open, and keep: memory, and a line to the children."""
    import multiprocessing

    import ropewalk
    from ropewalk import _ropewalk
    from ropewalk.multiprocessing.context import CONTEXTS

    context = multiprocessing.get_context("fork")
    context.RawValue("i")  # the original's heap
    CONTEXTS["fork"].RawArray("b", (4 << 20) - (64 << 10))  # ours: the most that it keeps
    ropewalk.install()
    try:
        lock = context.Lock()
        child = context.Process(target=lock.acquire)
        child.start()
        _ropewalk.Joining(child.pid).close()  # the board on which waits stand
        child.join()
        child.close()
    finally:
        ropewalk.uninstall()


@pytest.fixture(scope="session")
def warm() -> None:
    """Once, before the first test that looks at descriptors."""
    _warm_up()


@pytest.fixture(scope="session", autouse=True)
def nothing_left_at_the_end() -> Iterator[None]:
    """The whole run leaves no process and no file in /dev/shm behind."""
    before = leftovers.State()
    yield
    leftovers.end_servers()
    before.descriptors = leftovers.descriptors()  # those of pytest itself are its own
    assert not (left := before.left()), "left behind by the whole run: " + "; ".join(left)


@pytest.fixture(autouse=True)
def nothing_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test of processes leaves no process, no file in /dev/shm and no descriptor behind."""
    if LOOKED_AT.isdisjoint(request.path.parts):
        yield
        return
    request.getfixturevalue("warm")
    before = leftovers.State()
    yield
    if FAILED in request.node.stash:
        return  # its traceback holds what it made
    request.node.funcargs.clear()  # and so does pytest
    if left := before.left(0):
        leftovers.end_servers()
        left = before.left()
    assert not left, "left behind: " + "; ".join(left)


@pytest.fixture
def installed() -> Iterator[None]:
    """ropewalk's objects in the standard modules, for one test."""
    import ropewalk

    ropewalk.install()
    yield
    ropewalk.uninstall()
