"""The line of tasks of an executor, seen as the ``SimpleQueue`` that the original keeps in ``_work_queue``."""

from __future__ import annotations

import queue
import time
from concurrent.futures import thread

from ropewalk import _ropewalk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["WorkQueue"]


class WorkQueue(_ropewalk.WorkQueue):
    """Programs count it, empty it to cancel what is inside, and put work items in."""

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Puts a work item in line; ``None`` makes idle workers look whether they should stop."""
        if item is None:
            self.summon()
        else:
            self.put_item(item)

    put_nowait = put

    def get_nowait(self) -> Any:
        """The first work item in line, as the original's kind. Raises ``queue.Empty`` if there is none."""
        item = self.take()
        if item is None:
            raise queue.Empty
        if type(item) is not tuple:
            return item
        future, call = item
        function, arguments, keywords = call or (_nothing, (), None)
        call = function, arguments, keywords or {}
        if hasattr(thread, "WorkerContext"):  # 3.14
            return thread._WorkItem(future, call)  # type: ignore[call-arg, arg-type]
        return thread._WorkItem(future, *call)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """As ``get_nowait``; looks again and again until ``timeout`` seconds have passed if ``block``."""
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            try:
                return self.get_nowait()
            except queue.Empty:
                if not block or (end is not None and time.monotonic() >= end):
                    raise
            time.sleep(0.005)


def _nothing() -> None:
    """The call of a future whose own was taken away."""
