"""Several workers at once find what one worker finds."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.parity import lanes
from tests.parity.suites import Suite, ask
from tests.parity.watch import Limits

FARM = """
import os, unittest

class Cow(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.home = os.getpid()

    def test_1_lives_here(self):
        self.assertEqual(self.home, os.getpid())

    def test_2_lives_here_still(self):
        self.assertEqual(self.home, os.getpid())

class Fox(unittest.TestCase):
    def test_1_kills(self):
        os.kill(os.getpid(), 9)

    def test_2_is_gone(self):
        pass

class Hen(unittest.TestCase):
    def test_lays_no_egg(self):
        self.fail("no egg")
"""


@pytest.fixture
def farm(tmp_path: Path) -> Suite:
    (tmp_path / "farm.py").write_text(FARM, encoding="utf-8")
    return Suite("farm", ("farm",), lanes=2, environment={"PYTHONPATH": str(tmp_path)})


def test_several_workers_find_every_outcome_in_the_order_of_the_suite(farm: Suite) -> None:
    whole = lanes.run(ask(sys.executable), farm, "stock", Limits())
    assert [(name.partition(".")[2], outcome.kind) for name, outcome in whole.cases.items()] == [
        ("Cow.test_1_lives_here", "pass"),
        ("Cow.test_2_lives_here_still", "pass"),
        ("Fox.test_1_kills", "crash"),
        ("Fox.test_2_is_gone", "pass"),
        ("Hen.test_lays_no_egg", "fail"),
    ]


def test_a_part_of_a_name_chooses_the_cases_that_are_run(farm: Suite) -> None:
    found = lanes.run(ask(sys.executable), farm, "stock", Limits(), part="Fox.test_2")
    assert list(found.cases) == ["farm.Fox.test_2_is_gone"]
    assert not lanes.run(ask(sys.executable), farm, "stock", Limits(), part="no such case").cases


def test_a_share_holds_whole_classes_and_the_longest_comes_first() -> None:
    cases = [f"m.{name}.{case}" for name in "ABC" for case in "xyz"]
    parts = lanes.shares(cases, {"m.B.y": 60.0}, 2)
    assert parts == [["m.B.x", "m.B.y", "m.B.z"], ["m.A.x", "m.A.y", "m.A.z", "m.C.x", "m.C.y", "m.C.z"]]


def test_there_is_no_share_without_a_case() -> None:
    assert lanes.shares(["m.A.x"], {}, 12) == [["m.A.x"]]
    assert lanes.shares([], {}, 12) == []
