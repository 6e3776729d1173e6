#!/usr/bin/env python3
"""How throughput and memory grow: with the workers, the pending tasks, the payload, the backlog of a queue.

    python benches/growth.py [--quick] [--only CURVE ...] [--markdown FILE]

Each point is a program of its own, on the standard library and on ropewalk, one after the other. A point that takes
longer than the time it is given has no figure.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path

from rig import machine
from rig.children import answer

KIB, MIB = 1 << 10, 1 << 20


@dataclass(frozen=True)
class Point:
    """One line of a table."""

    label: str
    arguments: tuple[int, ...]


@dataclass(frozen=True)
class Curve:
    """A size that grows while the others stay."""

    title: str
    kind: str
    points: tuple[Point, ...]


def _size(count: int) -> str:
    for unit, factor in (("MiB", MIB), ("KiB", KIB)):
        if count >= factor:
            return f"{count // factor} {unit}"
    return f"{count} B"


CURVES = {
    "workers": Curve(
        "Workers: 20,000 small tasks",
        "pool",
        tuple(Point(str(count), (count, 20_000, 8)) for count in (1, 2, 4, 8)),
    ),
    "tasks": Curve(
        "Pending tasks: 2 workers, all submitted before the first result is taken",
        "pool",
        tuple(Point(f"{count:,}", (2, count, 8)) for count in (10**3, 10**4, 10**5, 10**6)),
    ),
    "payload": Curve(
        "Payload, there and back: 2 workers",
        "pool",
        tuple(
            Point(_size(size), (2, max(8, min(5_000, 512 * MIB // size)), size))
            for size in (1, KIB, 16 * KIB, 64 * KIB, MIB, 8 * MIB, 64 * MIB)
        ),
    ),
    "backlog": Curve(
        "Backlog of a queue: items of 100 bytes, all put before the first is taken",
        "queue",
        tuple(Point(f"{count:,}", (count, 100)) for count in (10**3, 10**4, 10**5, 10**6)),
    ),
}

HEAD = "| {0} | stdlib, 1/s | ropewalk, 1/s | ratio | stdlib, peak MiB | ropewalk, peak MiB | shared | workers, MiB |"


def measured(kind: str, point: Point, side: str, limit: float) -> dict[str, float] | None:
    """The figures of one point; None if it took too long or failed."""
    try:
        found: dict[str, float] = json.loads(
            answer("grow.py", side, kind, *map(str, point.arguments), limit=limit)
        )
    except RuntimeError as error:
        print(f"{kind} {point.label}: {error}", file=sys.stderr)
        return None
    return found


def line(kind: str, point: Point, limit: float, seen: dict[str, list[tuple[int, float]]]) -> str:
    """One row of a table. The peaks of memory, by how many there were, go into `seen`."""
    stock, ours = (measured(kind, point, side, limit) for side in ("stdlib", "ropewalk"))
    for side, found in (("stdlib", stock), ("ropewalk", ours)):
        if found:
            seen[side].append((point.arguments[-2], found["peak"]))

    def figure(found: dict[str, float] | None, name: str) -> str:
        return f"{found[name]:,.0f}" if found else "-"

    ratio = f"{ours['per second'] / stock['per second']:.1f}" if stock and ours else "-"
    cells = [
        point.label,
        figure(stock, "per second"),
        figure(ours, "per second"),
        ratio,
        figure(stock, "peak"),
        figure(ours, "peak"),
        figure(ours, "shared"),
        f"{figure(stock, 'workers')} / {figure(ours, 'workers')}",
    ]
    return "| " + " | ".join(cells) + " |"


def each(seen: dict[str, list[tuple[int, float]]]) -> str:
    """What one more takes, from the first point to the last that has a figure."""
    words = []
    for side, points in seen.items():
        if len(points) > 1:
            (few, least), (many, most) = points[0], points[-1]
            words.append(f"{side} {(most - least) * MIB / (many - few):,.0f} bytes (to {many:,})")
    return "Memory of one more: " + ", ".join(words)


def main() -> int:
    """Measures the curves, prints each row as it is there."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="no point beyond 100,000 tasks or 8 MiB: a look")
    parser.add_argument("--only", nargs="+", choices=list(CURVES), default=list(CURVES), metavar="CURVE")
    parser.add_argument(
        "--limit", type=float, default=300, metavar="S", help="seconds for a point (default 300)"
    )
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables there too")
    options = parser.parse_args()
    about = machine.describe()
    lines: list[str] = []

    def say(text: str) -> None:
        lines.append(text)
        print(text, flush=True)

    say(f"{about['python']}; {about['cpu']}; load {about['load']}; commit {about['commit']}")
    for name in options.only:
        curve = CURVES[name]
        say(f"\n## {curve.title}\n")
        say(HEAD.format(name))
        say("|---" * 8 + "|")
        seen: dict[str, list[tuple[int, float]]] = {"stdlib": [], "ropewalk": []}
        for point in curve.points:
            if not options.quick or max(point.arguments) <= max(10**5, 8 * MIB * (name == "payload")):
                say(line(curve.kind, point, options.limit, seen))
        if name in ("tasks", "backlog"):
            say(f"\n{each(seen)}")
    if options.markdown:
        options.markdown.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
