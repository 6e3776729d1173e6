"""What the tasks of a worker print, log and warn of, on its way to the process that has the pool.

It goes with the answers, in the same order: what a task has said is there before its result is. In the worker nothing
is written: its streams and handlers are those of the parent, which writes.
"""

from __future__ import annotations

import io
import logging
import os
import sys
import traceback
import warnings

from ropewalk import _ropewalk
from ropewalk.processes import kinds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["KINDS", "Forwarding", "name_of"]

#: What can be forwarded.
KINDS = ("logging", "warnings", "stdout", "stderr")


class Forwarding:
    """The end of a worker. It goes there with its arguments, with the levels that loggers have in the parent."""

    def __init__(self, what: frozenset[str]) -> None:
        self._what = what
        self._levels = {
            name: logger.level
            for name, logger in logging.root.manager.loggerDict.items()
            if isinstance(logger, logging.Logger)
        }
        self._root_level = logging.root.level
        self._disabled = logging.root.manager.disable
        self._herald: Any = None
        self._streams: list[_Lines] = []
        #: The function of the task under way.
        self.task: Any = None

    def begin(self, herald: Any) -> None:
        """From now on this process writes nothing itself."""
        self._herald = herald
        for name in ("stdout", "stderr"):
            if name in self._what:
                lines = _Lines(self, name, getattr(sys, name))
                self._streams.append(lines)
                setattr(sys, name, lines)
        if "warnings" in self._what:
            warnings.showwarning = self._warn
        if "logging" in self._what:
            self._take_loggers()

    def _take_loggers(self) -> None:
        """One handler, and the parent's levels; what other handlers there are would write here."""
        logging.disable(self._disabled)
        logging.root.handlers[:] = [_Handler(self)]
        logging.root.setLevel(self._root_level)
        for name in {*self._levels, *logging.root.manager.loggerDict}:
            logger = logging.getLogger(name)
            logger.handlers.clear()
            logger.propagate = True
            if name in self._levels:
                logger.setLevel(self._levels[name])

    def end_of_task(self) -> None:
        """Sends what has no end of line, and forgets the task."""
        for stream in self._streams:
            stream.finish()
        self.task = None

    def say(self, what: str, *parts: Any) -> None:
        """Sends it to the parent."""
        self._herald.notify(kinds.SAID, _ropewalk.dumps((what, name_of(self.task), *parts)))

    def _warn(
        self, message: Any, category: Any, filename: str, lineno: int, file: Any = None, line: Any = None
    ) -> None:
        try:
            self.say("warnings", str(message), category, filename, lineno)
        except Exception:  # a class that only this process can find
            self.say("warnings", f"{category.__name__}: {message}", RuntimeWarning, filename, lineno)


def name_of(task: Any) -> str:
    """The name by which a task is known in what it says; its process's where none is under way."""
    if task is None:
        return f"worker {os.getpid()}"
    while True:
        inner = getattr(task, "func", None)  # a partial
        if inner is None:
            return str(getattr(task, "__qualname__", None) or type(task).__qualname__)
        arguments = getattr(task, "args", ())
        # What the original wraps the chunks of a map into.
        task = arguments[0] if getattr(inner, "__name__", "") == "_process_chunk" and arguments else inner


class _Handler(logging.Handler):
    def __init__(self, forwarding: Forwarding) -> None:
        super().__init__()
        self._forwarding = forwarding

    def emit(self, record: logging.LogRecord) -> None:
        try:
            entries = dict(record.__dict__)
            entries["msg"], entries["args"] = record.getMessage(), None
            if record.exc_info:
                entries["exc_text"] = "".join(traceback.format_exception(*record.exc_info)).rstrip("\n")
                entries["exc_info"] = None
            entries["task"] = name_of(self._forwarding.task)
            try:
                self._forwarding.say("logging", entries)
            except Exception:
                plain = (int, float, str, type(None))
                for name, value in entries.items():
                    if not isinstance(value, plain):
                        entries[name] = repr(value)
                self._forwarding.say("logging", entries)
        except Exception:
            self.handleError(record)


class _Lines(io.TextIOBase):
    """A stream that sends each line when it is whole."""

    def __init__(self, forwarding: Forwarding, name: str, original: Any) -> None:
        self._forwarding = forwarding
        self._name = name
        self._original = original
        self._rest = ""

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        whole, end, rest = (self._rest + text).rpartition("\n")
        self._rest = rest
        if end:
            self._forwarding.say(self._name, whole)
        return len(text)

    def writable(self) -> bool:
        return True

    def finish(self) -> None:
        """Sends what there is of a line."""
        rest, self._rest = self._rest, ""
        if rest:
            self._forwarding.say(self._name, rest)

    def fileno(self) -> int:
        return int(self._original.fileno())

    @property
    def buffer(self) -> Any:
        """For programs that write bytes: those go straight to where this process writes."""
        return self._original.buffer

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return str(getattr(self._original, "encoding", "utf-8"))

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        return getattr(self._original, "errors", None)
