"""How the shared queues of a crew get to a worker."""

from __future__ import annotations

import contextlib
import os
from multiprocessing import context, reduction

from ropewalk import _ropewalk
from ropewalk.processes import leash

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

__all__ = ["Link"]


class Link:
    """The two queues, the workers' records, the roster if the crew has one, and the line that ends the worker, as an
    argument of the function that a worker runs.

    A forked worker has the descriptors already; one that was spawned gets them with its other arguments.
    """

    def __init__(self, crew: _ropewalk.Crew, roster: bool, line: int | None) -> None:
        self._queues = crew.descriptors
        self._roster = crew.roster if roster else None
        self._line = line
        self._received = False

    @classmethod
    @contextlib.contextmanager
    def leased(cls, crew: _ropewalk.Crew, roster: bool) -> Iterator[Link]:
        """The link for one worker, to be started inside."""
        with leash.lease() as line:
            yield cls(crew, roster, line)

    def tie(self) -> bool:
        """In the worker: it ends with the process that has the work. Whether that works here."""
        return leash.tie(self._line)

    def open(self) -> _ropewalk.CrewWorker:
        """The worker's end."""
        return _ropewalk.CrewWorker(*self._queues)

    @property
    def roster(self) -> int | None:
        """The descriptor of the roster."""
        return self._roster

    def close(self) -> None:
        """All is opened."""
        if self._received:
            for descriptor in (*self._queues, self._roster):
                if descriptor is not None and descriptor >= 0:
                    os.close(descriptor)

    def __getstate__(self) -> Any:
        context.assert_spawning(self)
        return [
            None if descriptor is None or descriptor < 0 else reduction.DupFd(descriptor)
            for descriptor in (*self._queues, self._roster, self._line)
        ]

    def __setstate__(self, state: Any) -> None:
        received: list[Any] = [it if it is None else it.detach() for it in state]
        tasks, answers, flight, self._roster, self._line = received
        self._queues = tasks, answers, -1 if flight is None else flight
        self._received = True
        if self._line is not None:
            os.set_inheritable(self._line, False)
