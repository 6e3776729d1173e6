"""The table: a row for each pool, a column for each misfortune, in a cell what was seen, and how often."""

from __future__ import annotations

import importlib.metadata
from collections import Counter
from collections.abc import Mapping

from rig import machine

Seen = Mapping[str, Counter[str]]

COLUMNS = {
    "killed: its task": ("guilty",),
    "killed: the other 3": ("others",),
    "pool afterwards": ("after",),
    "idle worker killed": ("idle 2 workers", "idle 1 worker"),
    "exception that cannot be loaded": ("bad",),
    "lambda": ("anonymous",),
    "pool in a task": ("nested",),
    "left when the parent is killed": ("orphans",),
    "Ctrl-C": ("interrupt",),
}
"""Heads, and what of the scenes goes beneath them."""

PASSES = {"ok", "none"}


def passes(column: str, word: str) -> bool:
    """Is this the end that one wants? A killed worker's task has to fail, and to say why."""
    return word.endswith("reason given") if column == "guilty" else word in PASSES


def words(seen: Seen) -> list[tuple[str, bool]]:
    """The cells of a row, each with whether every run of it went well. Empty: was not run."""
    row = []
    for keys in COLUMNS.values():
        parts, good = [], True
        for key in keys:
            counts = seen.get(key, Counter())
            good = good and all(passes(key, word) for word in counts)
            text = ", ".join(
                word if len(counts) == 1 else f"{word} ({count})" for word, count in counts.most_common()
            )
            if len(keys) > 1 and text:
                text = f"{key.partition(' ')[2]}: {text}"
            parts.append(text)
        row.append(
            (parts[0] if len(set(map(_tail, parts))) == 1 and good else "; ".join(filter(None, parts)), good)
        )
    return [(_tail(text) if good else text, good) for text, good in row]


def _tail(text: str) -> str:
    return text.rpartition(": ")[2] if "worker" in text.partition(": ")[0] else text


def version(pool: str) -> str:
    """The version of what a row is about; empty for the standard library."""
    name = pool.split()[0]
    try:
        return f" {importlib.metadata.version(name)}"
    except importlib.metadata.PackageNotFoundError:
        return ""


def markdown(seen: Mapping[str, Seen], times: int, patience: float) -> str:
    """The whole table, with where it comes from."""
    about = machine.describe()
    lines = [
        f"{about['python']}; {about['cpu']}; load {about['load']}; commit {about['commit']}; "
        f"{times} times a cell; no answer in {patience:.0f} s is a hang",
        "",
        "| pool | " + " | ".join(COLUMNS) + " | passed |",
        "|---" * (len(COLUMNS) + 2) + "|",
    ]
    for pool, row in seen.items():
        if row.get("absent"):
            lines.append(f"| {pool} | " + " | ".join([""] * len(COLUMNS)) + " | not installed |")
            continue
        cells = words(row)
        shown = [f"**{text}**" if good and text else text for text, good in cells]
        count = sum(good and bool(text) for text, good in cells)
        lines.append(f"| {pool}{version(pool)} | " + " | ".join(shown) + f" | {count} of {len(COLUMNS)} |")
    return "\n".join(lines) + "\n"
