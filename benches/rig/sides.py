"""What is compared with what.

A side is put in place, built upon, and put in place again before each of its turns. So the standard library
is timed in a process without install(), and ropewalk in one with it, though it is one process: the names that
a class of the standard library looks up while it runs (Event asks for Condition, Queue for Lock) are its own
each time.
"""

from __future__ import annotations

import concurrent.futures
import importlib
import queue
import threading
from functools import cache
from types import ModuleType, SimpleNamespace
from typing import Any

from rig import children
from rig.case import NotThere

MODULES = SimpleNamespace(threading=threading, queue=queue, futures=concurrent.futures)
"""What a case is given: the real modules. It picks its classes while its side is in place."""


def ropewalk() -> ModuleType:
    """The package under test.

    Raises NotThere if it cannot be imported here.
    """
    try:
        return importlib.import_module("ropewalk")
    except ImportError as error:
        raise NotThere(f"ropewalk cannot be imported: {error}") from error


class Stock:
    """The standard library alone."""

    name = "stdlib"

    def enter(self) -> None:
        """Takes install() back, if it was done."""
        try:
            package = ropewalk()
        except NotThere:
            return
        package.uninstall()

    def require(self, names: tuple[str, ...]) -> None:
        """Has everything."""


class Installed:
    """What install() puts in the place of the standard library."""

    name = "ropewalk"

    def enter(self) -> None:
        """Installs."""
        ropewalk().install()

    def require(self, names: tuple[str, ...]) -> None:
        """Raises NotThere unless install() replaced every one of the dotted `names`."""
        for name in names:
            module, _, attribute = name.rpartition(".")
            found: Any = getattr(importlib.import_module(module), attribute, None)
            if attribute in ("Lock", "RLock"):  # functions, in some versions
                found = type(found())
            if not getattr(found, "__ropewalk__", False):
                raise NotThere(f"{name} is still the standard library's")


@cache
def _deadlocks_are_found() -> str:
    return children.answer("deadlocked.py", "ropewalk")


class Doctor(Installed):
    """Ropewalk with the deadlock doctor set to `setting`."""

    def __init__(self, setting: str) -> None:
        self.setting = setting
        self.name = f"doctor {setting}"

    def enter(self) -> None:
        """Installs, and sets the doctor.

        Raises NotThere if ropewalk has no doctor yet.
        """
        super().enter()
        package = ropewalk()
        if not hasattr(package, "deadlock"):
            raise NotThere("ropewalk.deadlock is not there")
        package.deadlock = self.setting

    def require(self, names: tuple[str, ...]) -> None:
        """Raises NotThere unless `names` are ropewalk's and a certain deadlock is found."""
        super().require(names)
        _deadlocks_are_found()


PAIRS = {
    "installed": (Stock(), Installed()),
    "doctor": (Doctor("off"), Doctor("raise")),
    "noise": (Stock(), Stock()),
}
"""The first of a pair stands in the left column. `noise` is one side twice: what chance does."""
