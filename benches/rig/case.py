"""How a case is declared.

A *case* is a function that is given a side's modules and returns (or, where something must be put away
afterwards, yields) a callable that runs the operation `n` times:

    @case("Event.wait, set", bar=8, of=("threading.Event",))
    def event_wait(modules):
        event = modules.threading.Event()
        event.set()

        def run(n):
            for _ in repeat(None, n):
                event.wait()

        return run

A *figure* is a function that measures by itself, with programs started afresh, and returns a `Reading`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

FLOOR = 0.95
"""No case may be slower than this against the standard library, whatever its own bar."""

Version = tuple[int, int]


class NotThere(Exception):
    """Ropewalk does not have yet what the case measures."""


@dataclass(frozen=True)
class Case:
    """An operation that is timed on two sides in one process.

    `bar` is the least ratio that counts as held; `bars` names other bars for single versions of Python. `of`
    are the dotted names that install() must have replaced, else the case is not there yet. `threads` says that
    it is not all done by one thread: it has the wall clock, and with `together` one processor for all. `sides` is the
    pair compared: `"installed"` is the standard library against ropewalk, `"doctor"` is ropewalk with the
    doctor off and on. `chunk` is how long the first side runs in one round, in seconds; `rounds` multiplies
    how many rounds there are; `n` is always a multiple of `batch`.
    """

    name: str
    build: Callable[[Any], Any]
    topic: str
    bar: float = FLOOR
    bars: dict[Version, float] = field(default_factory=dict)
    of: tuple[str, ...] = ()
    threads: bool = False
    together: bool = False
    sides: str = "installed"
    chunk: float = 0.02
    rounds: int = 1
    batch: int = 1

    def limit(self) -> float:
        """The bar on the Python that runs this."""
        return self.bars.get(sys.version_info[:2], self.bar)


@dataclass(frozen=True)
class Reading:
    """What a figure found: a value for each side in `unit`, and the number its bar is held against."""

    unit: str
    stock: float | None
    ours: float
    held_against: float
    note: str = ""


@dataclass(frozen=True)
class Figure:
    """A measure that needs programs of its own. `at_least` or `at_most` is its bar."""

    name: str
    measure: Callable[[Any], Reading]
    topic: str
    at_least: float | None = None
    at_most: float | None = None


_declared: list[Case | Figure] = []


def case(name: str, **fields: Any) -> Callable[[Callable[[Any], Any]], Callable[[Any], Any]]:
    """Declares the function below it as a `Case`; the keywords are the fields of `Case`."""

    def declare(build: Callable[[Any], Any]) -> Callable[[Any], Any]:
        _declared.append(Case(name, build, topic="", **fields))
        return build

    return declare


def figure(name: str, **fields: Any) -> Callable[[Callable[[Any], Reading]], Callable[[Any], Reading]]:
    """Declares the function below it as a `Figure`; the keywords are the fields of `Figure`."""

    def declare(measure: Callable[[Any], Reading]) -> Callable[[Any], Reading]:
        _declared.append(Figure(name, measure, topic="", **fields))
        return measure

    return declare


def take_declared() -> Iterator[Case | Figure]:
    """Hands over what was declared since the last call."""
    taken = _declared[:]
    _declared.clear()
    yield from taken
