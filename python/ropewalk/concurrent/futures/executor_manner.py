"""What is particular about the workers of an executor.

It goes to each worker, and is the first of these modules that a spawned one imports: it imports nothing of
``concurrent.futures`` itself, for that brings the executor along, which needs this.
"""

from __future__ import annotations

from ropewalk.processes.worker import Manner

__all__ = ["ExecutorManner"]


class ExecutorManner(Manner):
    """Workers of an executor survive whatever a task raises."""

    def unfit(self) -> None:
        from concurrent.futures import _base

        _base.LOGGER.critical("Exception in initializer:", exc_info=True)
