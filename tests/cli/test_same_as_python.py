"""Every program of the table shows the same under python and under the runner."""

from __future__ import annotations

import pytest

from tests.cli.place import INSIDE, RUNNER, STOCK, Place
from tests.cli.programs import OF_A_FRESH_INTERPRETER, PROGRAMS, Program, lay_out

by_name = {"ids": lambda program: program.name.replace(" ", "-")}


def ran_twice(place: Place, program: Program, runner: list[str]) -> None:
    lay_out(program, place.folder)
    expected = place.run([*STOCK, *program.words], program.stdin)
    assert place.run([*runner, *program.words], program.stdin) == expected


@pytest.mark.parametrize("program", PROGRAMS + OF_A_FRESH_INTERPRETER, **by_name)
def test_a_program_shows_the_same_through_the_runner(place: Place, program: Program) -> None:
    ran_twice(place, program, RUNNER)


@pytest.mark.parametrize("program", PROGRAMS, **by_name)
def test_a_program_shows_the_same_inside_an_interpreter_that_stays(place: Place, program: Program) -> None:
    ran_twice(place, program, INSIDE)


SEES_ITS_START = """\
import sys, inspect
print(sys.orig_argv, sys._getframe().f_back, len(inspect.stack()), sys.getrecursionlimit())
def depth():
    try:
        return 1 + depth()
    except RecursionError:
        return 0
print(depth())
"""


def test_nothing_of_the_runner_stands_below_the_program(place: Place) -> None:
    place.put("program.py", SEES_ITS_START)
    words = ["-O", "program.py", "x"]
    assert place.run([*RUNNER, *words]) == place.run([*STOCK, *words])


def test_the_interpreters_own_options_stay(place: Place) -> None:
    place.put("program.py", "import sys; print(sys.flags, sys.orig_argv)")
    stock = place.run([*STOCK, "-I", "-X", "dev", "-Werror", "-O", "-u", "program.py"])
    ours = place.run([*STOCK, "-I", "-Xdev", "-Werror", "-Om", "ropewalk", "-u", "program.py"])
    assert stock.code == ours.code == 0
    assert ours.output.split(") [")[0] == stock.output.split(") [")[0]


def test_the_process_stays_the_same(place: Place) -> None:
    place.put("program.py", "import os; print(os.getpid())")
    place.put(
        "starts.py", "import os, sys; print(os.getpid(), flush=True); os.execv(sys.executable, sys.argv[1:])"
    )
    before, after = place.run([*STOCK, "starts.py", *RUNNER, "program.py"]).output.split()
    assert before == after


def test_under_a_profiler_the_program_runs_inside_it(place: Place) -> None:
    place.put("program.py", "def work():\n    print('at work')\n\n\nwork()\n")
    shown = place.run([*STOCK, "-m", "cProfile", "-m", "ropewalk", "program.py"])
    assert shown.output.startswith("at work\n")
    assert "program.py:1(work)" in shown.output
    assert (shown.errors, shown.code) == ("", 0)
