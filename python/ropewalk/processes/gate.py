"""Where a request to stop a task gets into it, in its worker.

Who has the work writes the request where this process sees it, and sends a signal. The signal's handler runs between
two steps of the interpreter, or ends a sleep; it raises if a task is under way, and if the request is for that very
task. So a signal that comes late, after the task, does nothing.

What must stay true: for one task it is raised once at most. Who closes the gate may be hit while he does so, and has to
expect it.
"""

from __future__ import annotations

import signal

from ropewalk import _ropewalk
from ropewalk.processes import kinds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Gate"]


class Gate:
    """Open while a task is under way."""

    __slots__ = ("_seat", "is_open", "raised")

    def __init__(self, seat: _ropewalk.Seat) -> None:
        self._seat = seat
        self.is_open = False
        #: What was raised in the task at hand.
        self.raised: BaseException | None = None

    @classmethod
    def of(cls, worker: _ropewalk.CrewWorker, roster: int) -> Gate | None:
        """For this worker, by the descriptor of its crew's roster. ``None`` where signals can not be heard."""
        # Imported now, not when a signal comes.
        from ropewalk.processes import stopped  # noqa: F401

        try:
            before = signal.signal(_ropewalk.stop_signal(), signal.SIG_IGN)
        except ValueError:  # not the main thread
            return None
        seat = worker.sit(roster)
        if seat is None:
            signal.signal(_ropewalk.stop_signal(), before)
            return None
        gate = cls(seat)
        signal.signal(_ropewalk.stop_signal(), gate._asked)
        return gate

    def open(self) -> None:
        """A task is under way. Raises at once if it was asked to stop before."""
        self.raised = None
        self.is_open = True
        self._asked()

    def _asked(self, *_: Any) -> None:
        """Raises if the task under way is to stop: the signal's handler."""
        if self.is_open:
            why = self._seat.asked()
            if why:
                self.is_open = False
                from ropewalk.processes.stopped import TaskCancelled, TaskTimeout

                self.raised = TaskTimeout() if why == kinds.TIMEOUT else TaskCancelled()
                raise self.raised
