"""A warm fork server: a process begins with what the program has imported."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from ropewalk.multiprocessing import zygote

PROGRAMS = Path(__file__).resolve().parent / "programs"


def run(*names):
    done = subprocess.run(
        [sys.executable, str(PROGRAMS / "warmed.py"), *names],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "ROPEWALK": "1"},
        timeout=240,
    )
    assert (done.stderr, done.returncode) == ("", 0)
    return done.stdout.split()


def test_a_process_begins_with_the_callers_modules():
    assert run() == ["colorsys", "ropewalk.multiprocessing.reseed"]


def test_modules_can_be_named_and_those_that_are_not_there_are_left_out():
    assert run("wave", "no_such_module_anywhere") == ["colorsys", "ropewalk.multiprocessing.reseed", "wave"]


def test_what_is_imported_is_told_by_public_names():
    names = zygote.imported()
    assert {"subprocess", "pytest", "ropewalk.multiprocessing.zygote"} <= set(names)
    assert not [name for name in names if name.startswith("_") or name in ("sys", "builtins")]


def test_one_name_is_no_list_of_names():
    with pytest.raises(TypeError, match="put the one into a list"):
        zygote.warm("json")


def test_a_child_of_the_server_has_random_numbers_of_its_own(monkeypatch):
    seeded = []

    class Random:
        @staticmethod
        def seed():
            seeded.append(True)

    monkeypatch.setitem(sys.modules, "numpy.random", Random)
    monkeypatch.setattr(os, "register_at_fork", lambda after_in_child: after_in_child())
    monkeypatch.delitem(sys.modules, "ropewalk.multiprocessing.reseed", raising=False)
    importlib.import_module("ropewalk.multiprocessing.reseed")
    monkeypatch.delitem(sys.modules, "ropewalk.multiprocessing.reseed")
    assert seeded == [True]
