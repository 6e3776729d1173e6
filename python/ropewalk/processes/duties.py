"""What a worker does besides its tasks, for an executor that wants it."""

from __future__ import annotations

import logging

from ropewalk import _ropewalk
from ropewalk.processes.forwarding import Forwarding
from ropewalk.processes.seeding import Stream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["Duties"]


class Duties:
    """It goes to the worker with its arguments."""

    def __init__(
        self,
        *,
        exit: Callable[[], object] | None,
        stream: Stream | None,
        memory_limit: int | None,
        forwarding: Forwarding | None,
    ) -> None:
        self._exit = exit
        self._stream = stream
        self._memory_limit = memory_limit
        self._forwarding = forwarding

    def begin(self, herald: Callable[[], Any]) -> None:
        """Before the initializer. ``herald`` makes something by which notices are sent."""
        if self._forwarding is not None:
            self._forwarding.begin(herald())
        if self._stream is not None:
            self._stream.begin()

    def before(self, function: Any) -> None:
        """A task is about to be done."""
        if self._forwarding is not None:
            self._forwarding.task = function

    def after(self) -> bool:
        """It was done, and is not yet answered. Whether this worker should take another."""
        if self._forwarding is not None:
            self._forwarding.end_of_task()
        if self._memory_limit is None:
            return True
        own = _ropewalk.unshared_memory()
        return own is None or own <= self._memory_limit

    def end(self) -> None:
        """The worker goes home in good order."""
        try:
            if self._exit is not None:
                self._exit()
        except Exception:
            logging.getLogger("concurrent.futures").critical("Exception in exit:", exc_info=True)
        finally:
            if self._forwarding is not None:
                self._forwarding.end_of_task()
