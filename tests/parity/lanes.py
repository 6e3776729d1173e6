"""One suite on one engine, through as many workers at once as it has lanes.

A class is never torn apart: its cases may share what its fixtures make. Each worker goes through some classes, the
longest first; a lane that is through takes the next share. What must stay true: every case has one outcome, as if one
worker had been through them all.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from .suites import Python, Suite
from .watch import Limits, Outcomes, Watch

SHARES = 3
"""Shares of the cases for each lane: few, because each costs the import of the suite; enough to end together."""
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
