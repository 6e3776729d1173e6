"""Which suites there are, what each must reach, and where a Python's copy of each is.

Not every build of CPython ships all of its tests. A suite that is missing is taken from the library of
the nearest version on this machine that has it; what that version tests and this one cannot do fails on
stock, and so does not count. Nothing is copied: the worker looks into the other library.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Suite:
    """Test modules, and the choice of their cases, that get one row of the table."""

    name: str
    modules: tuple[str, ...] = ()
    """Names; with words behind one that are its sys.argv, or behind -m for a program without cases."""
    select: str = "all"
    bar: int = 99
    """Percent of what stock passes. 100 for what ropewalk does not replace: that it must not harm."""
    quick: bool = True
    """Part of the quick selection, which `make test` runs."""
    lanes: int = 1
    """Worker processes at once, each with some of the classes: for suites that mostly sleep."""
    resources: tuple[str, ...] = ()
    """What CPython's own runner asks for with -u; without it these tests are not even loaded."""
    environment: dict[str, str] = field(default_factory=dict)
    """More environment for the worker."""
    package: str = ""
    """The package that brings it, and on a Python under test its version too: see `packages`."""
    apart: bool = False
    """Each module in a worker of its own: they patch their interpreter. Their sockets stay on the loopback."""


FUTURES = "test.test_concurrent_futures"

LONG = ("cpu", "walltime")
"""Leave for tests that take a few seconds."""


def started_by(method: str, quick: bool) -> Suite:
    """The tests of processes that are started in one way."""
    name = f"test_multiprocessing_{method}"
    # One case wants objects that cannot be pickled dropped with a traceback, as the original's put does.
    print_errors = {"ROPEWALK_QUEUE_ERRORS": "print"}
    return Suite(
        name, (f"test.{name}",), bar=98, quick=quick, lanes=4, resources=LONG, environment=print_errors
    )


GEVENT_SHORT = tuple(
    f"gevent.tests.test__{part}"
    for part in (
        "contextvars",
        "event",
        "greenlet",
        "hub",
        "local",
        "monkey",
        "monkey_queue",
        "queue",
        "refcount",
        "systemerror",
        "threading_vs_settrace",
        "timeout",
    )
)
"""What bears most on greenlets, and takes few seconds."""

SUITES = [
    # What takes longest comes first.
    started_by("fork", quick=True),
    Suite("test_threading", ("test.test_threading",)),
    Suite("test_threading_local", ("test.test_threading_local",)),
    Suite("test_thread", ("test.test_thread",)),
    Suite("lock_tests", ("test.test_public_locks", "test.test_importlib.test_locks")),
    Suite("test_queue", ("test.test_queue",)),
    Suite("futures_threads", (FUTURES,), "threads"),
    started_by("spawn", quick=False),
    started_by("forkserver", quick=False),
    Suite("futures_processes", (FUTURES,), "processes", bar=98, quick=False, lanes=3, resources=LONG),
    Suite("main_handling", ("test.test_multiprocessing_main_handling",), bar=98, quick=False),
    Suite("gevent", package="gevent", apart=True, quick=False),
    Suite("gevent_patched", package="gevent", apart=True, quick=False),
    Suite("gevent_short", GEVENT_SHORT, package="gevent", apart=True),
    Suite("test_asyncio", ("test.test_asyncio",), bar=100, quick=False),
    Suite("test_logging", ("test.test_logging",), bar=100, quick=False),
    # Its "network" is the loopback: each server binds to localhost or to a socket file.
    Suite("test_socketserver", ("test.test_socketserver",), bar=100, quick=False, resources=("network",)),
    Suite("test_subprocess", ("test.test_subprocess",), bar=100, quick=False),
    Suite("test_tempfile", ("test.test_tempfile",), bar=100, quick=False),
    Suite("test_threadedtempfile", ("test.test_threadedtempfile",), bar=100, quick=False),
    Suite("test_threadsignals", ("test.test_threadsignals",), bar=100, quick=False),
]

MADE = Path(__file__).with_name("made")
"""Modules that not every Python ships, and that a few lines build on one that it does."""

BASES = {
    "test.test_multiprocessing_fork": "test._test_multiprocessing",
    "test.test_multiprocessing_spawn": "test._test_multiprocessing",
    "test.test_multiprocessing_forkserver": "test._test_multiprocessing",
    "test.test_public_locks": "test.lock_tests",
}
"""What stands in MADE, and what it is built on."""


def module_path(tests: Path, module: str) -> Path | None:
    """The file or folder of `module` (a name below `test`) in a library's folder of tests, if it is there."""
    stem = tests.joinpath(*module.split(".")[1:])
    if (stem / "__init__.py").is_file():
        return stem
    file = stem.with_suffix(".py")
    return file if file.is_file() else None


@dataclass
class Python:
    """An interpreter under test."""

    executable: str
    version: tuple[int, int, int]
    build: str
    """sys.version: the version, the build and the compiler."""
    prefix: str
    base_prefix: str
    tests: Path
    """The folder of the package `test` in its library."""
    lenders: list[Path]
    """Folders of other libraries' `test`, nearest version first."""
    unfit: set[tuple[str, Path]] = field(default_factory=set)
    """Suites and the lenders whose tests this Python cannot load: they import what is newer than it."""

    def missing(self, suite: Suite) -> list[str]:
        """The modules of `suite` that this Python does not ship and cannot build."""

        def found(name: str) -> bool:
            return not name.startswith("test.") or module_path(self.tests, name) is not None

        needed = [name if found(name) else BASES.get(name, name) for name in suite.modules]
        return [name for name in needed if not found(name)]

    def lender(self, suite: Suite) -> Path | None:
        """The library that has what this one is missing of `suite`."""
        missing = self.missing(suite)
        for tests in self.lenders if missing else []:
            has_all = all(module_path(tests, name) and name.count(".") == 1 for name in missing)
            if has_all and (suite.name, tests) not in self.unfit:
                return tests
        return None

    def borrowed(self, suite: Suite) -> Path | None:
        """A folder with links to nothing but the modules that `suite` borrows, made if need be."""
        lender = self.lender(suite)
        if lender is None:
            return None
        folder = BUILD / "borrowed" / str(lender).strip("/").replace("/", "-")
        folder.mkdir(parents=True, exist_ok=True)
        for name in self.missing(suite):
            source = module_path(lender, name)
            assert source is not None
            link = folder / source.name
            with contextlib.suppress(FileExistsError):
                link.symlink_to(source)
        return folder

    @property
    def label(self) -> str:
        return ".".join(map(str, self.version))


BUILD = Path(__file__).resolve().parents[2] / "build" / "parity"
"""Where results on stock and links to borrowed tests are kept."""

_ASK = """
import json, sys, sysconfig
stdlib = sysconfig.get_path("stdlib")
print(json.dumps([sys.version_info[:3], sys.version, sys.prefix, sys.base_prefix, stdlib]))
"""


def ask(executable: str) -> Python:
    """What there is to know of the interpreter at `executable`. Raises OSError or CalledProcessError."""
    answer = subprocess.run([executable, "-c", _ASK], check=True, capture_output=True, text=True, timeout=300)
    version, build, prefix, base_prefix, stdlib = json.loads(answer.stdout)
    tests = Path(stdlib, "test")
    others = lenders(version[1], Path(base_prefix), tests)
    return Python(executable, tuple(version), build, prefix, base_prefix, tests, others)


def lenders(minor: int, base_prefix: Path, own: Path) -> list[Path]:
    """Folders of tests of the other Pythons here: siblings of this one's, those on PATH, the system's."""
    libraries = set(base_prefix.parent.glob("*/lib/python3.*")) | set(Path("/usr/lib").glob("python3.*"))
    for other in range(10, 16):
        found = shutil.which(f"python3.{other}")
        if found:
            libraries.add(Path(os.path.realpath(found)).parent.parent / "lib" / f"python3.{other}")
    near: list[tuple[int, str, Path]] = []
    for library in libraries:
        name, tests = library.name.removeprefix("python3."), library / "test"
        if name.isdigit() and int(name) >= 10 and tests.is_dir() and tests != own:
            near.append((abs(int(name) - minor), str(library), tests))
    return [tests for _, _, tests in sorted(near)]
