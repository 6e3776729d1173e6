"""One table: case, both times, ratio, bar, held or not."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

HELD, BELOW, ABSENT, BROKEN = "held", "BELOW", "not there yet", "BROKEN"


@dataclass
class Row:
    """A line of the table. Times are in `unit`; `ratio` is standard library over ropewalk."""

    topic: str
    name: str
    verdict: str
    bar: str = ""
    unit: str = ""
    stock: float | None = None
    ours: float | None = None
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    note: str = ""

    def cells(self) -> list[str]:
        """What the table shows."""
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        spread = "" if self.low is None or self.high is None else f"{self.low:.2f}-{self.high:.2f}"
        times = [amount(self.stock, self.unit), amount(self.ours, self.unit)]
        return [self.name, *times, ratio, spread, self.bar, self.verdict]


HEADS = ["case", "stdlib", "ropewalk", "ratio", "quartiles", "bar", "verdict"]
_WIDTHS = [46, 10, 10, 7, 13, 9, 13]


def amount(value: float | None, unit: str) -> str:
    """A figure with three digits, times in the unit that suits them."""
    if value is None:
        return ""
    if unit == "ns":
        if value >= 1e6:
            return f"{value / 1e6:.3g} ms"
        return f"{value / 1e3:.3g} us" if value >= 1e3 else f"{value:.1f} ns"
    return f"{value:.3g} {unit}" if value < 1000 else f"{value:.0f} {unit}"


def line(row: Row) -> str:
    """A row as text."""
    cells = row.cells()
    parts = [cells[0].ljust(_WIDTHS[0])]
    parts += [cell.rjust(width) for cell, width in zip(cells[1:6], _WIDTHS[1:6], strict=True)]
    text = "  ".join([*parts, cells[6]])
    return f"{text}  ({row.note})" if row.note else text


def head() -> str:
    """The head of the text table."""
    parts = [HEADS[0].ljust(_WIDTHS[0])]
    parts += [name.rjust(width) for name, width in zip(HEADS[1:6], _WIDTHS[1:6], strict=True)]
    text = "  ".join([*parts, HEADS[6]])
    return text + "\n" + "-" * len(text)


def summary(rows: list[Row]) -> str:
    """How many bars are held, and which are not."""
    lines = [f"{sum(row.verdict == HELD for row in rows)} of {len(rows)} held"]
    for verdict in (BELOW, BROKEN, ABSENT):
        names = [row.name for row in rows if row.verdict == verdict]
        if names:
            lines.append(f"{verdict} ({len(names)}): " + "; ".join(names))
    return "\n".join(lines)


def write_json(path: Path, machine: dict[str, str], rows: list[Row]) -> None:
    """Everything, for another program."""
    document: dict[str, Any] = {"machine": machine, "rows": [asdict(row) for row in rows]}
    path.write_text(json.dumps(document, indent=1) + "\n")


def write_markdown(path: Path, machine: dict[str, str], rows: list[Row]) -> None:
    """The table for a document."""
    lines = [f"{machine['python']}; {machine['cpu']}; load {machine['load']}; commit {machine['commit']}", ""]
    lines += ["| " + " | ".join(HEADS) + " |", "|" + "---|" * len(HEADS)]
    lines += ["| " + " | ".join(row.cells()) + " |" for row in rows]
    path.write_text("\n".join(lines) + "\n")
