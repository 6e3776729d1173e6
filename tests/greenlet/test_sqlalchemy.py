"""SQLAlchemy's asyncio, which runs its synchronous half in a greenlet; in the long form its own tests of that too."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.greenlet.program import python

#: Its source distribution, as `make test-all` unpacks it: the wheel has no tests.
SOURCE = Path(__file__).parents[2] / "build" / "sqlalchemy"
THEIRS = ["test/ext/asyncio", "test/base/test_concurrency_py3k.py", "test/engine/test_pool.py"]


def test_synchronous_code_waits_for_coroutines():
    assert python("""
        import ropewalk
        ropewalk.install()
        import asyncio
        from sqlalchemy.util import await_only, greenlet_spawn

        async def double(number):
            await asyncio.sleep(0)
            return number * 2

        def synchronous(number):
            return await_only(double(await_only(double(number))))

        async def main():
            print(await asyncio.gather(*(greenlet_spawn(synchronous, n) for n in range(5))))
            def fails():
                raise KeyError("seen")
            try:
                await greenlet_spawn(fails)
            except KeyError as error:
                print(error)

        asyncio.run(main())
    """) == ["[0, 4, 8, 12, 16]", "'seen'"]


def outcomes(side, folder):
    """How each of SQLAlchemy's tests ended, with aiosqlite for a database."""
    report = folder / f"{side}.xml"
    command = [sys.executable, "-m", "pytest", *THEIRS, "--db", "aiosqlite", "-p", "no:cacheprovider", "-q"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ROPEWALK")}
    environment |= {"ROPEWALK": "1"} if side == "ropewalk" else {}
    # -I, and they take what is installed, not what lies beside them.
    command.insert(1, "-I")
    done = subprocess.run(
        [*command, f"--junit-xml={report}"],
        cwd=SOURCE,
        env=environment,
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    found = {}
    for case in ElementTree.parse(report).iter("testcase"):
        end = next((child.tag for child in case if child.tag in ("failure", "error", "skipped")), "passed")
        found[case.get("classname"), case.get("name")] = end
    return found


@pytest.mark.skipif(os.environ.get("ROPEWALK_TEST_FULL") != "1", reason="the long form: ROPEWALK_TEST_FULL=1")
def test_sqlalchemys_own_asyncio_tests_end_as_on_the_package_greenlet(tmp_path):
    if not (SOURCE / "test").is_dir():
        pytest.fail(f"SQLAlchemy's tests are not in {SOURCE}: `make sqlalchemy-tests` brings them there")
    theirs, ours = outcomes("package", tmp_path), outcomes("ropewalk", tmp_path)
    assert Counter(theirs.values())["passed"] > 300
    assert ours == theirs
