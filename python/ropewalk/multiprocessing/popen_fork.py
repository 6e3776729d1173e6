"""Processes that are forked, and end with the one that started them."""

from __future__ import annotations

import multiprocessing.popen_fork as _original

from ropewalk._ropewalk import ends_soon, lifeline_fork, lifeline_forked
from ropewalk.multiprocessing.process import GRACE, LEAVING, declared

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["PATCHES", "Popen"]


_launch: Any = _original.Popen._launch  # type: ignore[attr-defined]
_wait: Any = _original.Popen.wait


class Popen(_original.Popen):
    __doc__ = _original.Popen.__doc__
    __module__ = _original.Popen.__module__
    __ropewalk__ = True

    def _launch(self, process_obj: Any) -> None:
        line = lifeline_fork(process_obj, GRACE)
        try:
            _launch(self, process_obj)
        finally:
            lifeline_forked(self, process_obj, line)

    def wait(self, timeout: float | None = None) -> Any:
        if timeout is not None or ends_soon(self):
            return _wait(self, timeout)
        return declared(self, _wait)


PATCHES = {"multiprocessing.popen_fork": {"Popen": Popen}, "os": LEAVING}
