"""The table, and what stands under it."""

from __future__ import annotations

from dataclasses import asdict

from .probe import Place
from .suites import Python
from .verdict import Failure, Verdict

COLUMNS = ["suite", "stock", "ropewalk", "%", "bar", "listed", "unsteady", "new", "flaky", "seconds", ""]


def row(verdict: Verdict, strict: bool) -> list[str]:
    """The cells of one suite."""
    if verdict.absent:
        return [verdict.suite.name, "-", "-", "-", verdict.bar, *["-"] * 5, "not shipped"]
    if verdict.problem:
        return [verdict.suite.name, "-", "-", "-", verdict.bar, *["-"] * 5, "CANNOT RUN"]
    numbers = [str(verdict.number(status)) for status in ("listed", "unsteady", "new", "flaky")]
    seconds = f"{verdict.ours.seconds:.0f}" if verdict.ours else "-"
    return [
        verdict.suite.name,
        str(verdict.counted),
        str(verdict.passed),
        f"{verdict.percent:.2f}",
        verdict.bar,
        *numbers,
        seconds,
        "ok" if verdict.ok(strict) else "FAILED",
    ]


def table(verdicts: list[Verdict], strict: bool) -> str:
    """All rows, columns aligned."""
    rows = [COLUMNS, *(row(verdict, strict) for verdict in verdicts)]
    widths = [max(len(cells[column]) for cells in rows) for column in range(len(COLUMNS))]
    lines = []
    for cells in rows:
        first, *rest = (
            cell.ljust(width) if column in (0, len(COLUMNS) - 1) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        lines.append("  ".join([first, *rest]).rstrip())
    return "\n".join(lines)


def heading(python: Python, engine: str, version: str, place: Place | None) -> str:
    """Which Python, which engine, and how much of it was in place."""
    lines = [f"CPython's own suites on {python.label} ({python.executable})"]
    if engine == "stock":
        lines.append("self-check: stock against stock")
    elif place is None:
        lines.append(f"in place of ropewalk: {engine}")
    else:
        lines.append(f"ropewalk {version}: {', '.join(place.ours)}")
        if place.theirs:
            lines.append(f"still the standard library's own: {', '.join(place.theirs)}")
        if not place.inherited:
            lines.append("NOT in place at interpreter start: child interpreters of the tests ran on stock")
    return "\n".join(lines)


def failure_lines(failure: Failure, verbose: bool) -> list[str]:
    """One failure: its name, what became of it, and the end (or all) of its story."""
    story = failure.outcome.detail.splitlines()
    head = f"  {failure.status:8} {failure.outcome.kind:7} {failure.case}"
    lines = [head]
    if failure.reason:
        lines.append(f"           {failure.reason}")
    if failure.again:
        lines.append(f"           run again by itself: {', '.join(failure.again)}")
    if verbose:
        lines += [f"           | {line}" for line in story]
    elif failure.status != "listed":
        lines += [f"           | {line}" for line in story[-5:]]
    return lines


def details(verdicts: list[Verdict], verbose: bool) -> str:
    """Everything about the cases that the table only counts."""
    lines: list[str] = []
    for verdict in verdicts:
        part: list[str] = []
        if verdict.absent:
            part.append(f"  {verdict.absent}")
        if verdict.lender:
            part.append(f"  tests borrowed from {verdict.lender}")
        part += [f"  {line}" for line in verdict.problem.splitlines()]
        for failure in verdict.failures:
            part += failure_lines(failure, verbose)
        part += [
            f"  no longer fails, remove it from expected_failures.toml: {case}" for case in verdict.stale
        ]
        if verdict.ours and verdict.stock:
            known = {fixture.splitlines()[0] for fixture in verdict.stock.fixtures}
            for fixture in verdict.ours.fixtures:
                if fixture.splitlines()[0] not in known:
                    part += [f"  fixture  {line}" for line in fixture.splitlines()]
            unpassed = [case for case, outcome in verdict.stock.cases.items() if not outcome.passed]
            broken = [case for case in unpassed if verdict.stock.cases[case].kind != "skip"]
            if unpassed:
                part.append(
                    f"  not counted: {len(unpassed) - len(broken)} skipped on stock, {len(broken)} not passed"
                )
            part += [f"           {verdict.stock.cases[case].kind:7} {case}" for case in broken]
            for case in unpassed:
                theirs = verdict.stock.cases[case]
                ours = verdict.ours.cases.get(case, theirs)
                if theirs.kind != ours.kind:
                    part.append(f"  note: {theirs.kind} on stock, {ours.kind} on ropewalk: {case}")
        part += [
            f"  note: leaves threads or processes behind, on stock it does not: {case}"
            for case in verdict.altered
        ]
        if part:
            lines += ["", verdict.suite.name, *part]
    return "\n".join(lines)


def to_json(python: Python, verdicts: list[Verdict], strict: bool) -> dict[str, object]:
    """All that was found, for a machine."""
    return {
        "python": python.label,
        "build": python.build,
        "suites": [
            {
                "suite": verdict.suite.name,
                "bar": verdict.suite.bar,
                "ok": verdict.ok(strict),
                "counted": verdict.counted,
                "passed": verdict.passed,
                "percent": round(verdict.percent, 2),
                "bar_met": verdict.bar_met,
                "absent": verdict.absent,
                "problem": verdict.problem,
                "lender": verdict.lender,
                "stale": verdict.stale,
                "altered": verdict.altered,
                "failures": [asdict(failure) for failure in verdict.failures],
                "engine": verdict.ours.engine if verdict.ours else {},
            }
            for verdict in verdicts
        ],
    }
