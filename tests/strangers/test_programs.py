"""Strangers' programs, unmodified: the same output, exit code and silence on stderr as on stock Python."""

from __future__ import annotations

import importlib.util
import pathlib
import subprocess
import sys

import pytest

PROGRAMS = pathlib.Path(__file__).parent / "programs"
NEEDS = {
    "apscheduler_jobs": ["apscheduler"],
    "joblib_backends": ["joblib"],
    "joblib_tqdm": ["joblib", "tqdm"],
    "loguru_enqueued": ["loguru"],
    "requests_in_futures": ["requests_futures"],
    "standard_library": [],
    "watchdog_observer": ["watchdog"],
}


def run(*command: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, timeout=300, check=False
    )
    return done.returncode, done.stdout, done.stderr


def test_every_program_is_in_the_table():
    assert sorted(NEEDS) == sorted(path.stem for path in PROGRAMS.glob("*.py"))


@pytest.mark.parametrize("name", sorted(NEEDS))
def test_a_strangers_program_shows_the_same_on_stock_and_on_ropewalk(name):
    missing = [module for module in NEEDS[name] if importlib.util.find_spec(module) is None]
    if missing:
        pytest.skip(f"not installed in this environment: {', '.join(missing)}")
    program = str(PROGRAMS / f"{name}.py")
    stock = run(program)
    assert stock[0] == 0, stock
    assert run("-m", "ropewalk", program) == stock
