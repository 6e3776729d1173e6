"""A program ends while its pool still has work: quietly, and nobody stays behind."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import multiprocessing, time

def sleep(number):
    time.sleep(60)

if __name__ == "__main__":
    multiprocessing.set_start_method(%r)
    pool = multiprocessing.Pool(2)
    assert pool.apply(abs, (-1,)) == 1
    for number in range(10):
        pool.apply_async(sleep, (number,))
    pool.close()
    print("end")
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("turn", range(3))
def test_a_program_that_joins_no_pool_ends_at_once_and_says_nothing(method, turn, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM % method)
    done = subprocess.run(
        [sys.executable, "-m", "ropewalk", str(program)],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "end\n", "")
