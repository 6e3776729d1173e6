"""The parity runner finds what it is there to find: failures, hangs, crashes, and their absence."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.parity import __main__ as command
from tests.parity import expected, report, stock, suites
from tests.parity.suites import Python, Suite, ask, module_path
from tests.parity.verdict import EXIT, Verdict, judge
from tests.parity.watch import Limits, Outcome, Outcomes, SuiteError, Watch

SUITE = """
import os, signal, sys, threading, unittest

class Event(unittest.TestCase):
    def test_is_set_after_set(self):
        event = threading.Event()
        event.set()
        self.assertTrue(event.wait(0))

    def test_is_a_subtest(self):
        for name in "ab":
            with self.subTest(name):
                self.assertTrue(callable(threading.Event))

    @unittest.skip("not today")
    def test_is_skipped(self):
        pass

    @unittest.expectedFailure
    def test_is_expected_to_fail(self):
        self.fail()

class Zoo(unittest.TestCase):
    def test_1_may_hang(self):
        if hasattr(threading, "hang"):
            hold_for_ever()

    def test_2_may_crash(self):
        if hasattr(threading, "crash"):
            os.kill(os.getpid(), signal.SIGKILL)

    def test_3_stands_behind_them(self):
        pass

class LastOfAll(unittest.TestCase):
    def test_may_spoil_the_exit(self):
        if hasattr(threading, "spoil"):
            import atexit
            atexit.register(os._exit, 3)

def hold_for_ever():
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()
"""

BROKEN_EVENT = """
import threading
class Event(threading.Event):
    def wait(self, timeout=None):
        return False
threading.Event = Event
"""


@pytest.fixture
def python() -> Python:
    return ask(sys.executable)


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the test's is kept between runs."""
    for module in (suites, stock):
        monkeypatch.setattr(module, "BUILD", tmp_path / "build")


@pytest.fixture
def zoo(tmp_path: Path) -> Suite:
    (tmp_path / "zoo.py").write_text(SUITE, encoding="utf-8")
    return Suite("zoo", ("zoo",), environment={"PYTHONPATH": str(tmp_path)})


def engine(tmp_path: Path, code: str) -> str:
    path = tmp_path / "engine.py"
    path.write_text(code, encoding="utf-8")
    return str(path)


class Impatient(Limits):
    """With the case that hangs for certain; the start of a worker, and the other cases, may take as long as ever."""

    def of(self, case: str) -> float:
        return 5.0 if case.endswith("test_1_may_hang") else self.case


def compared(
    python: Python, suite: Suite, engine: str, entries: dict | None = None, limits: Limits | None = None
) -> Verdict:
    """A verdict on `engine`; what fails is run again as in a real run."""
    limits = limits or Limits()
    verdict = Verdict(suite)
    verdict.stock = Watch(python, suite, "stock", Limits()).run()
    verdict.ours = Watch(python, suite, engine, limits).run()

    def again(case: str, side: str) -> Outcome:
        return Watch(python, suite, "stock" if side == "stock" else engine, limits).run([case]).cases[case]

    judge(verdict, entries or {}, again, lambda case: True)
    return verdict


def test_stock_against_stock_passes_every_case_and_counts_no_skipped_one(python: Python, zoo: Suite) -> None:
    verdict = compared(python, zoo, "stock")
    assert (verdict.counted, verdict.passed, verdict.failures) == (7, 7, [])
    assert verdict.stock is not None
    assert verdict.stock.cases["zoo.Event.test_is_skipped"].kind == "skip"
    assert verdict.ok(strict=True)


def test_an_event_whose_wait_lies_is_found_and_named(python: Python, zoo: Suite, tmp_path: Path) -> None:
    verdict = compared(python, zoo, engine(tmp_path, BROKEN_EVENT))
    (failure,) = verdict.failures
    assert (failure.case, failure.status) == ("zoo.Event.test_is_set_after_set", "new")
    assert failure.again == ["ropewalk fail", "stock pass"] * 2
    assert "False is not true" in failure.outcome.detail
    assert not verdict.ok(strict=False)


def test_a_listed_failure_counts_as_failed_but_ends_no_run(
    python: Python, zoo: Suite, tmp_path: Path
) -> None:
    entry = expected.Expected("zoo", "Event.test_is_set_after_set", "the event lies")
    verdict = compared(python, zoo, engine(tmp_path, BROKEN_EVENT), {("zoo", entry.case): entry})
    (failure,) = verdict.failures
    assert (failure.status, failure.reason, failure.again) == ("listed", "the event lies", [])
    assert (verdict.counted, verdict.passed, verdict.bar_met) == (7, 6, True)
    assert verdict.ok(strict=True)


def test_a_hang_names_its_case_and_its_line_and_the_others_are_run(
    python: Python, zoo: Suite, tmp_path: Path
) -> None:
    hanging = engine(tmp_path, "import threading; threading.hang = True")
    verdict = compared(python, zoo, hanging, limits=Impatient())
    (failure,) = verdict.failures
    assert (failure.case, failure.outcome.kind) == ("zoo.Zoo.test_1_may_hang", "hang")
    assert "in hold_for_ever" in failure.outcome.detail
    assert verdict.ours is not None
    assert verdict.ours.cases["zoo.Zoo.test_3_stands_behind_them"].passed


def test_a_crash_names_its_case_and_the_others_are_run(python: Python, zoo: Suite, tmp_path: Path) -> None:
    verdict = compared(python, zoo, engine(tmp_path, "import threading; threading.crash = True"))
    (failure,) = verdict.failures
    assert (failure.case, failure.outcome.kind) == ("zoo.Zoo.test_2_may_crash", "crash")
    assert failure.outcome.detail.startswith("SIGKILL")
    assert verdict.ours is not None
    assert verdict.ours.cases["zoo.Zoo.test_3_stands_behind_them"].passed


def test_a_bad_exit_behind_the_last_case_is_a_failure(python: Python, zoo: Suite, tmp_path: Path) -> None:
    verdict = compared(python, zoo, engine(tmp_path, "import threading; threading.spoil = True"))
    (failure,) = verdict.failures
    assert (failure.case, failure.status) == (EXIT, "new")
    assert failure.outcome.detail.startswith("exit code 3")


def test_an_engine_that_cannot_be_put_in_place_is_an_error_and_no_verdict(
    python: Python, zoo: Suite, tmp_path: Path
) -> None:
    with pytest.raises(SuiteError, match="no such engine"):
        Watch(python, zoo, engine(tmp_path, "raise ImportError('no such engine')"), Limits()).run()


def outcomes(**kinds: str) -> Outcomes:
    return Outcomes({f"zoo.Zoo.{name}": Outcome(kind) for name, kind in kinds.items()})


def judged(stock: Outcomes, ours: Outcomes, runs: list[Outcome], entries: dict | None = None) -> Verdict:
    """A verdict without processes: `runs` are the outcomes of the cases that are run again."""
    verdict = Verdict(Suite("zoo", ("zoo",)), stock, ours)
    answers = iter(runs)
    judge(verdict, entries or {}, lambda case, side: next(answers), lambda case: True)
    return verdict


def test_a_case_that_fails_on_stock_when_run_again_is_flaky_and_not_counted() -> None:
    verdict = judged(
        outcomes(a="pass", b="pass"), outcomes(a="fail", b="pass"), [Outcome("fail"), Outcome("fail")]
    )
    assert [failure.status for failure in verdict.failures] == ["flaky"]
    assert (verdict.counted, verdict.passed) == (1, 1)


@pytest.mark.parametrize("kind", ["hang", "pass"])
def test_a_case_that_is_listed_because_stock_races_is_not_counted_and_never_stale(kind: str) -> None:
    entry = expected.Expected("zoo", "Zoo.a", "it races", stock_races="29 of 300 runs")
    verdict = judged(outcomes(a="pass", b="pass"), outcomes(a=kind, b="pass"), [], {("zoo", "Zoo.a"): entry})
    assert verdict.counted == verdict.passed == (2 if kind == "pass" else 1)
    assert verdict.ok(strict=True)


def test_a_case_that_passes_by_itself_is_unsteady_and_counts_as_failed() -> None:
    verdict = judged(outcomes(a="pass", b="pass"), outcomes(a="fail", b="pass"), [Outcome("pass")] * 4)
    assert [failure.status for failure in verdict.failures] == ["unsteady"]
    assert (verdict.counted, verdict.passed) == (2, 1)
    assert verdict.ok(strict=False)
    assert not verdict.ok(strict=True)


@pytest.mark.parametrize("kind", ["skip", "not run", "error", "crash"])
def test_whatever_is_not_a_pass_where_stock_passes_is_a_failure(kind: str) -> None:
    verdict = judged(outcomes(a="pass"), outcomes(a=kind), [Outcome(kind), Outcome("pass")] * 2)
    assert [failure.status for failure in verdict.failures] == ["new"]


def test_a_case_that_ropewalk_does_not_even_load_is_a_failure() -> None:
    verdict = judged(outcomes(a="pass"), outcomes(), [Outcome("absent"), Outcome("pass")] * 2)
    assert [failure.status for failure in verdict.failures] == ["new"]


def test_a_listed_case_that_passes_is_stale_and_fails_a_strict_run() -> None:
    entry = expected.Expected("zoo", "Zoo.a", "it used to fail")
    verdict = judged(outcomes(a="pass"), outcomes(a="pass"), [], {("zoo", "Zoo.a"): entry})
    assert verdict.stale == ["Zoo.a"]
    assert verdict.ok(strict=False)
    assert not verdict.ok(strict=True)


def test_more_listed_failures_than_the_bar_allows_fail_the_run() -> None:
    stock = outcomes(**{f"t{number}": "pass" for number in range(150)})
    ours = outcomes(**{f"t{number}": "pass" if number > 1 else "fail" for number in range(150)})
    entries = {("zoo", f"Zoo.t{n}"): expected.Expected("zoo", f"Zoo.t{n}", "why") for n in range(2)}
    verdict = judged(stock, ours, [], entries)
    assert verdict.number("listed") == 2
    assert not verdict.ok(strict=False)


def test_an_entry_covers_the_versions_of_its_range_and_no_other() -> None:
    entry = expected.Expected("zoo", "Zoo.a", "why", ">=3.11,<3.13")
    assert [entry.covers((3, minor, 7)) for minor in (10, 11, 12, 13)] == [False, True, True, False]
    assert expected.Expected("zoo", "Zoo.a", "why").covers((3, 14, 0))
    with pytest.raises(ValueError, match="not a bound"):
        expected.Expected("zoo", "Zoo.a", "why", "3.11").covers((3, 11, 0))


def test_an_entry_without_a_reason_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "expected.toml"
    file.write_text('[[case]]\nsuite = "zoo"\ncase = "Zoo.a"\nreason = " "\n', encoding="utf-8")
    with pytest.raises(ValueError, match="no reason"):
        expected.read((3, 11, 7), file)


def test_an_entry_may_name_several_suites(tmp_path: Path) -> None:
    file = tmp_path / "expected.toml"
    file.write_text('[[case]]\nsuite = ["zoo", "farm"]\ncase = "Zoo.a"\nreason = "why"\n', encoding="utf-8")
    assert set(expected.read((3, 11, 7), file)) == {("zoo", "Zoo.a"), ("farm", "Zoo.a")}


@pytest.mark.parametrize("version", [(3, minor, 0) for minor in range(10, 15)])
def test_the_list_of_expected_failures_can_be_read_for_every_version(version: tuple[int, int, int]) -> None:
    assert all(entry.reason for entry in expected.read(version).values())


def test_a_suite_that_no_python_here_ships_is_reported_and_fails_nothing(python: Python) -> None:
    python.lenders = []
    verdict = Verdict(Suite("farm", ("test.test_that_never_was",)))
    assert python.missing(verdict.suite) == ["test.test_that_never_was"]
    assert python.lender(verdict.suite) is None
    verdict.absent = "not shipped with this Python"
    assert verdict.ok(strict=True)
    assert "not shipped" in report.table([verdict], strict=True)


def test_the_command_finds_a_broken_engine_with_cpythons_own_tests(tmp_path: Path, python: Python) -> None:
    if not module_path(python.tests, "test.lock_tests"):
        pytest.skip("this Python ships no test.lock_tests")
    found = tmp_path / "found.json"
    arguments = ["--suite", "lock_tests", "--case", "EventTests", "--json", str(found), "--jobs", "1"]
    assert command.main([*arguments, "--self-check"]) == 0
    assert command.main([*arguments, "--engine", engine(tmp_path, BROKEN_EVENT)]) == 1
    (suite,) = json.loads(found.read_text(encoding="utf-8"))["suites"]
    cases = {failure["case"].rpartition(".")[2] for failure in suite["failures"]}
    assert {"test_notify", "test_set_and_clear", "test_timeout"} <= cases


def test_tests_that_this_python_cannot_load_are_borrowed_from_the_next_one_that_has_them(
    python: Python, tmp_path: Path, build: None
) -> None:
    newer, older = tmp_path / "newer" / "test", tmp_path / "older" / "test"
    (newer / "test_borrowed").mkdir(parents=True)
    (newer / "test_borrowed" / "__init__.py").touch()
    (newer / "test_borrowed" / "test_part.py").write_text("import no_such_module_yet\n", encoding="utf-8")
    older.mkdir(parents=True)
    (older / "test_borrowed.py").write_text(SUITE, encoding="utf-8")
    python.lenders = [newer, older]
    run = command.Run(command.parse(["--self-check", "--fresh"]))
    run.python = python
    verdict = run.suite(Suite("borrowed", ("test.test_borrowed",)))
    assert (verdict.problem, verdict.lender) == ("", str(older))
    assert verdict.stock is not None
    assert verdict.stock.cases["test.test_borrowed.Event.test_is_set_after_set"].passed


def test_a_borrowed_package_is_run_part_by_part(python: Python, tmp_path: Path, build: None) -> None:
    package = tmp_path / "test" / "test_borrowed"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "test_part.py").write_text(SUITE, encoding="utf-8")
    python.lenders = [package.parent]
    outcomes = Watch(python, Suite("borrowed", ("test.test_borrowed",)), "stock", Limits()).run()
    assert outcomes.cases["test.test_borrowed.test_part.Event.test_is_set_after_set"].passed
    assert len(outcomes.cases) == 8
