#!/usr/bin/env python3
"""Ropewalk beside the standard library: every case of `benches/cases`, interleaved in one run, in one table.

    python benches/compare.py [--quick] [--only CASE ...] [--rounds N] [--json FILE] [--markdown FILE]

The ratio is the standard library's time over ropewalk's, so more is better; what is timed is what install()
puts in place. Figures with a unit of their own (milliseconds, bytes) are held against a bar in that unit. A
bar is held or it is not; what ropewalk does not have yet is said to be not there yet. `--noise` compares the
standard library with itself: how far from 1.00 its ratios stray is how much chance there is in the others.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

from rig import machine, table
from rig.case import FLOOR, Case, Figure, NotThere
from rig.children import Setting
from rig.table import ABSENT, BELOW, BROKEN, HELD, Row
from rig.timing import load, time_case

CASES = Path(__file__).resolve().parent / "cases"


def declared(only: list[str]) -> Iterator[tuple[Path, Case | Figure]]:
    """What the files of cases declare: all, or the topics and parts of names in `only`."""
    wanted = [word.casefold() for word in only]
    for path in sorted(CASES.glob("*.py")):
        for item in load(path)[1]:
            if not wanted or any(matches(word, path.stem, item.name.casefold()) for word in wanted):
                yield path, item


def matches(word: str, topic: str, name: str) -> bool:
    """Whether `word` is the topic, or is no topic and a part of the name."""
    return word == topic or (word in name and not (CASES / f"{word}.py").exists())


def run_case(path: Path, case: Case, options: argparse.Namespace) -> Row:
    """Times a case and holds it against its bar."""
    pair = "noise" if options.noise else case.sides
    limit = FLOOR if options.noise else case.limit()
    row = Row(path.stem, case.name, BROKEN, bar=f">= {limit:.3g}", unit="ns")
    timing = time_case(case, path, pair, limit, options.rounds, 0.25 if options.quick else 1.0)
    row.stock, row.ours = timing.medians
    row.ratio, (row.low, row.high) = timing.ratio, timing.spread
    row.verdict = HELD if timing.ratio >= limit else BELOW
    if case.sides == "doctor" and not options.noise:
        row.note = "left: doctor off, right: on"
    return row


def run_figure(path: Path, figure: Figure, options: argparse.Namespace) -> Row:
    """Lets a figure measure itself and holds it against its bar."""
    bar = f">= {figure.at_least:g}" if figure.at_least is not None else f"<= {figure.at_most:g}"
    row = Row(path.stem, figure.name, BROKEN, bar=bar)
    sides = ("stdlib", "stdlib") if options.noise else ("stdlib", "ropewalk")
    reading = figure.measure(Setting(options.rounds, options.quick, sides))
    row.unit, row.stock, row.ours, row.note = reading.unit, reading.stock, reading.ours, reading.note
    if figure.at_least is not None:
        row.ratio = reading.held_against
        held = reading.held_against >= figure.at_least
    else:
        assert figure.at_most is not None
        row.bar = f"{bar} {reading.unit}" if reading.unit != "ns" else f"{bar}x"
        held = reading.held_against <= figure.at_most
        if reading.unit == "ns":
            row.ratio = 1 / reading.held_against
    row.verdict = HELD if held else BELOW
    return row


def run(path: Path, item: Case | Figure, options: argparse.Namespace) -> Row:
    """One row, whatever happens."""
    try:
        return run_case(path, item, options) if isinstance(item, Case) else run_figure(path, item, options)
    except NotThere as error:
        return Row(path.stem, item.name, ABSENT, note=str(error))
    except Exception as error:
        if options.traceback:
            traceback.print_exc()
        return Row(path.stem, item.name, BROKEN, note=f"{type(error).__name__}: {error}")


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--quick", action="store_true", help="shorter turns, fewer rounds: a look, not a result"
    )
    parser.add_argument(
        "--only", nargs="+", default=[], metavar="CASE", help="a topic, or a part of a case's name"
    )
    parser.add_argument("--rounds", type=int, help="rounds for each case (default 15; 5 when quick)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything there too")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table there too")
    parser.add_argument("--noise", action="store_true", help="compare the standard library with itself")
    parser.add_argument("--traceback", action="store_true", help="show where a broken case broke")
    parser.add_argument("--strict", action="store_true", help="exit code 1 unless every bar is held")
    return parser


def main() -> int:
    """Runs the cases and prints the table as it grows."""
    options = arguments().parse_args()
    options.rounds = options.rounds or (5 if options.quick else 15)
    started = time.monotonic()
    about = machine.describe()
    print(
        f"{about['python']} ({about['built']}), Linux {about['kernel']}, {about['cpu']}, load {about['load']}"
    )
    print(f"commit {about['commit']}, ropewalk {about['ropewalk']}, {options.rounds} rounds")
    print(f"from one processor to another and back: {about['apart']}")
    print(
        f"times are per operation; ratio = stdlib / ropewalk, median of rounds\n\n{table.head()}", flush=True
    )
    rows: list[Row] = []
    for path, item in declared(options.only):
        row = run(path, item, options)
        rows.append(row)
        print(table.line(row), flush=True)
    after = machine.describe()
    print(f"\n{table.summary(rows)}\n{time.monotonic() - started:.0f} s", end="")
    print(f", at the end load {after['load']}, from one processor to another and back {after['apart']}")
    if options.json:
        table.write_json(options.json, about, rows)
    if options.markdown:
        table.write_markdown(options.markdown, about, rows)
    return 1 if options.strict and any(row.verdict != HELD for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
