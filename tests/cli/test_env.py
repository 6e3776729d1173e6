"""`ropewalk env`: versions and effective settings, for people and for programs."""

from __future__ import annotations

import json
import os
import platform
import sys
from typing import Any

import pytest
import ropewalk
from ropewalk import _ropewalk

from tests.cli.place import RUNNER, Place


def facts(place: Place, **variables: str) -> dict[str, Any]:
    shown = place.run([*RUNNER, "env", "--json"], **variables)
    assert (shown.errors, shown.code) == ("", 0)
    found: dict[str, Any] = json.loads(shown.output)
    return found


def test_it_says_which_ropewalk_and_which_python_run(place: Place) -> None:
    found = facts(place)
    assert found["ropewalk"]["version"] == ropewalk.__version__
    assert found["ropewalk"]["extension"] == _ropewalk.__file__
    assert os.path.isfile(found["ropewalk"]["start_file"])
    assert found["python"]["version"] == platform.python_version()
    assert found["python"]["executable"] == sys.executable
    assert found["python"]["free_threaded"] is False
    assert found["system"]["cpus_usable"] == len(os.sched_getaffinity(0))


@pytest.mark.parametrize(("value", "installed"), [(None, False), ("1", True), ("0", False)])
def test_it_says_whether_this_interpreter_has_ropewalk(
    place: Place, value: str | None, installed: bool
) -> None:
    found = facts(place, **({} if value is None else {"ROPEWALK": value}))
    assert found["ropewalk"]["installed_here"] is installed
    assert found["settings"]["ROPEWALK"] == {"value": value, "effective": installed}


def test_it_shows_variables_that_it_does_not_know(place: Place) -> None:
    found = facts(place, ROPEWALK_DEADLOK="off")
    assert found["settings"]["ROPEWALK_DEADLOK"] == {"value": "off", "effective": "unknown to this version"}


def test_the_text_says_the_same(place: Place) -> None:
    found = facts(place)
    text = place.run([*RUNNER, "env"]).output
    lines = {" ".join(line.split()) for line in text.splitlines()}
    assert f"version {ropewalk.__version__}" in lines
    assert f"start_file {found['ropewalk']['start_file']}" in lines
    assert "installed_here no" in lines
    assert "ROPEWALK no (not set)" in lines
