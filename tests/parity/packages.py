"""Suites that packages bring along: gevent's own, and CPython's as gevent patches them.

They run on the unmodified wheel, over the package greenlet on stock and over ropewalk's greenlets otherwise.  Which
modules there are is asked of the Python under test; those that are left out stand here with their reasons.
"""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from .suites import Python, Suite

NOT_IN_THE_WHEEL = "it runs a program of gevent's examples, which are not in the wheel"
OUTSIDE = "it asks name servers outside"

LEFT_OUT = {
    "test___monkey_patching": "it runs the suite that is gevent_patched here",
    "test__example_.*|test__examples": NOT_IN_THE_WHEEL,
    "test__getaddrinfo_import": OUTSIDE,
    "test__socket_dns|test__socket_dns6|test__ares_.*|test__resolver_dnspython": OUTSIDE,
}
"""Modules of gevent.tests, as patterns of their names."""

PATCHED = (
    "test_queue",
    "test_select",
    "test_selectors",
    "test_signal",
    "test_socket",
    "test_ssl",
    "test_subprocess",
    "test_thread",
    "test_threading",
    "test_threading_local",
)
"""CPython's modules that gevent runs, cut to what can work, after patch_all()."""

_HAS_CASES = re.compile(r"""if __name__ == ['"]__main__['"]:\s+(#.*\s+)*(\w+\.)?main\(\)[^\n]*""")
"""What a module of tests ends with; any other one is a program that fails or does not."""
PROGRAMS = ("test__monkey_ssl_warning2", "test__monkey_ssl_warning3")
"""They look at what the main module holds."""

_LOOK = """
import importlib.metadata, importlib.util, json
spec = importlib.util.find_spec("gevent")
versions = [f"{name} {importlib.metadata.version(name)}" for name in ("gevent", "greenlet")] if spec else []
print(json.dumps([spec.submodule_search_locations[0] if spec else None, ", ".join(versions)]))
"""


@dataclass
class Installed:
    """gevent in a Python under test."""

    tests: Path
    versions: str


@cache
def _look(executable: str) -> Installed | None:
    answer = subprocess.run(
        [executable, "-c", _LOOK], check=True, capture_output=True, text=True, timeout=300
    )
    folder, versions = json.loads(answer.stdout)
    return Installed(Path(folder, "tests"), versions) if folder else None


def resolved(suite: Suite, python: Python) -> Suite:
    """The suite with what this Python has of it: no modules at all if the package is not installed there."""
    if not suite.package:
        return suite
    installed = _look(python.executable)
    if installed is None:
        return replace(suite, modules=())
    if suite.modules:
        modules = suite.modules
    elif suite.name == "gevent_patched":
        files = (python.tests / f"{name}.py" for name in PATCHED)
        modules = tuple(f"gevent.testing.monkey_test {file}" for file in files if file.is_file())
    else:
        modules = tuple(own_modules(installed.tests))
    environment = {
        # As gevent's own runner has it.
        "PYTHONPATH": str(installed.tests),
        "GEVENTTEST_QUIET": "1",
        "GEVENTTEST_USE_RESOURCES": "-network",
    }
    return replace(
        suite,
        modules=modules,
        environment=suite.environment | environment,
        package=installed.versions,
    )


def own_modules(tests: Path) -> list[str]:
    """gevent's test modules, those that are programs as the command line has them."""
    found = []
    for file in sorted(tests.glob("test_*.py")):
        if any(re.fullmatch(pattern, file.stem) for pattern in LEFT_OUT):
            continue
        ends = file.read_text(encoding="utf-8").rpartition("if __name__")
        has_cases = file.stem not in PROGRAMS and _HAS_CASES.fullmatch("".join(ends[1:]).strip())
        found.append(f"gevent.tests.{file.stem}" if has_cases else f"-m gevent.tests.{file.stem}")
    return found
