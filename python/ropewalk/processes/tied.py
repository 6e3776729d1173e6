"""A process object on its way into a child that is not forked, which is to end with this process.

The child imports this before the program's code begins, and no more of ropewalk than it needs: a start is waited for.
"""

from __future__ import annotations

import contextlib
import os
from multiprocessing import reduction

from ropewalk import _ropewalk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Tied"]


class Tied:
    """The process object, and the descriptor to hold on to in the child; ``grace``: seconds that it lives on then."""

    def __init__(self, process: Any, line: int, grace: float) -> None:
        self._process = process
        self._line = line
        self._grace = grace

    def __getattr__(self, name: str) -> Any:
        return getattr(self._process, name)

    def __reduce__(self) -> tuple[Any, ...]:
        return _untied, (self._process, reduction.DupFd(self._line), self._grace)


def _untied(process: Any, line: Any, grace: float) -> Any:
    """In the child: hold on; the process object itself."""
    fd = line.detach()
    os.set_inheritable(fd, False)
    with contextlib.suppress(OSError):  # the system has no such signals: as on the standard library
        _ropewalk.lifeline_hold(fd, grace)
    _hush(process)
    return process


def _hush(process: Any) -> None:
    """Ctrl-C reaches every process of the program: the traceback of the first one will do."""
    run = process.run

    def quietly() -> None:
        try:
            run()
        except KeyboardInterrupt:
            raise SystemExit(1) from None  # the original's exit code

    process.run = quietly
