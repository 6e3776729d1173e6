"""The last Python stack of a worker that has died, as its flight record has it."""

from __future__ import annotations

import traceback

from ropewalk.processes import worker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["frames", "place", "text"]


def frames(recorded: Iterable[tuple[str, int, str]]) -> tuple[traceback.FrameSummary, ...]:
    """The frames of the task, the innermost last: those that brought the worker to it are left out."""
    found = list(recorded)
    of_worker = [number for number, (file, _, _) in enumerate(found) if file == worker.__file__]
    if of_worker and of_worker[-1] + 1 < len(found):
        found = found[of_worker[-1] + 1 :]
    elif of_worker:
        found = found[of_worker[-1] :]  # the task is no Python code: this is where it was called
    return tuple(traceback.FrameSummary(file, line, name, lookup_line=False) for file, line, name in found)


def place(stack: tuple[traceback.FrameSummary, ...]) -> str:
    """Where the innermost frame is, in a few words."""
    if not stack or stack[-1].filename == worker.__file__:
        return ""
    return f"{stack[-1].filename}:{stack[-1].lineno} in {stack[-1].name}"


def text(stack: tuple[traceback.FrameSummary, ...]) -> str:
    """As a traceback shows it."""
    return "".join(traceback.format_list(list(stack))).rstrip()
