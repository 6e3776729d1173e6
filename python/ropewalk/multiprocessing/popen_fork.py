"""Processes that are forked, and end with the one that started them."""

from __future__ import annotations

import multiprocessing.popen_fork as _original
from multiprocessing import util

from ropewalk._ropewalk import ends_soon, lifeline_fork, lifeline_forked, living_items
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


class _ToldOfForks(type(util._afterfork_registry)):  # type: ignore[misc]
    """What asked to be told of a fork, looked through by each child, in one call of the engine."""

    def items(self) -> Any:
        return living_items(self.data)


PATCHES: dict[str, dict[str, Any]] = {
    "multiprocessing.popen_fork": {"Popen": Popen},
    "multiprocessing.util._afterfork_registry": {"__class__": _ToldOfForks},
    "os": LEAVING,
}
