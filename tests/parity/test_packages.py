"""Suites of packages: each module by itself, at home on the loopback, on the greenlet that was asked for."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.parity import lanes, packages
from tests.parity.suites import Suite, ask
from tests.parity.watch import Limits

HERE = Path(__file__).parent

SOCKETS = """
import json, runpy, socket, sys
runpy.run_path(sys.argv[1])
said = []
def attempt(what, *args):
    try:
        what(*args)
    except OSError as error:
        said.append("only the loopback" in str(error))
    else:
        said.append(None)
for call in json.loads(sys.argv[2]):
    name, *args = call
    sock = socket.socket(socket.AF_UNIX if args == ["x.sock"] else socket.AF_INET)
    args = [tuple(arg) if isinstance(arg, list) else arg for arg in args]
    attempt(getattr(socket if name.startswith("get") else sock, name), *args)
    sock.close()
print(json.dumps(said))
"""

PATCHES = """
import sys, unittest
first = not hasattr(sys, "patched")
sys.patched = True
class Test(unittest.TestCase):
    def test_the_interpreter_is_as_it_was(self):
        self.assertTrue(first)
"""


def refused(*calls: list[object], folder: Path) -> list[bool | None]:
    done = subprocess.run(
        [sys.executable, "-c", SOCKETS, str(HERE / "loopback.py"), json.dumps(calls)],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
        timeout=300,
    )
    found: list[bool | None] = json.loads(done.stdout)
    return found


def test_what_leaves_the_loopback_is_refused_and_what_stays_is_not(tmp_path: Path) -> None:
    away = [
        ["bind", ["", 0]],
        ["bind", ["0.0.0.0", 0]],
        ["connect", ["192.0.2.1", 9]],
        ["getaddrinfo", "name.invalid", 80],
        ["gethostbyname", "name.invalid"],
    ]
    assert refused(*away, folder=tmp_path) == [True] * len(away)
    home = [["bind", ["127.0.0.1", 0]], ["bind", "x.sock"], ["getaddrinfo", "localhost", 80]]
    assert refused(*home, folder=tmp_path) == [None] * len(home)


@pytest.fixture
def barn(tmp_path: Path) -> Suite:
    for name, text in {
        "one": PATCHES,
        "two": PATCHES,
        "script": "import sys; sys.exit(0 if __name__ == '__main__' else 1)",
        "broken": "import no_such_module_at_all",
        "told": PATCHES + "\nassert sys.argv[1:] == ['kept/by_name.py'], sys.argv",
        "dirty": PATCHES + "\nimport atexit, os; atexit.register(os._exit, 7)",
    }.items():
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    modules = ("one", "two", "-m script", "broken", "told kept/by_name.py", "dirty")
    return Suite("barn", modules, apart=True, environment={"PYTHONPATH": str(tmp_path)})


def test_each_module_has_an_interpreter_of_its_own_and_its_exit_is_a_case(barn: Suite) -> None:
    found = lanes.run(ask(sys.executable), barn, "stock", Limits())
    assert {name: outcome.kind for name, outcome in found.cases.items()} == {
        "one.Test.test_the_interpreter_is_as_it_was": "pass",
        "one:exit": "pass",
        "two.Test.test_the_interpreter_is_as_it_was": "pass",
        "two:exit": "pass",
        "script.program": "pass",
        "script:exit": "pass",
        "broken:load": "error",
        "by_name:told.Test.test_the_interpreter_is_as_it_was": "pass",
        "by_name:exit": "pass",
        "dirty.Test.test_the_interpreter_is_as_it_was": "pass",
        "dirty:exit": "error",
    }
    assert "exit code 7" in found.cases["dirty:exit"].detail
    assert "no_such_module_at_all" in found.cases["broken:load"].detail


def test_a_case_is_found_again_by_its_name(barn: Suite) -> None:
    for name in ("two.Test.test_the_interpreter_is_as_it_was", "script.program"):
        found = lanes.run(ask(sys.executable), barn, "stock", Limits(), only=[name])
        assert list(found.cases) == [name]
    found = lanes.run(ask(sys.executable), barn, "stock", Limits(), only=["dirty:exit"])
    assert found.cases["dirty:exit"].kind == "error"
    found = lanes.run(ask(sys.executable), barn, "stock", Limits(), part="by_name")
    assert list(found.cases) == ["by_name:told.Test.test_the_interpreter_is_as_it_was", "by_name:exit"]


def test_a_package_that_is_not_there_leaves_a_suite_with_no_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    python = ask(sys.executable)
    plain = Suite("threads", ("test.test_thread",))
    assert packages.resolved(plain, python) == plain
    monkeypatch.setattr(packages, "_look", lambda executable: None)
    assert packages.resolved(Suite("gevent", package="gevent", apart=True), python).modules == ()


def test_gevents_modules_are_all_taken_but_those_with_a_reason() -> None:
    installed = packages._look(sys.executable)
    if installed is None:
        pytest.skip("gevent is not installed in this environment")
    modules = packages.own_modules(installed.tests)
    assert "gevent.tests.test__greenlet" in modules
    assert "-m gevent.tests.test__sleep0" in modules
    left = {file.stem for file in installed.tests.glob("test_*.py")} - {
        name.rpartition(".")[2] for name in modules
    }
    assert len(modules) > 100
    assert len(left) < 20
