"""`cpu_count` counts what this process may use: its affinity, the limit of its control groups, and what it was told."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys

import pytest
from ropewalk import _ropewalk
from ropewalk.multiprocessing import cpu_count as ours
from ropewalk.multiprocessing import get_context, processors


@pytest.fixture
def machine(monkeypatch):
    """A machine of 64 processors, all of them for us."""
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(64)))
    monkeypatch.setattr(_ropewalk, "cpu_limit", lambda: None)
    return monkeypatch


def test_without_limits_it_is_the_machine(machine):
    assert ours() == get_context("spawn").cpu_count() == 64


def test_the_affinity_counts(machine):
    machine.setattr(os, "sched_getaffinity", lambda pid: {0, 5})
    assert ours() == 2


@pytest.mark.parametrize(("limit", "count"), [(0.1, 1), (1.0, 1), (1.5, 2), (2.0, 2), (100.0, 64)])
def test_the_limit_of_the_control_groups_counts_rounded_up(machine, limit, count):
    machine.setattr(_ropewalk, "cpu_limit", lambda: limit)
    assert ours() == count


def test_a_machine_that_cannot_be_counted_is_an_error(machine):
    machine.setattr(os, "cpu_count", lambda: None)
    with pytest.raises(NotImplementedError, match="cannot determine number of cpus"):
        ours()


@pytest.mark.skipif(sys.version_info < (3, 13), reason="nothing can be told before 3.13")
def test_what_the_program_was_told_counts():
    program = "from ropewalk.multiprocessing import cpu_count; print(cpu_count())"
    done = subprocess.run(
        [sys.executable, "-X", "cpu_count=77", "-c", program], capture_output=True, check=True
    )
    assert done.stdout == b"77\n"


def test_installed_it_stands_in_every_context(installed):
    contexts = [multiprocessing, *map(multiprocessing.get_context, ("fork", "spawn", "forkserver"))]
    assert all(hasattr(context.cpu_count, "__ropewalk__") for context in contexts)
    assert {context.cpu_count() for context in contexts} == {processors.usable()}


def test_uninstalled_it_is_the_originals():
    assert not hasattr(multiprocessing.cpu_count, "__ropewalk__")
    assert not hasattr(multiprocessing.get_context("fork").cpu_count, "__ropewalk__")
