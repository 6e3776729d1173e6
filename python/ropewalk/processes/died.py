"""The report of a death: which worker, of what, and what it was doing.

Both exceptions are of ``BrokenProcessPool``, though the pool goes on: that is what programs catch around a task whose
worker may be killed. ``BrokenProcessPool`` itself is raised only when the pool really is broken.
"""

from __future__ import annotations

import reprlib
import signal
from concurrent.futures.process import BrokenProcessPool
from typing import Any

__all__ = ["TransferError", "WorkerDied", "shown", "signal_name"]


class TransferError(BrokenProcessPool):
    """A task, its result or its exception could not be read on the other side. The pool goes on.

    What happened when it was read is its ``__cause__``.
    """


class WorkerDied(BrokenProcessPool):
    """The worker process that was doing this task has died. The pool has hired another one and goes on."""

    def __init__(
        self,
        pid: int,
        exitcode: int | None,
        *,
        function: str = "",
        arguments: str = "",
        seconds: float | None = None,
        attempt: int = 1,
        out_of_memory: bool = False,
        why: str = "",
    ) -> None:
        #: The process that died.
        self.pid = pid
        #: As ``Process.exitcode``: negative for a signal, ``None`` if unknown.
        self.exitcode = exitcode
        #: The task's function, by its full name.
        self.function = function
        #: Its arguments, shortened.
        self.arguments = arguments
        #: How long the worker had the task in hand, about; ``None`` if unknown.
        self.seconds = seconds
        #: Which attempt at the task this was, from 1.
        self.attempt = attempt
        #: Whether the kernel killed it for want of memory.
        self.out_of_memory = out_of_memory
        #: Why ropewalk itself ended the worker, if it did.
        self.why = why
        super().__init__(self._message())

    @property
    def signal(self) -> str | None:
        """The name of the signal that ended the worker, if one did."""
        return signal_name(self.exitcode)

    def _message(self) -> str:
        name = self.signal
        if self.why:
            how = f"was ended: {self.why}"
        elif name is not None:
            how = f"was killed by {name}"
        elif self.exitcode is None:
            how = "ended"
        else:
            how = f"ended with exit code {self.exitcode}"
        if self.out_of_memory:
            how += " (the kernel was out of memory)"
        doing = f" while doing {self.function}({self.arguments})" if self.function else ""
        more = [f"attempt {self.attempt}"] if self.attempt > 1 else []
        if self.seconds is not None:
            more.append(f"after {self.seconds:.3g} s")
        return f"worker process {self.pid} {how}{doing}" + (f", {', '.join(more)}" if more else "")

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (type(self), self.args, self.__dict__)


def _again(cls: type[WorkerDied], args: tuple[Any, ...], names: dict[str, Any]) -> WorkerDied:
    error = cls.__new__(cls, *args)
    error.__dict__.update(names)
    return error


def signal_name(exitcode: int | None) -> str | None:
    """``"SIGKILL"`` for -9."""
    if exitcode is None or exitcode >= 0:
        return None
    try:
        return signal.Signals(-exitcode).name
    except ValueError:
        return f"signal {-exitcode}"


_short = reprlib.Repr()
_short.maxstring = _short.maxother = 40
_short.maxlevel = 2


def shown(function: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[str, str]:
    """A call in words: the function's full name, and its arguments, shortened."""
    module = getattr(function, "__module__", None)
    name = getattr(function, "__qualname__", None)
    if name is None:
        inner = getattr(function, "func", None)  # a partial
        name = f"partial({shown(inner, (), {})[0]})" if inner is not None else _safe(function)
    elif module and module != "builtins":
        name = f"{module}.{name}"
    texts = [_safe(value) for value in arguments[:4]]
    texts += [f"{key}={_safe(value)}" for key, value in list(keywords.items())[:4]]
    if len(arguments) > 4 or len(keywords) > 4:
        texts.append("...")
    return name, ", ".join(texts)


def _safe(value: Any) -> str:
    try:
        return _short.repr(value)
    except Exception:
        return object.__repr__(value)
