"""What other programs leave in /dev/shm is no test's."""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
from pathlib import Path
from tests import own_files
if not own_files.take():
    raise SystemExit(3)
assert not list(Path("/dev/shm").iterdir())
Path("/dev/shm/ropewalk-mine").touch()
print("mine", flush=True)
input()
"""


def test_a_run_sees_no_file_of_others_and_they_see_none_of_its():
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        cwd=Path(__file__).resolve().parents[1],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    said = program.stdout.readline()
    seen = Path("/dev/shm/ropewalk-mine").exists()
    program.communicate("\n")
    if program.returncode == 3:
        pytest.skip("a /dev/shm of one's own takes rights that this user has not")
    assert (said, seen, program.returncode) == ("mine\n", False, 0)
