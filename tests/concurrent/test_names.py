"""The module's names, and those that install() patches."""

from __future__ import annotations

import concurrent.futures as original
import sys

import ropewalk.concurrent.futures as ours


def test_every_public_name_of_the_original_is_there() -> None:
    assert set(ours.__all__) >= set(original.__all__) - {"InterpreterPoolExecutor"}
    for name in original.__all__:
        assert hasattr(ours, name)
    assert issubclass(ours.ProcessPoolExecutor, original.ProcessPoolExecutor)
    assert ours.CancelledError is original.CancelledError
    assert ours.TimeoutError is original.TimeoutError


def test_every_name_patched_is_there_in_its_module() -> None:
    import concurrent.futures.thread  # noqa: F401

    for module, names in ours.PATCHES.items():
        for name, value in names.items():
            there = getattr(sys.modules[module], name)
            assert there.__name__ == value.__name__
            assert there.__module__ == value.__module__
