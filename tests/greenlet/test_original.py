"""greenlet's own tests, as they lie in its wheel, on ropewalk's greenlets."""

import os
import pkgutil
import re
import subprocess
import sys
from importlib.util import find_spec

import pytest

#: Tests that may fail, each with its reason. Beside them everything passes that passes with greenlet.
EXPECTED = {
    "test_stack_saved": "it counts the bytes of a stack that were copied away: none are",
    "test_throw_to_dead_thread_doesnt_crash": "it asserts a leak of objects, which ropewalk does not have",
}


def modules():
    # Not by importing them: they would import greenlet into this process.
    place = os.path.join(os.path.dirname(find_spec("greenlet").origin or ""), "tests")
    if not os.path.isdir(place):
        place = os.path.join(find_spec("greenlet").submodule_search_locations[0], "tests")
    return sorted(module.name for module in pkgutil.iter_modules([place]) if module.name.startswith("test_"))


@pytest.mark.parametrize("module", modules())
def test_greenlets_own_tests_pass(module):
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-m", "unittest", f"greenlet.tests.{module}"],
        env=os.environ | {"ROPEWALK": "1"},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    failed = re.findall(r"^(?:FAIL|ERROR): (\w+)", done.stderr, re.MULTILINE)
    assert not set(failed) - set(EXPECTED), done.stderr
    assert done.returncode == bool(failed), done.stderr
    assert re.search(r"^Ran [1-9]", done.stderr, re.MULTILINE), done.stderr


def test_they_run_on_ours():
    program = "import greenlet.tests, greenlet; print(greenlet.__spec__.origin, greenlet.tests.__file__)"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"ROPEWALK": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.stdout.startswith("ropewalk ") and "site-packages" in done.stdout, done.stderr
