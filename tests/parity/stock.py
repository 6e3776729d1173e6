"""The outcomes on stock, kept in build/parity between runs.

A result is valid for one build of one interpreter, one suite, one worker.py and the very files that hold
the tests; anything else is run again.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

from .suites import BASES, BUILD, MADE, Python, Suite, module_path
from .watch import WORKER, Outcomes


def path(python: Python, suite: Suite) -> Path:
    """Where the result of `suite` on this interpreter is kept."""
    parts = [python.build, python.prefix, python.base_prefix, repr(suite), WORKER.read_text(encoding="utf-8")]
    lender = python.lender(suite)
    for name in (*suite.modules, *BASES.values()):
        for tests in filter(None, (python.tests, lender)):
            source = module_path(tests, name)
            if source is not None:
                stat = source.stat()
                parts.append(f"{source} {stat.st_size} {stat.st_mtime_ns}")
    parts += [path.read_text(encoding="utf-8") for path in sorted(MADE.glob("*.py"))]
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
    name = "".join(letter if letter.isalnum() else "_" for letter in suite.name)
    return BUILD / "stock" / f"{python.label}-{name}-{key}.json"


def load(python: Python, suite: Suite) -> Outcomes | None:
    """The kept result, if there is one."""
    try:
        text = path(python, suite).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    return Outcomes.from_json(json.loads(text))


def save(python: Python, suite: Suite, outcomes: Outcomes) -> None:
    """Keep a result. Two runs at once both write whole files; the last one stays."""
    target = path(python, suite)
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps(outcomes.to_json()), encoding="utf-8")
    draft.replace(target)
