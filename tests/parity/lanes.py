"""One suite on one engine, through as many workers at once as it has lanes.

A class is never torn apart: its cases may share what its fixtures make. Each worker goes through some classes, the
longest first; a lane that is through takes the next share. What must stay true: every case has one outcome, as if one
worker had been through them all.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from .suites import Python, Suite
from .watch import Limits, Outcome, Outcomes, SuiteError, Watch

SHARES = 3
"""Shares of the cases for each lane: few, because each costs the import of the suite; enough to end together."""
EXIT = "exit"
"""The name of the interpreter's exit as a case, where each module has its own."""
LOAD = "load"
"""The name of what went wrong before there were cases."""
GUESS = 0.3
"""Seconds that a case takes if nobody has measured it."""


def shares(cases: list[str], seconds: dict[str, float], count: int) -> list[list[str]]:
    """`cases` in at most `count` shares of whole classes, about as long as each other, the longest first."""
    classes: dict[str, list[str]] = {}
    for case in cases:
        classes.setdefault(case.rpartition(".")[0], []).append(case)

    def length(names: list[str]) -> float:
        return sum(seconds.get(name, GUESS) for name in names)

    parts: list[list[str]] = [[] for _ in range(count)]
    for names in sorted(classes.values(), key=length, reverse=True):
        min(parts, key=length).extend(names)
    return sorted(filter(None, parts), key=length, reverse=True)


def run(
    python: Python, suite: Suite, engine: str, limits: Limits, only: list[str] | None = None, part: str = ""
) -> Outcomes:
    """The outcome of every case (of those in `only`; of those with `part` in their name). Raises SuiteError."""
    began = time.monotonic()
    if suite.apart:
        return one_by_one(python, suite, engine, limits, only, part)
    if (suite.lanes == 1 and not part) or (only is not None and len(only) == 1):
        return Watch(python, suite, engine, limits).run(only)
    if only is None:
        only = [case for case in Watch(python, suite, engine, limits).plan() if part in case]
    if not only:
        return Outcomes()
    work = shares(only, limits.known, suite.lanes * SHARES if suite.lanes > 1 else 1)
    with ThreadPoolExecutor(suite.lanes) as pool:
        found = list(pool.map(lambda share: Watch(python, suite, engine, limits).run(share), work))
    whole = Outcomes(engine=found[0].engine)
    for outcomes in found:
        whole.cases.update(outcomes.cases)
        whole.fixtures += [text for text in outcomes.fixtures if text not in whole.fixtures]
        whole.exit = whole.exit or outcomes.exit
    whole.cases = {name: whole.cases[name] for name in only if name in whole.cases}
    whole.seconds = time.monotonic() - began
    return whole


def one_by_one(
    python: Python, suite: Suite, engine: str, limits: Limits, only: list[str] | None, part: str
) -> Outcomes:
    """Each module in workers of its own; its cases by names that no other module has, its exit among them."""
    began = time.monotonic()
    whole = Outcomes()
    for entry in suite.modules:
        module = entry.removeprefix("-m ").rpartition("/")[2].removesuffix(".py")

        def full(case: str, module: str = module) -> str:
            return case if case.startswith(f"{module}.") else f"{module}:{case}"

        def bare(case: str, module: str = module) -> str:
            return case.removeprefix(f"{module}:")

        known = {bare(case): seconds for case, seconds in limits.known.items() if full(bare(case)) == case}
        watch = Watch(python, replace(suite, modules=(entry,)), engine, replace(limits, known=known))
        try:
            if only is None and part:
                chosen = [case for case in [*watch.plan(), EXIT] if part in full(case)]
                watch = Watch(python, watch.suite, engine, watch.limits)
            elif only is not None:
                chosen = [bare(case) for case in only if full(bare(case)) == case]
            else:
                chosen = [EXIT]
            if not chosen:
                continue
            # The exit is that behind all cases, if nothing else is asked for.
            found = watch.run(None if chosen == [EXIT] else chosen)
        except SuiteError as error:
            # One module that cannot be loaded is one case that failed.
            found, chosen = Outcomes({LOAD: Outcome("error", detail=str(error))}), []
            if part not in full(LOAD):
                continue
        whole.engine = whole.engine or found.engine
        whole.cases.update({full(case): outcome for case, outcome in found.cases.items()})
        whole.fixtures += found.fixtures
        if found.exit or EXIT in chosen:
            ended = Outcome("error", detail=found.exit) if found.exit else Outcome("pass")
            whole.cases[full(EXIT)] = ended
    whole.seconds = time.monotonic() - began
    return whole
