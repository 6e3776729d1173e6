"""Every program in the guide runs as it stands there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

GUIDE = Path(__file__).resolve().parent.parent / "docs" / "guide"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LIMIT = 300
"""Seconds after which a program is taken to hang; wide, because the machine may be busy."""


def programs() -> list[tuple[str, str]]:
    """Where a program stands, and its text."""
    found = []
    for page in sorted(GUIDE.glob("*.md")):
        text = page.read_text(encoding="utf-8")
        for block in BLOCK.finditer(text):
            line = text.count("\n", 0, block.start()) + 1
            found.append((f"{page.name}:{line}", block[1]))
    return found


@pytest.mark.parametrize(("place", "text"), programs(), ids=[place for place, _ in programs()])
def test_a_program_of_the_guide_runs_as_it_stands_there(place: str, text: str, tmp_path: Path) -> None:
    # One that reads its own source has the name that it is given in its first line.
    named = re.match(r"# (\w+\.py)\n", text)
    program = tmp_path / (named[1] if named else "program.py")
    program.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, program.name],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 0, f"{place}: {done.stderr}"
