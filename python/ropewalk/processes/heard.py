"""What tasks have said (``forwarding``), in the process that has the pool: as if it had said that itself."""

from __future__ import annotations

import logging
import sys
import warnings

from ropewalk import _ropewalk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["pass_on"]


def pass_on(body: bytes) -> None:
    """Logs, warns or writes what came from a worker."""
    what, task, *parts = _ropewalk.loads(body)
    if what == "logging":
        _log(*parts)
    elif what == "warnings":
        _warn(task, *parts)
    else:
        _write(what, task, *parts)


def _log(entries: dict[str, Any]) -> None:
    record = logging.makeLogRecord(entries)
    logger = logging.getLogger(record.name)
    if logger.isEnabledFor(record.levelno):
        logger.handle(record)


def _warn(task: str, text: str, category: type[Warning], filename: str, lineno: int) -> None:
    # By the module, so that whoever catches or logs warnings here has it.
    warnings.showwarning(f"{text} (in task {task})", category, filename, lineno)


def _write(name: str, task: str, text: str) -> None:
    stream = getattr(sys, name)
    if stream is not None:
        stream.write("".join(f"[{task}] {line}\n" for line in text.split("\n")))
        stream.flush()
