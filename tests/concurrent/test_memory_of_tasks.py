"""Memory that tasks took while they stood in line is there for what they return."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import sys
from ropewalk.concurrent.futures import ProcessPoolExecutor

def same(payload):
    return payload

def peak():
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM"))

if __name__ == "__main__":
    tasks, size = map(int, sys.argv[1:])
    with ProcessPoolExecutor(2) as executor:
        list(executor.map(same, range(4)))
        before = peak()
        payload = b"x" * size
        futures = [executor.submit(same, payload) for _ in range(tasks)]
        assert all(len(future.result()) == size for future in futures)
        print((peak() - before) / (tasks * size))
"""


@pytest.mark.parametrize("size", [16 << 10, 64 << 10, 1 << 20])
def test_a_backlog_and_its_results_are_not_in_memory_at_the_same_time(size, tmp_path):
    file = tmp_path / "program.py"
    file.write_text(PROGRAM)
    tasks = (256 << 20) // size
    # On top: 32 MiB that the allocator keeps, what is in the shared queue, and what is rounded up.
    done = subprocess.run(
        [sys.executable, str(file), str(tasks), str(size)], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 1.3
