"""What a task raises that is stopped before it is done.

Both are the exceptions that programs wait for already: ``TimeoutError`` and ``CancelledError`` of
``concurrent.futures``.
"""

from __future__ import annotations

from concurrent.futures import CancelledError, TimeoutError

__all__ = ["TaskCancelled", "TaskTimeout"]


class TaskTimeout(TimeoutError):
    """A task has taken longer than its ``timeout``.

    It is raised inside of the task, which may tidy up, and is what its future has then. A task that goes on all the
    same costs its worker: the report of that death is the ``__cause__``.
    """

    #: The seconds that it had; ``None`` inside of the task.
    timeout: float | None = None
    #: The task's function, by its full name.
    function: str = ""
    #: Its arguments, shortened.
    arguments: str = ""
    #: Which attempt at the task this was, from 1.
    attempt: int = 1

    def __init__(self, message: str = "the task took longer than its timeout") -> None:
        super().__init__(message)

    def describe(self, function: str, arguments: str, timeout: float | None, attempt: int) -> None:
        """Says of which task this is the end."""
        self.function, self.arguments, self.timeout, self.attempt = function, arguments, timeout, attempt
        again = f", attempt {attempt}" if attempt > 1 else ""
        self.args = (f"{function}({arguments}) took longer than its timeout of {timeout:g} s{again}",)


class TaskCancelled(CancelledError):
    """Raised inside of a task whose future was cancelled with ``running=True``."""

    def __init__(self, message: str = "the task was cancelled while it was running") -> None:
        super().__init__(message)
