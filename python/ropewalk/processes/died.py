"""The report of a death: which worker, of what, and what it was doing."""

from __future__ import annotations

import reprlib
import signal
from concurrent.futures import BrokenExecutor
from concurrent.futures.process import BrokenProcessPool

from ropewalk.installer import installed
from ropewalk.processes import stack as stacks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from traceback import FrameSummary
    from typing import Any

__all__ = ["TransferError", "WorkerDied", "shown", "signal_name", "unread", "worker_died"]

_DOING = {
    "starting": "before it did",
    "reading": "while it read the arguments of",
    "running": "while doing",
    "answering": "while it wrote the result of",
}


class TransferError(BrokenExecutor):
    """A task, its result or its exception could not be read on the other side. The pool goes on.

    What happened when it was read is its ``__cause__``.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (TransferError, self.args, self.__dict__)


class WorkerDied(BrokenExecutor):
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
        task: int | None = None,
        memory_limit: int | None = None,
        record: dict[str, Any] | None = None,
    ) -> None:
        record = record or {}
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
        #: The number of the task in its pool, from 1; ``None`` if unknown.
        self.task = task
        #: What the worker was doing with it: ``"reading"`` its arguments, ``"running"`` it, ``"answering"``;
        #: ``None`` if unknown.
        self.phase: str | None = record.get("phase")
        #: The Python frames of the task when the worker was last looked at, the innermost last, for
        #: ``traceback.format_list``; empty if it never was. It is when it crashes, else every second, and first after
        #: 50 ms.
        self.stack: tuple[FrameSummary, ...] = stacks.frames(record.get("stack") or ())
        #: How many seconds before this report the worker was last looked at, in this task or before; ``None`` if never.
        self.sampled: float | None = record.get("sampled")
        #: Bytes of memory that it used then; ``None`` if unknown.
        self.resident: int | None = record.get("resident")
        #: Bytes of memory that its control group may use; ``None`` without a limit.
        self.memory_limit = memory_limit
        #: How many tasks it had answered before.
        self.done: int | None = record.get("done")
        #: The last things it did: ``("begun" | "done" | "failed", number of the task, seconds before this report)``.
        self.events: tuple[tuple[str, int, float], ...] = tuple(record.get("events") or ())
        super().__init__(self._message())
        if self.stack:
            when = (
                "when it crashed" if record.get("signal") else f"{self.sampled or 0.0:.2g} s before it died"
            )
            self._tell(f"The last Python stack, {when} (most recent call last):\n{stacks.text(self.stack)}")

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
            how += f" (the kernel was out of memory{self._memory()})"
        doing = f" {_DOING.get(self.phase or '', 'while doing')} " if self.function else ""
        call = f"{self.function}({self.arguments})" if self.function else ""
        more = [f"task {self.task}"] if self.task is not None else []
        if self.attempt > 1:
            more.append(f"attempt {self.attempt}")
        if self.seconds is not None:
            more.append(f"after {self.seconds:.3g} s")
        place = stacks.place(self.stack)
        if place:
            more.append(f"last seen in {place}")
        return f"worker process {self.pid} {how}{doing}{call}" + (f", {', '.join(more)}" if more else "")

    def _memory(self) -> str:
        limit = f": limit {_size(self.memory_limit)}" if self.memory_limit is not None else ""
        if self.resident is None or self.sampled is None:
            return limit
        return (
            f"{limit or ':'}{',' if limit else ''} it used {_size(self.resident)} {self.sampled:.2g} s before"
        )

    def _tell(self, text: str) -> None:
        """Lets a traceback show this text too."""
        if hasattr(self, "add_note"):
            self.add_note(text)
        else:  # 3.10
            from concurrent.futures import process

            remote: Any = process
            self.__cause__ = remote._RemoteTraceback(f'\n"""\n{text}\n"""')

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (WorkerDied, self.args, self.__dict__)


class _StockTransferError(TransferError, BrokenProcessPool):
    pass


class _StockWorkerDied(WorkerDied, BrokenProcessPool):
    pass


# What tracebacks show.
_StockTransferError.__name__ = _StockTransferError.__qualname__ = "TransferError"
_StockWorkerDied.__name__ = _StockWorkerDied.__qualname__ = "WorkerDied"


def _fitting(cls: type[Any]) -> type[Any]:
    """The class whose objects this program knows what to do with.

    A pool that goes on is not a broken one.  But a program that was written for the standard library, and runs with
    ropewalk installed, catches ``BrokenProcessPool`` around a task whose worker may be killed.
    """
    if not installed():
        return cls
    return _StockWorkerDied if cls is WorkerDied else _StockTransferError


def worker_died(pid: int, exitcode: int | None, **facts: Any) -> WorkerDied:
    """The exception for a task whose worker has died, as this program expects it."""
    error: WorkerDied = _fitting(WorkerDied)(pid, exitcode, **facts)
    return error


def unread(what: str) -> TransferError:
    """The exception for what could not be read, as this program expects it."""
    error: TransferError = _fitting(TransferError)(what)
    return error


def _again(cls: type[BaseException], args: tuple[Any, ...], names: dict[str, Any]) -> BaseException:
    cls = _fitting(cls)
    error: BaseException = cls.__new__(cls, *args)
    error.__dict__.update(names)
    return error


def _size(count: int) -> str:
    for unit, size in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count} B"


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
