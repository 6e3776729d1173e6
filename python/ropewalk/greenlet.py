"""greenlet, on stacks of its own: many computations in one thread, each of which stops where it switches to another.

The names are those of the package ``greenlet`` and mean the same; :func:`ropewalk.install` puts them in its place, so
that gevent, SQLAlchemy and whatever else imports ``greenlet`` uses them.  Nothing is copied at a switch, so it takes as
long for a greenlet that is a thousand calls deep as for any other.  What it has more are :func:`stack_size` and
:func:`on_thread_stack`.
"""

from __future__ import annotations

from ropewalk._ropewalk import GreenletError as error
from ropewalk._ropewalk import (
    GreenletExit,
    getcurrent,
    gettrace,
    greenlet,
    on_thread_stack,
    settrace,
    stack_size,
)

__all__ = [
    "GreenletExit",
    "error",
    "getcurrent",
    "gettrace",
    "greenlet",
    "on_thread_stack",
    "settrace",
    "stack_size",
]
