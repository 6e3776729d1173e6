"""The runner's own words: subcommands, usage, help, version, refusals."""

from __future__ import annotations

import shutil
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest
import ropewalk

from tests.cli.place import INSIDE, PROBE, RUNNER, STOCK, Place

SCRIPT = "import sys; print('file', sys.argv)\n"
CONSOLE_SCRIPT = Path(sysconfig.get_path("scripts")) / "ropewalk"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["-Z"], "Unknown option: -Z"),
        (["-uZ", "program.py"], "Unknown option: -Z"),
        (["--nonsense", "program.py"], "Unknown option: --nonsense"),
        (["run", "-Z", "program.py"], "Unknown option: -Z"),
        (["-t", "program.py"], "Unknown option: -t"),
        (["-c"], "Argument expected for the -c option"),
        (["-m"], "Argument expected for the -m option"),
        (["-W"], "Argument expected for the -W option"),
        (["-OX"], "Argument expected for the -X option"),
        (["-I", "program.py"], "The -I option decides"),
        (["-uS", "program.py"], "The -S option decides"),
        (["env", "--nonsense"], "Unknown argument of env: --nonsense"),
        (["-O", "env"], "env takes none of python's options"),
    ],
)
def test_a_command_line_without_sense_gets_its_usage_and_exit_code_2(
    place: Place, words: list[str], reason: str
) -> None:
    place.put("program.py", SCRIPT)
    shown = place.run([*RUNNER, *words])
    assert shown.code == 2
    assert shown.output == ""
    assert shown.errors.startswith(reason)
    assert "\nusage: ropewalk [run]" in shown.errors


@pytest.mark.skipif(sys.version_info >= (3, 11), reason="-P is an option of 3.11 and later")
def test_an_option_of_a_later_python_is_unknown(place: Place) -> None:
    assert place.run([*RUNNER, "-P", "program.py"]).code == 2


@pytest.mark.parametrize("word", ["-h", "--help", "-?"])
def test_help_goes_to_standard_output(place: Place, word: str) -> None:
    shown = place.run([*RUNNER, word])
    assert shown.output.startswith("usage: ropewalk [run]")
    assert (shown.errors, shown.code) == ("", 0)


@pytest.mark.parametrize("word", ["-V", "--version"])
def test_the_version_is_that_of_the_extension(place: Place, word: str) -> None:
    assert place.run([*RUNNER, word]) == (f"ropewalk {ropewalk.__version__}\n", "", 0)


def test_options_after_the_target_belong_to_the_program(place: Place) -> None:
    place.put("program.py", SCRIPT)
    words = ["program.py", "-Z", "--help", "-V", "--", "-c"]
    assert place.run([*RUNNER, *words]).output == f"file {words}\n"


def test_a_subcommand_wins_over_a_file_of_its_name(place: Place) -> None:
    place.put("env", SCRIPT)
    place.put("run", SCRIPT)
    assert place.run([*RUNNER, "env"]).output.startswith("ropewalk\n  version")
    assert place.run([*RUNNER, "run", "env"]).output == "file ['env']\n"
    assert place.run([*RUNNER, "./env"]).output == "file ['./env']\n"
    assert place.run([*RUNNER, "run", "run"]).output == "file ['run']\n"


@pytest.mark.parametrize("words", [["run", "-O"], ["-O", "run"], ["run", "-O", "--"]])
def test_run_may_be_written_out_and_options_stand_on_both_sides(place: Place, words: list[str]) -> None:
    place.put("program.py", "import sys; print(sys.flags.optimize, sys.argv)")
    assert place.run([*RUNNER, *words, "program.py", "x"]).output == "1 ['program.py', 'x']\n"


@pytest.mark.parametrize("runner", [RUNNER, INSIDE], ids=["become", "inside"])
def test_the_program_runs_on_ropewalk(place: Place, runner: list[str]) -> None:
    assert place.run([*runner, "-c", PROBE]).output == "ropewalk\n"
    assert place.run([*STOCK, "-c", PROBE]).output == "stock\n"


def test_the_console_script_does_the_same(place: Place) -> None:
    place.put("program.py", SCRIPT + PROBE + "\nprint(sys.path[0], sys.flags.optimize)\nraise SystemExit(3)")
    ours = place.run([str(CONSOLE_SCRIPT), "-O", "program.py", "a b"])
    assert ours == (f"file ['program.py', 'a b']\nropewalk\n{place.folder} 1\n", "", 3)


def test_options_need_a_fresh_interpreter(place: Place) -> None:
    shown = place.run([*INSIDE, "-O", "-c", "print('never')"])
    assert shown.code == 2
    assert shown.errors.startswith("-O is for a fresh interpreter")


REFUSING = """\
from ropewalk.errors import UnsupportedInterpreter
def install(*, locks=True):
    raise UnsupportedInterpreter("not on\\n  this one")
"""
BROKEN = "import no_extension\n"
DEFECT = "def install(*, locks=True):\n    {}['a']\n"
refusals = pytest.mark.parametrize(
    ("install", "line"),
    [(REFUSING, "ropewalk: not on this one\n"), (BROKEN, "ropewalk: No module named 'no_extension'\n")],
    ids=["unsupported", "broken"],
)


@pytest.fixture
def another_ropewalk(place: Place) -> Callable[[str], str]:
    """Makes a folder with a copy of the package, with another install(), for PYTHONPATH."""

    def copy(install: str) -> str:
        package = Path(str(ropewalk.__file__)).parent
        folder = place.folder / "another"
        shutil.copytree(package, folder / "ropewalk", ignore=shutil.ignore_patterns("*.so", "__pycache__"))
        place.put("another/ropewalk/installer/__init__.py", install)
        return str(folder)

    return copy


@refusals
@pytest.mark.parametrize("runner", [RUNNER, INSIDE], ids=["become", "inside"])
def test_a_refused_install_is_one_line_and_exit_code_2(
    place: Place, runner: list[str], another_ropewalk: Callable[[str], str], install: str, line: str
) -> None:
    path = another_ropewalk(install)
    assert place.run([*runner, "-c", "print('never')"], PYTHONPATH=path) == ("", line, 2)


@refusals
def test_a_child_that_cannot_have_ropewalk_is_stock_without_a_word(
    place: Place, another_ropewalk: Callable[[str], str], install: str, line: str
) -> None:
    path = another_ropewalk(install)
    assert place.run([*STOCK, "-c", PROBE], PYTHONPATH=path, ROPEWALK="1") == ("stock\n", "", 0)


def test_a_defect_of_ours_is_shown_but_a_child_goes_on(
    place: Place, another_ropewalk: Callable[[str], str]
) -> None:
    path = another_ropewalk(DEFECT)
    child = place.run([*STOCK, "-c", PROBE], PYTHONPATH=path, ROPEWALK="1")
    assert (child.output, child.code) == ("stock\n", 0)
    assert "KeyError: 'a'" in child.errors
    direct = place.run([*RUNNER, "-c", PROBE], PYTHONPATH=path)
    assert direct == ("", "ropewalk: KeyError: 'a'\n", 2)
