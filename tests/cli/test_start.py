"""Child interpreters of a program under the runner: which inherit ropewalk, and which do not."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.cli.place import INSIDE, PROBE, RUNNER, STOCK, Place, environment

START_FILE = Path(sysconfig.get_path("purelib")) / "ropewalk_start.pth"

# Runs the words in its arguments as a child; `{change}` may change the environment before.
PARENT = """\
import os, subprocess, sys
{change}
sys.stdout.flush()
subprocess.run([sys.executable, *sys.argv[1:]], check=True)
"""


def child_of_the_runner(place: Place, *words: str, change: str = "") -> str:
    place.put("parent.py", PARENT.format(change=change))
    shown = place.run([*RUNNER, "parent.py", *words])
    assert (shown.errors, shown.code) == ("", 0)
    return shown.output


@pytest.mark.parametrize(
    "options", [[], ["-I"], ["-E"], ["-s"], ["-B", "-O"], ["-Xdev"], ["-Werror"]], ids=str
)
def test_a_child_interpreter_inherits(place: Place, options: list[str]) -> None:
    assert child_of_the_runner(place, *options, "-c", PROBE) == "ropewalk\n"


def test_a_grandchild_inherits(place: Place) -> None:
    assert child_of_the_runner(place, "parent.py", "-I", "-c", PROBE) == "ropewalk\n"


def test_a_child_without_site_is_stock(place: Place) -> None:
    assert child_of_the_runner(place, "-S", "-c", PROBE) == "stock\n"


def test_a_child_without_the_variable_is_stock(place: Place) -> None:
    assert child_of_the_runner(place, "-c", PROBE, change="del os.environ['ROPEWALK']") == "stock\n"


@pytest.mark.parametrize("value", ["", "0", "no", "2"])
def test_only_the_value_1_means_yes(place: Place, value: str) -> None:
    assert place.run([*STOCK, "-c", PROBE], ROPEWALK=value) == ("stock\n", "", 0)


def test_the_variable_set_by_hand_does_the_same(place: Place) -> None:
    assert place.run([*STOCK, "-c", PROBE], ROPEWALK="1") == ("ropewalk\n", "", 0)


@pytest.mark.parametrize("runner", [RUNNER, INSIDE], ids=["become", "inside"])
def test_the_program_sees_one_variable_and_no_other(place: Place, runner: list[str]) -> None:
    shown = place.run(
        [*runner, "-c", "import os; print({k: v for k, v in os.environ.items() if 'ROPEWALK' in k})"]
    )
    assert shown.output == "{'ROPEWALK': '1'}\n"


def test_a_child_of_another_python_without_ropewalk_is_stock(place: Place) -> None:
    other = place.folder / "other"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(other)], check=True, env=environment())
    assert place.run([str(other / "bin" / "python"), "-c", PROBE], ROPEWALK="1") == ("stock\n", "", 0)


def test_a_start_file_left_behind_by_an_uninstall_says_nothing(place: Place) -> None:
    other = place.folder / "other"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(other)], check=True, env=environment())
    (packages,) = other.glob("lib/python*/site-packages")
    (packages / START_FILE.name).write_text(START_FILE.read_text())
    python = str(other / "bin" / "python")
    assert place.run([python, "-c", PROBE], ROPEWALK="1") == ("stock\n", "", 0)
    (packages / "ropewalk").mkdir()  # half of it is gone
    assert place.run([python, "-c", PROBE], ROPEWALK="1") == ("stock\n", "", 0)


def test_an_interpreter_without_the_variable_imports_nothing(place: Place) -> None:
    code = "import sys; print([name for name in sys.modules if 'ropewalk' in name])"
    assert place.run([*STOCK, "-c", code]) == ("[]\n", "", 0)


def test_the_start_imports_neither_threading_nor_queue(place: Place) -> None:
    code = "import sys; print([name for name in ('threading', 'queue', 'concurrent', 'signal') if name in sys.modules])"
    expected = place.run([*STOCK, "-c", code])
    assert place.run([*RUNNER, "-c", code]) == expected


def test_the_wheel_and_this_environment_carry_the_same_start_file() -> None:
    source = Path(__file__).parents[2] / "ropewalk.data" / "purelib" / START_FILE.name
    assert START_FILE.read_text() == source.read_text()
    # The path file of an editable install has to be read before it: `site` goes by name.
    assert START_FILE.name > "ropewalk.pth"


SPAWNS = """\
import concurrent.futures, multiprocessing, os, pickle, sys
class Task:
    def __init__(self, n): self.n = n
    def __call__(self):
        import queue, __main__
        kind = getattr(queue.Queue, "__ropewalk__", False)
        main = sys.modules["__main__"]
        return self.n * 2, main.__name__, os.path.basename(main.__file__), main.Task is Task, Task.__module__, kind
def call(task):
    return task()
def through_queue(inbox, outbox):
    outbox.put(inbox.get()())
if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    inbox, outbox = context.Queue(), context.Queue()
    process = context.Process(target=through_queue, args=(inbox, outbox))
    process.start()
    inbox.put(Task(1))
    print(outbox.get())
    process.join()
    print(process.exitcode)
    with context.Pool(2) as pool:
        print(pool.map(call, [Task(2), Task(3)]))
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
        print(list(pool.map(call, [Task(4), Task(5)])))
"""


@pytest.mark.parametrize("method", ["spawn", "forkserver", "fork"])
@pytest.mark.parametrize("form", ["script", "module", "module in a package"])
@pytest.mark.parametrize("runner", [RUNNER, INSIDE], ids=["become", "inside"])
def test_process_children_find_the_program_and_inherit(
    place: Place, method: str, form: str, runner: list[str]
) -> None:
    # A package's or folder's __main__ is left out: there the standard library's children do not find their tasks.
    path, words = {
        "script": ("program.py", ["program.py"]),
        "module": ("program.py", ["-m", "program"]),
        "module in a package": ("package/program.py", ["-m", "package.program"]),
    }[form]
    place.put(path, SPAWNS)
    stock = place.run([*STOCK, *words, method])
    assert (stock.errors, stock.code) == ("", 0)
    ours = place.run([*runner, *words, method])
    assert ours == stock._replace(output=stock.output.replace(", False)", ", True)"))
    assert ours.output.count("True)") == 5


SUBINTERPRETER = """\
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
interpreter = interpreters.create()
interpreters.run_string(interpreter, '''
import sys
print("queue" in sys.modules, "ropewalk._ropewalk" in sys.modules, flush=True)
''')
interpreters.destroy(interpreter)
print("still here")
"""


def test_a_subinterpreter_of_the_program_is_left_alone_without_a_word(place: Place) -> None:
    stock = place.run([*STOCK, "-c", SUBINTERPRETER])
    assert stock == ("False False\nstill here\n", "", 0)
    assert place.run([*RUNNER, "-c", SUBINTERPRETER]) == stock


PATHLESS = [sys.executable, "-S", "-m", "ropewalk"]


def test_without_the_start_file_the_program_runs_inside(place: Place) -> None:
    import ropewalk

    folder = os.path.dirname(os.path.dirname(str(ropewalk.__file__)))
    place.put("program.py", PROBE + "\nimport sys; print(sys.argv, sys.path[0])")
    shown = place.run([*PATHLESS, "program.py", "x"], PYTHONPATH=folder)
    assert shown == (f"ropewalk\n['program.py', 'x'] {place.folder}\n", "", 0)
