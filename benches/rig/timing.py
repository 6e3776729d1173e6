"""Two sides of a case, timed round by round in one process.

Each round times both sides, one after the other; which comes first changes from round to round, so that a
slow stretch of the machine falls on both. The ratio is taken within a round, and the median of those is
reported. A side's turn is as many runs of the same `n` as fill the same time. Each side has two copies of the
case, one built before the other side's and one after, each with code of its own, because the interpreter
specialises code by the types it has seen. Nothing is subtracted: the loop around the operation is the same on
both sides, and counted.

The clock of a case with one thread is the time that this thread had a processor, so that what else runs on the machine
does not count; a case with several threads or processes has the wall clock.

Where the bar lies between the quartiles of what was seen, chance would decide; so more rounds are taken, on
whichever side of the bar the median is, up to four times as many.
"""

from __future__ import annotations

import gc
import importlib.util
import inspect
import os
import statistics
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import count
from pathlib import Path
from time import perf_counter_ns, thread_time_ns
from types import ModuleType
from typing import Any

from rig.case import Case, take_declared
from rig.sides import MODULES, PAIRS

Run = Callable[[int], Any]
"""A case, built: runs its operation that many times."""

MOST = 4
"""How many times the rounds are taken where the outcome is not clear."""


class Timing:
    """Nanoseconds per operation on the two sides, round by round."""

    def __init__(self, first: list[float], second: list[float]) -> None:
        self.times = (first, second)

    @property
    def medians(self) -> tuple[float, float]:
        """The median time of each side."""
        return statistics.median(self.times[0]), statistics.median(self.times[1])

    @property
    def ratios(self) -> list[float]:
        """First side over second, round by round."""
        return [first / second for first, second in zip(*self.times, strict=True)]

    @property
    def ratio(self) -> float:
        """The median ratio."""
        return statistics.median(self.ratios)

    @property
    def spread(self) -> tuple[float, float]:
        """The quartiles of the ratio."""
        ratios = self.ratios
        if len(ratios) < 2:
            return ratios[0], ratios[0]
        low, _, high = statistics.quantiles(ratios, n=4, method="inclusive")
        return low, high


_copies = count()


def load(path: Path) -> tuple[ModuleType, list[Any]]:
    """Runs the file of cases anew, and returns it with what it declares.

    Each copy is a module with a name of its own, which forked workers find too: a task goes to them by name.
    """
    name = f"cases_{path.stem}_{next(_copies)}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module, list(take_declared())


@contextmanager
def kept_to(cpus: set[int]) -> Iterator[None]:
    """Keeps this thread, and those it starts, on `cpus`."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def time_case(case: Case, path: Path, pair: str, limit: float, rounds: int, chunk: float) -> Timing:
    """Times `case`, declared in the file `path`, on both sides of `pair`.

    `limit` is the bar, `chunk` multiplies the length of a turn. Raises NotThere if a side lacks what the case
    needs.
    """
    sides = PAIRS[pair]
    cpus = os.sched_getaffinity(0)
    clock = perf_counter_ns if case.threads else thread_time_ns
    with ExitStack() as stack:
        stack.callback(PAIRS["noise"][0].enter)
        stack.enter_context(kept_to(cpus if case.threads and not case.together else {max(cpus)}))
        runs: tuple[list[Run], list[Run]] = ([], [])
        for which in (0, 1, 1, 0):
            sides[which].enter()
            sides[which].require(case.of)
            runs[which].append(_build(stack, _own_copy(case, path)))
        stack.enter_context(_no_collector())
        sides[0].enter()
        n, taken = _enough(runs[0][0], clock, case.chunk * chunk, case.batch)
        repeats = (1, _repeats(sides[1], runs[1][0], clock, n, taken))
        timing = Timing([], [])
        for _ in range(MOST):
            for turn in range(rounds * case.rounds):
                copy = turn // 2 % 2
                for which in (0, 1) if turn % 2 == 0 else (1, 0):
                    sides[which].enter()
                    gc.collect()
                    timing.times[which].append(_turn(runs[which][copy], clock, n, repeats[which]))
            low, high = timing.spread
            if not low <= limit <= high:
                break
    return timing


def _turn(run: Run, clock: Callable[[], int], n: int, repeats: int) -> float:
    """Nanoseconds per operation."""
    start = clock()
    for _ in range(repeats):
        run(n)
    return (clock() - start) / (n * repeats)


def _repeats(side: Any, run: Run, clock: Callable[[], int], n: int, seconds: float) -> int:
    """How many runs of this side take as long as one of the other."""
    side.enter()
    _turn(run, clock, n, 1)
    return max(1, min(50, round(seconds * 1e9 / (_turn(run, clock, n, 1) * n))))


def _own_copy(case: Case, path: Path) -> Case:
    _, declared = load(path)
    return next(other for other in declared if other.name == case.name)


def _build(stack: ExitStack, case: Case) -> Run:
    if inspect.isgeneratorfunction(case.build):
        run: Run = stack.enter_context(contextmanager(case.build)(MODULES))
    else:
        run = case.build(MODULES)
    return run


@contextmanager
def _no_collector() -> Iterator[None]:
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        with suppress(Exception):
            if was:
                gc.enable()


def _enough(run: Run, clock: Callable[[], int], seconds: float, batch: int) -> tuple[int, float]:
    """How many operations fill `seconds`, in whole batches, and how long they take."""
    batches = 1
    while True:
        start = clock()
        run(batches * batch)
        taken = (clock() - start) / 1e9
        if taken >= seconds / 4:
            fit = max(1, round(batches * seconds / taken))
            return fit * batch, taken * fit / batches
        batches *= 4
