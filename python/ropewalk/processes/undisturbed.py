"""Steps between which Ctrl-C must not fall.

A worker that is started and not yet noted would never be told that there is no more work, and the program would
wait for it at its end.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

__all__ = ["undisturbed"]

#: The handler that is put off, in the main thread.
_handler: Any = None


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Inside, SIGINT is not handled; it is at the end, if it came."""
    global _handler
    before = signal.getsignal(signal.SIGINT)
    if (
        _handler is not None
        or threading.current_thread() is not threading.main_thread()
        or not callable(before)
    ):
        yield
        return
    came: list[Any] = []

    def note(*arguments: Any) -> None:
        came[:] = arguments

    try:
        _handler = before
        signal.signal(signal.SIGINT, note)
        yield
    finally:
        _handler = None
        signal.signal(signal.SIGINT, before)
        if came:
            before(*came)


def _in_forked_child() -> None:
    global _handler
    if _handler is not None:
        signal.signal(signal.SIGINT, _handler)
        _handler = None


os.register_at_fork(after_in_child=_in_forked_child)
