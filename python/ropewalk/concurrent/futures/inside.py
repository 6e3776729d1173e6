"""The original executor's private attributes, for programs that read or replace them."""

from __future__ import annotations

import math
import threading

from ropewalk.original import become_original

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["CrewLimit", "IdleWorkers", "Line"]


class _Attribute:
    """An attribute that an executor on the engine computes, and one that runs the original keeps as it is."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, executor: Any, owner: type) -> Any:
        if executor is None:
            raise AttributeError(f"type object {owner.__name__!r} has no attribute {self.name!r}")
        inside = executor.__dict__
        if "_line" in inside:
            return self.read(inside)
        try:
            return inside[self.name]
        except KeyError:
            message = f"{type(executor).__name__!r} object has no attribute {self.name!r}"
            raise AttributeError(message) from None

    def __set__(self, executor: Any, value: Any) -> None:
        inside = executor.__dict__
        if "_line" in inside:
            self.write(executor, inside, value)
        else:
            inside[self.name] = value

    def read(self, inside: dict[str, Any]) -> Any:
        raise NotImplementedError

    def write(self, executor: Any, inside: dict[str, Any], value: Any) -> None:
        raise NotImplementedError


class Line(_Attribute):
    """``_work_queue``. Who puts another queue there gets the original's algorithm on it."""

    def read(self, inside: dict[str, Any]) -> Any:
        return inside["_line"]

    def write(self, executor: Any, inside: dict[str, Any], value: Any) -> None:
        line = inside["_line"]
        _run_original(executor, inside)
        inside["_work_queue"] = value
        line.close()
        line.put(None)  # its workers do what is in line, and go


class CrewLimit(_Attribute):
    """``_max_workers``. It can be changed at any time; threads that are there stay."""

    def read(self, inside: dict[str, Any]) -> Any:
        return inside["_limit"]

    def write(self, executor: Any, inside: dict[str, Any], value: Any) -> None:
        inside["_limit"] = value
        inside["_line"].crew_limit = max(0, math.ceil(value))


class IdleWorkers(_Attribute):
    """``_idle_semaphore``: how many workers are idle, as something that looks like a semaphore."""

    def read(self, inside: dict[str, Any]) -> Any:
        return _Idle(inside["_line"])

    def write(self, executor: Any, inside: dict[str, Any], value: Any) -> None:
        line = inside["_line"]
        _run_original(executor, inside)
        inside["_idle_semaphore"] = value
        line.close()
        line.put(None)


class _Idle:
    def __init__(self, line: Any) -> None:
        self._line = line

    @property
    def _value(self) -> int:
        return int(self._line.idle)

    def acquire(self, blocking: bool = True, timeout: float | None = None) -> bool:
        """Whether a worker is idle. It stays so: only a task in line changes it."""
        return self._value > 0

    __enter__ = acquire

    def release(self, n: int = 1) -> None:
        """Workers count themselves."""

    def __exit__(self, *exc_info: object) -> None:
        self.release()

    def __repr__(self) -> str:
        return f"<threading.Semaphore at {id(self):#x}: value={self._value}>"


def _run_original(executor: Any, inside: dict[str, Any]) -> None:
    """Gives an executor all that the original's algorithm needs; what is in line stays with its workers."""
    import queue

    limit = inside.pop("_limit")
    inside.pop("_line")
    become_original(executor)
    inside["_max_workers"] = limit
    inside["_work_queue"] = queue.SimpleQueue()
    inside["_idle_semaphore"] = threading.Semaphore(0)
    inside["_threads"] = set()
    prepare = getattr(type(executor), "prepare_context", None)
    if prepare is not None:  # 3.14
        create, resolve = prepare(executor._initializer, executor._initargs)
        inside["_create_worker_context"], inside["_resolve_work_item_task"] = create, resolve
