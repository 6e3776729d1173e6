"""Strangers' tools that spread their work over processes: what they write is what they write on stock, byte by byte.

The short form gives each a part of the interpreter's own library, the long one (ROPEWALK_TEST_FULL=1) all of it, and
runs joblib's tests too.
"""

from __future__ import annotations

import hashlib
import importlib.util
import marshal
import os
import pathlib
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from types import CodeType

import pytest

FULL = os.environ.get("ROPEWALK_TEST_FULL") == "1"
LIBRARY = pathlib.Path(sysconfig.get_path("stdlib"))
PART = ["json", "logging", "queue.py", "threading.py", "tokenize.py", "statistics.py"]
NOT_PYTHON = {
    "bad",
    "badsyntax",
    "lib2to3",
    "test",
    "tests",
    "site-packages",
    "__pycache__",
    "idlelib",
    "data",
}
"""Folders with files that are wrong on purpose, or that are not the library's own."""
LIMIT = 3000 if FULL else 600


def needs(module: str) -> None:
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"not installed in this environment: {module}")


def library(target: pathlib.Path) -> pathlib.Path:
    """A copy of the library, or of a part of it, in a new folder."""
    ignore = shutil.ignore_patterns(*NOT_PYTHON, "bad*.py", "*.so")
    target.mkdir(parents=True)
    for source in LIBRARY.iterdir() if FULL else (LIBRARY / name for name in PART):
        if source.is_dir() and source.name not in NOT_PYTHON and not source.name.startswith("config-"):
            shutil.copytree(source, target / source.name, ignore=ignore)
        elif source.suffix == ".py":
            shutil.copy2(source, target / source.name)
    return target


def digest(files: Iterable[pathlib.Path], root: pathlib.Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(files)
    }


def compiled(files: Iterable[pathlib.Path], root: pathlib.Path) -> dict[str, tuple[bytes, CodeType]]:
    """Head and code of each file; the bytes of the code also say who else held its constants when it was made."""
    return {
        str(path.relative_to(root)): ((whole := path.read_bytes())[:16], marshal.loads(whole[16:]))
        for path in sorted(files)
    }


def run(side: str, *command: str, cwd: pathlib.Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A module's program, on stock or under the runner."""
    before = ["-m", "ropewalk"] if side == "ropewalk" else []
    return subprocess.run(
        [sys.executable, *before, "-m", *command],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )


def told(text: str) -> list[str]:
    """What a tool said, without the order in which its processes came to it, and without times."""
    return sorted(re.sub(r"\d+[.:]\d+[\d.:]*( ?m?s(ec)?\b)?", "TIME", line) for line in text.splitlines())


def test_black_with_two_workers_formats_as_on_stock(tmp_path: pathlib.Path) -> None:
    needs("black")
    found = []
    for side in ("stock", "ropewalk"):
        home = tmp_path / side
        sources = library(home / "library")
        done = run(side, "black", "--workers", "2", "library", cwd=home, BLACK_CACHE_DIR=str(home / "cache"))
        said = told(done.stderr.replace(str(home), ""))
        found.append((done.returncode, said, digest(sources.rglob("*.py"), home)))
    assert found[0][1], "black said nothing"
    assert found[0] == found[1]


def test_compileall_with_two_workers_compiles_as_on_stock(tmp_path: pathlib.Path) -> None:
    found = []
    for side in ("stock", "ropewalk"):
        home = tmp_path / side
        target = library(home / "library")
        options = ["-j", "2", "-f", "--invalidation-mode", "checked-hash"]
        done = run(side, "compileall", *options, "library", cwd=home)
        made = compiled(target.rglob("*.pyc"), home)
        said = sorted(
            re.findall(r"\w+ '[^']*'", done.stdout)
        )  # two processes write: lines may run into each other
        found.append((done.returncode, said, done.stderr, made))
    assert found[0][0] == 0 and len(found[0][3]) >= len(PART)
    assert found[0] == found[1]


def test_pylint_with_two_workers_finds_what_it_finds_on_stock(tmp_path: pathlib.Path) -> None:
    needs("pylint")
    sources = library(tmp_path / "library")
    package = "asyncio" if FULL else "json"
    found = []
    for side in ("stock", "ropewalk"):
        options = ["-j", "2", "--score=n", "--disable=duplicate-code"]
        done = run(side, "pylint", *options, package, cwd=sources, PYLINTHOME=str(tmp_path / side))
        found.append((done.returncode, told(done.stdout), done.stderr))
    assert len(found[0][1]) > 10
    assert found[0] == found[1]


def test_cpythons_own_runner_with_two_processes_passes_as_on_stock(tmp_path: pathlib.Path) -> None:
    needs("test.test_json")
    found = []
    for side in ("stock", "ropewalk"):
        done = run(side, "test", "-j2", "--tempdir", str(tmp_path), "test_json", "test_re", cwd=tmp_path)
        lines = [line for line in told(done.stdout) if re.search("tests? OK|failed|Result|skipped", line)]
        found.append((done.returncode, lines))
    assert found[0] == found[1]
    assert found[0][0] == 0


@pytest.mark.skipif(not FULL, reason="the long form: ROPEWALK_TEST_FULL=1")
def test_joblibs_own_tests_of_multiprocessing_pass_as_on_stock(tmp_path: pathlib.Path) -> None:
    needs("joblib")
    found = []
    for side in ("stock", "ropewalk"):
        options = ["--pyargs", "joblib.test.test_parallel", "-k", "multiprocessing", "-rA", "-q", "--tb=no"]
        done = run(
            side, "pytest", *options, "-p", "no:cacheprovider", cwd=tmp_path, JOBLIB_MULTIPROCESSING="1"
        )
        words = re.compile(r"(PASSED|FAILED|ERROR) (\S.*?)(?: - .*)?$")
        outcomes = sorted(match.groups() for match in map(words.match, done.stdout.splitlines()) if match)
        found.append((done.returncode, outcomes))
    assert len(found[0][1]) > 10
    assert found[0] == found[1]
