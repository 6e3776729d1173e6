"""Pipes, listeners and clients: the format on the wire is the original's, so the other end may be anybody's.

A connection keeps nothing of what it reads: ``select`` on its ``fileno()``, a process that was forked and a reader that
is not ours see what is really there. What it saves is the original's work in Python around each system call.

A subclass that overrides one of the steps (``_send_bytes``, ``_recv_bytes`` ...) runs the original's algorithm.
"""

from __future__ import annotations

import copyreg
import functools
import multiprocessing.connection as _original
import pickle
from io import BytesIO
from multiprocessing import reduction

from ropewalk import _ropewalk
from ropewalk.original import OneOfBoth, rebound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_theirs: Any = _original  # much of it is in no stub

__all__ = list(_theirs.__all__)


def __getattr__(name: str) -> Any:
    """Everything else is the original's."""
    return getattr(_original, name)


_transmit = _ropewalk.Connection.send_bytes
_receive = _ropewalk.Connection.recv_bytes


class Connection(_ropewalk.Connection, _theirs.Connection, metaclass=OneOfBoth):  # type: ignore[misc]
    __doc__ = _theirs.Connection.__doc__
    __module__ = "multiprocessing.connection"
    __ropewalk__ = True
    __original__: type = _theirs.Connection
    __hooks__ = frozenset(
        {
            "_bad_message_length",
            "_check_closed",
            "_check_readable",
            "_check_writable",
            "_close",
            "_poll",
            "_read",
            "_recv",
            "_recv_bytes",
            "_send",
            "_send_bytes",
            "_write",
        }
    )

    # Objects are pickled in Python frames: reducers may be anybody's.

    def send(self, obj: Any) -> None:
        """Send a (picklable) object"""
        self._check_sending()
        _transmit(self, _dumps(obj))

    def recv(self) -> Any:
        """Receive a (picklable) object"""
        return _theirs._ForkingPickler.loads(_receive(self))

    def __exit__(self, exc_type: Any, exc_value: Any, exc_tb: Any) -> None:
        self.close()


reduction.register(Connection, _theirs.reduce_connection)

#: What no reducer can be registered for with effect.
_PLAIN = frozenset({bool, bytes, float, int, str, type(None)})
_PICKLER: Any = reduction.ForkingPickler
_DUMPS = vars(_PICKLER)["dumps"]
#: Beyond so many bytes a pickler is not kept.
_KEPT = 1 << 20

_idle: list[tuple[pickle.Pickler, BytesIO]] = []


def _dumps(obj: Any) -> Any:
    """What ``ForkingPickler.dumps`` gives, without a new pickler for each object."""
    used = _theirs._ForkingPickler
    if used is not _PICKLER or vars(_PICKLER)["dumps"] is not _DUMPS:
        return used.dumps(obj)  # the program's own
    if type(obj) in _PLAIN:
        return pickle.dumps(obj)
    try:
        pickler, file = _idle.pop()
    except IndexError:
        file = BytesIO()
        pickler = pickle.Pickler(file)
    pickler.dispatch_table = {**copyreg.dispatch_table, **_PICKLER._extra_reducers}
    pickler.dump(obj)
    message = file.getvalue()
    if len(message) <= _KEPT:
        file.seek(0)
        file.truncate()
        pickler.clear_memo()
        _idle.append((pickler, file))
    return message


_pipe = rebound(_theirs.Pipe, Connection=Connection)


@functools.wraps(_theirs.Pipe)
def Pipe(duplex: bool = True) -> tuple[Connection, Connection]:
    ends: tuple[Connection, Connection] = _pipe(duplex)
    _ropewalk.pair_up(*ends)
    return ends


_client = rebound(_theirs.SocketClient, Connection=Connection)
Client = rebound(_theirs.Client, SocketClient=_client)


class _SocketListener(_theirs.SocketListener):  # type: ignore[misc]
    accept = rebound(_theirs.SocketListener.accept, Connection=Connection)


class Listener(_theirs.Listener):  # type: ignore[misc]
    __doc__ = _theirs.Listener.__doc__
    __module__ = "multiprocessing.connection"
    __init__ = rebound(_theirs.Listener.__init__, SocketListener=_SocketListener)


PATCHES = {"multiprocessing.connection": {"Connection": Connection, "Pipe": Pipe}}
