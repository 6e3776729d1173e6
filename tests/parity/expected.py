"""expected_failures.toml: cases that ropewalk fails and stock passes, each with its reason.

[[case]]
suite = "test_threading"              # or several: ["test_threading", "lock_tests"]
case = "ThreadTests.test_name"        # class and method; "(exit)" is the interpreter's exit
python = ">=3.11,<3.13"               # left out: every version
reason = "One sentence."
stock_races = "29 of 300 runs"        # only if stock fails it now and then too: how often, measured
"""

from __future__ import annotations

import importlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("expected_failures.toml")

_COMPARE = {
    ">=": lambda a, b: a >= b,
    "<=": lambda a, b: a <= b,
    "==": lambda a, b: a == b,
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
}


@dataclass(frozen=True)
class Expected:
    """One entry of the file."""

    suite: str
    case: str
    reason: str
    python: str = ""
    stock_races: str = ""
    """How often stock fails it, where that is chance: then a failure does not count, and a pass is no news."""

    def covers(self, version: tuple[int, ...]) -> bool:
        """Is `version` in the range? Each bound compares as many numbers as it names."""
        for bound in filter(None, (part.strip() for part in self.python.split(","))):
            match = re.fullmatch(r"(>=|<=|==|>|<)\s*(\d+(?:\.\d+)*)", bound)
            if match is None:
                raise ValueError(f"not a bound on a version: {bound!r} ({self.suite}: {self.case})")
            wanted = tuple(map(int, match[2].split(".")))
            if not _COMPARE[match[1]](version[: len(wanted)], wanted):
                return False
        return True


def short(case: str) -> str:
    """Class and method of a case id: what stays the same when tests move between modules."""
    return ".".join(case.split(".")[-2:])


def toml() -> Any:
    """A TOML reader: the library's from 3.11 on, before that the one pytest or pip brings."""
    for name in ("tomllib", "tomli", "pip._vendor.tomli"):
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    raise ImportError("no TOML reader: install tomli, or run with Python 3.11 or newer")


def read(version: tuple[int, ...], file: Path = FILE) -> dict[tuple[str, str], Expected]:
    """The entries for this version by suite and case. Raises ValueError if one has no reason."""
    entries: dict[tuple[str, str], Expected] = {}
    for fields in toml().loads(file.read_text(encoding="utf-8")).get("case", []):
        suites = fields.pop("suite")
        for suite in [suites] if isinstance(suites, str) else suites:
            entry = Expected(suite, **fields)
            if not entry.reason.strip():
                raise ValueError(f"no reason is given for {suite}: {entry.case}")
            if entry.covers(version):
                if (suite, entry.case) in entries:
                    raise ValueError(f"listed twice: {suite}: {entry.case}")
                entries[suite, entry.case] = entry
    return entries
