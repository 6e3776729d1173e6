"""Processes that the fork server makes, and end with the one that started them."""

from __future__ import annotations

import multiprocessing.popen_forkserver as _original
from multiprocessing import forkserver

from ropewalk._ropewalk import ends_soon
from ropewalk.multiprocessing.process import declared, launch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["PATCHES", "Popen"]

#: What every child needs to hold on to its parent: imported once, in the server.
NEEDED = launch.__module__


class Popen(_original.Popen):
    __doc__ = _original.Popen.__doc__
    __module__ = _original.Popen.__module__
    __ropewalk__ = True

    def _launch(self, process_obj: Any) -> None:
        server: Any = forkserver._forkserver
        if NEEDED not in server._preload_modules:
            server._preload_modules = [*server._preload_modules, NEEDED]
        launch(self, process_obj, super()._launch)  # type: ignore[misc]

    def wait(self, timeout: float | None = None) -> Any:
        if timeout is not None or ends_soon(self):
            return super().wait(timeout)
        return declared(self, _original.Popen.wait)


PATCHES = {"multiprocessing.popen_forkserver": {"Popen": Popen}}
