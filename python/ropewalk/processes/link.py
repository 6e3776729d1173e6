"""How the shared queues of a crew get to a worker."""

from __future__ import annotations

import os
from multiprocessing import context, reduction
from typing import Any

from ropewalk import _ropewalk

__all__ = ["Link"]


class Link:
    """The two queues and the workers' records, as an argument of the function that a worker runs.

    A forked worker has the descriptors already; one that was spawned gets them with its other arguments.
    """

    def __init__(self, crew: _ropewalk.Crew) -> None:
        self._descriptors = crew.descriptors
        self._received = False

    def open(self) -> _ropewalk.CrewWorker:
        """The worker's end."""
        worker = _ropewalk.CrewWorker(*self._descriptors)
        if self._received:
            for descriptor in self._descriptors:
                if descriptor >= 0:
                    os.close(descriptor)
        return worker

    def __getstate__(self) -> Any:
        context.assert_spawning(self)
        return [reduction.DupFd(descriptor) for descriptor in self._descriptors if descriptor >= 0]

    def __setstate__(self, state: Any) -> None:
        tasks, answers, *flight = (descriptor.detach() for descriptor in state)
        self._descriptors = tasks, answers, *(flight or [-1])
        self._received = True
