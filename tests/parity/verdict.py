"""What stock passes and ropewalk does not, and what that means for the bar.

A case counts if it passes on stock. One that ropewalk does not pass (a skip is no pass) is

    listed      in expected_failures.toml, with a reason
    flaky       fails on stock too, when run again by itself or as measured and listed: it is taken out of the
                count, and named
    unsteady    passes on ropewalk each time it is run again by itself: counts as failed, fails no run alone
    new         none of these: the run fails
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from .expected import Expected, short
from .suites import Suite
from .watch import Outcome, Outcomes

EXIT = "(exit)"
"""The name by which the interpreter's exit behind a suite is listed."""
RETRIES = 2


@dataclass
class Failure:
    """A case that stock passes and ropewalk does not."""

    case: str
    outcome: Outcome
    status: str
    reason: str = ""
    again: list[str] = field(default_factory=list)
    """Where it was run again, and how that ended: "ropewalk pass", "stock fail"."""


@dataclass
class Verdict:
    """One row of the table."""

    suite: Suite
    stock: Outcomes | None = None
    ours: Outcomes | None = None
    problem: str = ""
    """Why the suite could not be run, on stock or on ropewalk."""
    absent: str = ""
    """Why there is no such suite here: then nothing is measured, and nothing failed."""
    lender: str = ""
    """The library the tests were borrowed from."""
    cached: bool = False
    counted: int = 0
    failures: list[Failure] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)
    """Entries of expected_failures.toml that name a case which does not fail."""
    altered: list[str] = field(default_factory=list)
    """Cases that leave threads or processes behind here and not on stock."""

    def number(self, *statuses: str) -> int:
        return sum(failure.status in statuses for failure in self.failures)

    @property
    def failed(self) -> int:
        return self.number("new", "listed", "unsteady")

    @property
    def passed(self) -> int:
        return self.counted - self.failed

    @property
    def percent(self) -> float:
        return 100.0 * self.passed / self.counted if self.counted else 0.0

    @property
    def bar(self) -> str:
        return f">= {self.suite.bar} %" if self.suite.bar < 100 else "100 %"

    @property
    def bar_met(self) -> bool:
        share = 100 - self.suite.bar
        allowed = max(1, self.counted * share // 100) if share else 0
        return self.counted > 0 and self.failed <= allowed

    def ok(self, strict: bool) -> bool:
        """May the run succeed?"""
        if self.absent:
            return True
        if self.problem or self.number("new") or not self.bar_met:
            return False
        return not (strict and (self.stale or self.number("unsteady")))


def judge(
    verdict: Verdict,
    expected: dict[tuple[str, str], Expected],
    again: Callable[[str, str], Outcome],
    selected: Callable[[str], bool],
    retries: int = RETRIES,
) -> None:
    """Fill in `verdict` from its outcomes.

    again: runs one case by itself, on "stock" or on "ropewalk".
    selected: is a case part of this run? Entries for the others are not judged.
    retries: how often it is run again, before it is called new.
    """
    stock, ours = verdict.stock, verdict.ours
    assert stock is not None and ours is not None
    name = verdict.suite.name
    counted = [case for case, outcome in stock.cases.items() if outcome.passed]
    verdict.counted = len(counted)
    failed = set()
    for case in counted:
        outcome = ours.cases.get(case, Outcome("absent", detail="ropewalk's run has no case of this name"))
        if outcome.passed:
            if outcome.altered and not stock.cases[case].altered:
                verdict.altered.append(case)
            continue
        failed.add(short(case))
        entry = expected.get((name, short(case)))
        if entry is not None:
            status = "flaky" if entry.stock_races else "listed"
            verdict.failures.append(Failure(case, outcome, status, entry.reason))
        else:
            verdict.failures.append(retried(case, outcome, again, retries))
    verdict.counted -= verdict.number("flaky")
    if ours.exit and not stock.exit:
        failed.add(EXIT)
        entry = expected.get((name, EXIT))
        outcome = Outcome("exit", detail=ours.exit)
        verdict.counted += 1
        verdict.failures.append(
            Failure(EXIT, outcome, "listed" if entry else "new", entry.reason if entry else "")
        )
    for (suite, case), entry in expected.items():
        if suite == name and selected(case) and case not in failed and not entry.stock_races:
            verdict.stale.append(case)


def retried(
    case: str, outcome: Outcome, again: Callable[[str, str], Outcome], retries: int = RETRIES
) -> Failure:
    """A failure that is not listed, after running the case again on both sides."""
    runs: list[str] = []
    steady = retries > 0
    for _ in range(retries):
        ours = again(case, "ropewalk")
        stock = again(case, "stock")
        runs += [f"ropewalk {ours.kind}", f"stock {stock.kind}"]
        steady = steady and ours.passed
        if not stock.passed:
            return Failure(case, outcome, "flaky", again=runs)
        if not ours.passed:
            outcome = ours if ours.detail else outcome
    return Failure(case, outcome, "unsteady" if steady else "new", again=runs)
