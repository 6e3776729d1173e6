"""Processes that are forked, and end with the one that started them."""

from __future__ import annotations

import multiprocessing.popen_fork as _original

from ropewalk import _ropewalk
from ropewalk.multiprocessing.process import GRACE, LEAVING, wait

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["PATCHES", "Popen"]


class Popen(_original.Popen):
    __doc__ = _original.Popen.__doc__
    __module__ = _original.Popen.__module__
    __ropewalk__ = True

    def _launch(self, process_obj: Any) -> None:
        line = _ropewalk.lifeline_fork(process_obj, GRACE)
        try:
            super()._launch(process_obj)  # type: ignore[misc]
        finally:
            _ropewalk.lifeline_forked(self, process_obj, line)

    def wait(self, timeout: float | None = None) -> int | None:
        return wait(self, timeout, super().wait)


PATCHES = {"multiprocessing.popen_fork": {"Popen": Popen}, "os": LEAVING}
