"""A worker that the kernel kills for want of memory, in a control group with a limit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes.control_group import limited

PROGRAM = Path(__file__).resolve().parent / "programs" / "out_of_memory.py"
MIB = 1 << 20


def test_a_worker_that_the_kernel_killed_for_want_of_memory_is_reported_as_such_and_the_others_go_on():
    with limited(200 * MIB) as group:
        if group is None:
            pytest.skip("no control group with a limit of memory can be made here: that takes rights")
        done = subprocess.run(
            [sys.executable, str(PROGRAM), str(group), str(400 * MIB)],
            env={**os.environ, "ROPEWALK": "1"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["out of memory"] is True
    assert told["limit"] == 200 * MIB
    assert told["after"] == 2
    assert "was killed by SIGKILL (the kernel was out of memory: limit 200 MiB" in told["text"]
    assert "while doing" in told["text"]
    assert "grow" in told["text"]
