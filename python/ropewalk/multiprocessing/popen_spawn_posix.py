"""Processes that are fresh interpreters, and end with the one that started them."""

from __future__ import annotations

import multiprocessing.popen_spawn_posix as _original

from ropewalk._ropewalk import ends_soon
from ropewalk.multiprocessing.process import declared, launch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["PATCHES", "Popen"]


class Popen(_original.Popen):
    __doc__ = _original.Popen.__doc__
    __module__ = _original.Popen.__module__
    __ropewalk__ = True

    def _launch(self, process_obj: Any) -> None:
        launch(self, process_obj, super()._launch)  # type: ignore[misc]

    def wait(self, timeout: float | None = None) -> Any:
        if timeout is not None or ends_soon(self):
            return super().wait(timeout)
        return declared(self, _original.Popen.wait)


PATCHES = {"multiprocessing.popen_spawn_posix": {"Popen": Popen}}
