"""What every test has: an interpreter that is left as it was found.

The watchdog is pytest's own (`faulthandler_timeout` in pyproject.toml): a test that hangs ends the run, with the stack
of every thread.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator

import pytest

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


@pytest.fixture
def installed() -> Iterator[None]:
    """ropewalk's objects in the standard modules, for one test."""
    import ropewalk

    ropewalk.install()
    yield
    ropewalk.uninstall()
