"""The two ends of the pipe that a queue of the original has, as far as programs use them: here they lead to the queue.

``fileno()`` of the reading end is readable while the queue has something inside, so it may stand in ``select``, in
``multiprocessing.connection.wait`` and in an event loop's ``add_reader``.  More than one process may see that; who
comes late waits in ``recv``, or finds the queue empty.
"""

from __future__ import annotations

from multiprocessing.reduction import ForkingPickler

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Reader", "Writer"]


class _End:
    """What both ends have of a ``Connection``."""

    readable = False
    writable = False

    def __init__(self, queue: Any) -> None:
        self._queue = queue
        self._is_closed = False

    @property
    def closed(self) -> bool:
        """Whether this end is closed, or the whole queue."""
        return self._is_closed or self._queue._closed

    def close(self) -> None:
        """Closes this end; the queue itself stays as it is."""
        self._is_closed = True

    def _check_open(self) -> None:
        if self.closed:
            raise OSError("handle is closed")

    def __enter__(self) -> Any:
        return self

    def __exit__(self, kind: Any, value: Any, traceback: Any) -> None:
        self.close()


class Reader(_End):
    """The end that objects come out of."""

    readable = True

    def fileno(self) -> int:
        """A descriptor that is readable while something is inside. It is only for waiting."""
        self._check_open()
        return self._queue._readable()  # type: ignore[no-any-return]

    def poll(self, timeout: float | None = 0.0) -> bool:
        """Whether something is inside; waits for it at most ``timeout`` seconds, ``None`` for no end."""
        self._check_open()
        return self._queue._wait_filled(timeout)  # type: ignore[no-any-return]

    def recv(self) -> Any:
        """Takes an object out; waits for one."""
        self._check_open()
        return self._queue._take()

    def recv_bytes(self, maxlength: int | None = None) -> bytes:
        """Takes an object out; waits for one; gives its pickle."""
        message = bytes(ForkingPickler.dumps(self.recv()))
        if maxlength is not None and len(message) > maxlength:
            raise OSError("bad message length")
        return message


class Writer(_End):
    """The end that objects go into."""

    writable = True

    def fileno(self) -> int:
        """There is none: a queue is no pipe, and is written without one."""
        raise OSError("the writing end of a queue of ropewalk's has no descriptor: it is not a pipe")

    def send(self, obj: Any) -> None:
        """Puts an object in; waits for room."""
        self._check_open()
        self._queue._give(obj)

    def send_bytes(self, buf: Any, offset: int = 0, size: int | None = None) -> None:
        """Puts the object in whose pickle this is; waits for room."""
        end = None if size is None else offset + size
        self.send(ForkingPickler.loads(memoryview(buf)[offset:end]))
