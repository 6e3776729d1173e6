"""python -m tests.parity: the command line, and the order of a run."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import expected, lanes, packages, probe, report, stock
from .suites import SUITES, Python, Suite, ask
from .verdict import RETRIES, Verdict, judge
from .watch import Limits, Outcome, Outcomes, SuiteError, stop


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.parity", description="CPython's own suites, stock and ropewalk."
    )
    scope = parser.add_mutually_exclusive_group()
    scope.add_argument(
        "--quick",
        action="store_true",
        help="threads, queues, futures, and processes that are forked (the default)",
    )
    scope.add_argument(
        "--full", action="store_true", help="those, every start method, and what ropewalk must not harm"
    )
    parser.add_argument(
        "--suite",
        nargs="+",
        metavar="NAME",
        choices=[suite.name for suite in SUITES],
        help="these suites only",
    )
    parser.add_argument("--case", metavar="SUBSTRING", default="", help="only cases with this in their name")
    parser.add_argument("--python", metavar="PATH", default=sys.executable, help="the Python under test")
    parser.add_argument("--json", metavar="OUT", type=Path, help="write all that was found to this file")
    parser.add_argument("--jobs", type=int, default=2, help="suites at once (default: 2)")
    parser.add_argument(
        "--fresh", action="store_true", help="run stock again, whatever is kept of earlier runs"
    )
    parser.add_argument(
        "--strict", action="store_true", help="entries that no longer fail, and unsteady cases, fail the run"
    )
    parser.add_argument(
        "--case-timeout", type=float, default=300, metavar="S", help="seconds after which a case hangs"
    )
    parser.add_argument(
        "--once", action="store_true", help="run no failure again: a look, while many cases still fail"
    )
    parser.add_argument("--verbose", action="store_true", help="whole tracebacks")
    engine = parser.add_mutually_exclusive_group()
    engine.add_argument("--self-check", action="store_true", help="stock against stock: all must pass")
    engine.add_argument(
        "--engine", metavar="FILE", type=Path, help="execute this in place of ropewalk.install()"
    )
    return parser.parse_args(arguments)


class Run:
    """One Python, some suites."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.python: Python = ask(options.python)
        self.expected = {} if options.self_check else expected.read(self.python.version)
        self.engine = (
            "stock" if options.self_check else str(options.engine.resolve()) if options.engine else "ropewalk"
        )

    def chosen(self) -> list[Suite]:
        if self.options.suite:
            chosen = [suite for suite in SUITES if suite.name in self.options.suite]
        else:
            chosen = [suite for suite in SUITES if suite.quick or self.options.full]
        return [packages.resolved(suite, self.python) for suite in chosen]

    def selected(self, case: str) -> bool:
        return self.options.case in case

    def outcomes(
        self, suite: Suite, engine: str, known: Outcomes | None = None, only: list[str] | None = None
    ) -> Outcomes:
        seconds = {case: outcome.seconds for case, outcome in known.cases.items()} if known else {}
        limits = Limits(self.options.case_timeout, seconds)
        return lanes.run(self.python, suite, engine, limits, only, "" if only else self.options.case)

    def on_stock(self, verdict: Verdict) -> Outcomes:
        """Stock's outcomes, kept or new. What fails gets a second chance alone: in doubt a case counts."""
        suite = verdict.suite
        lender = self.python.lender(suite)
        verdict.lender = str(lender or "")
        kept = None if self.options.fresh else stock.load(self.python, suite)
        if kept is not None:
            verdict.cached = True
            return kept
        try:
            outcomes = self.outcomes(suite, "stock")
        except SuiteError:
            if lender is None:
                raise
            self.python.unfit.add((suite.name, lender))
            if self.python.lender(suite) is None:
                raise
            return self.on_stock(verdict)
        for case, outcome in outcomes.cases.items():
            if not outcome.passed and outcome.kind not in ("skip", "not run"):
                again = self.outcomes(suite, "stock", only=[case]).cases.get(case)
                if again is not None and again.passed:
                    outcomes.cases[case] = again
        if not self.options.case:
            stock.save(self.python, suite, outcomes)
        return outcomes

    def suite(self, suite: Suite) -> Verdict:
        """Both engines through one suite."""
        verdict = Verdict(suite)
        if not suite.modules:
            verdict.absent = f"not installed with this Python: {suite.package}, or the tests that it runs"
            return verdict
        missing = self.python.missing(suite)
        if missing and self.python.lender(suite) is None:
            verdict.absent = f"not shipped with this Python, nor with another one here: {', '.join(missing)}"
            return verdict
        try:
            verdict.stock = self.on_stock(verdict)
            if self.options.case:
                verdict.stock.cases = {
                    name: case for name, case in verdict.stock.cases.items() if self.selected(name)
                }
            if not verdict.stock.cases:
                return verdict
            # What hangs on stock counts for nothing, and takes minutes.
            only = [case for case, outcome in verdict.stock.cases.items() if outcome.kind != "hang"]
            if not self.options.case and len(only) == len(verdict.stock.cases):
                only = None
            verdict.ours = self.outcomes(suite, self.engine, verdict.stock, only)
        except SuiteError as error:
            side = "ropewalk" if verdict.stock else "stock"
            verdict.problem = f"{side}: {error}"
        self.say(verdict)
        return verdict

    def say(self, verdict: Verdict) -> None:
        if verdict.stock and verdict.ours:
            passes = sum(outcome.passed for outcome in verdict.stock.cases.values())
            ours = sum(outcome.passed for outcome in verdict.ours.cases.values())
            kept = "kept" if verdict.cached else f"{verdict.stock.seconds:.0f} s"
            text = f"stock passes {passes} ({kept}), ropewalk {ours} ({verdict.ours.seconds:.0f} s)"
        else:
            text = verdict.problem.splitlines()[0]
        print(f"{verdict.suite.name}: {text}", file=sys.stderr, flush=True)

    def judge(self, verdict: Verdict) -> None:
        def again(case: str, side: str) -> Outcome:
            engine = "stock" if side == "stock" else self.engine
            try:
                return self.outcomes(verdict.suite, engine, verdict.stock, [case]).cases.get(
                    case, Outcome("absent")
                )
            except SuiteError as error:
                return Outcome("crash", detail=str(error))

        if verdict.stock and verdict.ours:
            retries = 0 if self.options.once else RETRIES
            judge(verdict, self.expected, again, self.selected, retries)

    def run(self) -> list[Verdict]:
        """All suites, some at once; then, one by one and undisturbed, what failed."""
        with ThreadPoolExecutor(self.options.jobs) as pool:
            try:
                verdicts = list(pool.map(self.suite, self.chosen()))
            except BaseException:
                stop()
                raise
        for verdict in verdicts:
            self.judge(verdict)
        if self.options.case:
            verdicts = [verdict for verdict in verdicts if verdict.counted or verdict.problem]
        return verdicts


def main(arguments: list[str] | None = None) -> int:
    """Run; return 0 if every suite that could be run reached its bar with no failure that is not listed."""
    options = parse(arguments)
    run = Run(options)
    verdicts = run.run()
    place = probe.look(run.python) if run.engine == "ropewalk" else None
    version = next((str(v.ours.engine["version"]) for v in verdicts if v.ours and v.ours.engine), "")
    print(report.heading(run.python, run.engine, version, place))
    print()
    print(report.table(verdicts, options.strict))
    print(report.details(verdicts, options.verbose))
    if options.json:
        options.json.write_text(
            json.dumps(report.to_json(run.python, verdicts, options.strict), indent=1), encoding="utf-8"
        )
    if not verdicts:
        print("no suite has such a case")
        return 1
    return 0 if all(verdict.ok(options.strict) for verdict in verdicts) else 1


def _take_signals() -> None:
    """Ends the suites with the run. A shell's background job, and its children, would ignore SIGINT."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


if __name__ == "__main__":
    _take_signals()
    sys.exit(main())
