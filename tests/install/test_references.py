"""References to the set that somebody else holds: registries of managers, modules that repeat names, pickles."""

from __future__ import annotations

import importlib
import pickle
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

CLASSES = [
    ("threading", "Barrier"),
    ("threading", "BoundedSemaphore"),
    ("threading", "Condition"),
    ("threading", "Event"),
    ("threading", "Semaphore"),
    ("queue", "LifoQueue"),
    ("queue", "PriorityQueue"),
    ("queue", "Queue"),
    ("concurrent.futures", "Future"),
    ("concurrent.futures", "ThreadPoolExecutor"),
]
MAKERS = [("threading", "Lock"), ("threading", "RLock")]

IMPORT = "import multiprocessing, multiprocessing.managers, multiprocessing.dummy, multiprocessing.dummy.connection\n"
INSTALL = "import ropewalk\nropewalk.install()\n"
UNINSTALL = "ropewalk.uninstall()\n"


def python(*program: str) -> list[str]:
    """The lines that a program, given in pieces, prints in a fresh interpreter."""
    return run("-c", "".join(map(textwrap.dedent, program)))


def run(*arguments: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


ORDERS = {
    "install before import": (INSTALL, IMPORT),
    "import before install": (IMPORT, INSTALL),
    "uninstall": (IMPORT, INSTALL, UNINSTALL),
    "import between install and uninstall": (INSTALL, IMPORT, UNINSTALL),
    "install again": (INSTALL, IMPORT, UNINSTALL, INSTALL),
}


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
@pytest.mark.parametrize("start", ["spawn", "forkserver", "fork"])
def test_a_manager_starts_in_a_process_of_every_kind(start: str, order: tuple[str, ...]) -> None:
    lines = python(
        *order,
        f"""
        with multiprocessing.get_context({start!r}).Manager() as manager:
            queue = manager.Queue(2)
            queue.put("through another process")
            print(queue.get())
            names = ["Lock", "RLock", "Semaphore", "BoundedSemaphore", "Condition", "Event", "JoinableQueue"]
            things = [getattr(manager, name)() for name in names] + [manager.Barrier(1)]
            print(len(things), things[-1].wait())
        """,
    )
    assert lines == ["through another process", "8 0"]


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_what_repeats_a_name_of_the_set_holds_what_the_set_holds(order: tuple[str, ...]) -> None:
    lines = python(
        *order,
        """
        import threading, queue
        from multiprocessing import dummy, managers
        names = ["Lock", "RLock", "Semaphore", "BoundedSemaphore", "Condition", "Event", "Barrier"]
        registry = managers.SyncManager._registry
        print([name for name in names if getattr(dummy, name) is not getattr(threading, name)])
        print([name for name in names if registry[name][0] is not getattr(threading, name)])
        print({queue.Queue} == {dummy.Queue, dummy.JoinableQueue, dummy.connection.Queue})
        print({queue.Queue} == {registry["Queue"][0], registry["JoinableQueue"][0]})
        """,
    )
    assert lines == ["[]", "[]", "True", "True"]


def test_a_manager_of_the_programs_own_starts_with_what_it_registered_before_install(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        textwrap.dedent("""
            import multiprocessing
            from multiprocessing.managers import SyncManager
            from queue import PriorityQueue

            class Manager(SyncManager):
                pass

            class Child(Manager):
                pass

            Manager.register("Sorted", PriorityQueue)
            Child.register("Other", dict)

            if __name__ == "__main__":
                import ropewalk
                ropewalk.install()
                for kind in Manager, Child:
                    with kind(ctx=multiprocessing.get_context("spawn")) as manager:
                        line = manager.Sorted()
                        line.put(2)
                        line.put(1)
                        print(line.get())
        """),
        encoding="utf-8",
    )
    assert run(str(program)) == ["1", "1"]


def test_without_its_locks_the_set_leaves_the_locks_of_others_too() -> None:
    lines = python(
        IMPORT,
        """
        import ropewalk, threading
        from multiprocessing import dummy
        before = dummy.Lock, dummy.Condition
        ropewalk.install(locks=False)
        print(before == (dummy.Lock, dummy.Condition) == (threading.Lock, threading.Condition))
        print(dummy.Event is threading.Event, hasattr(dummy.Event, "__ropewalk__"))
        """,
    )
    assert lines == ["True", "True True"]


CHILD = f"""
import importlib, multiprocessing, copy
{{install}}
with multiprocessing.get_context("spawn").Pool(1) as pool:
    for module, name in {CLASSES!r}:
        cls = getattr(importlib.import_module(module), name)
        here, there = hasattr(cls, "__ropewalk__"), pool.apply(hasattr, (cls, "__ropewalk__"))
        print(here, there, pool.apply(copy.copy, (cls,)) is cls)
    for module, name in {MAKERS!r}:
        make = getattr(importlib.import_module(module), name)
        print(pool.apply(callable, (make,)), isinstance(pool.apply(copy.copy, (make,))(), type(make())))
"""


@pytest.mark.parametrize(
    ("install", "variable", "expected"),
    [("", None, "False False True"), (INSTALL, None, "True False True"), ("", "1", "True True True")],
    ids=["neither", "only the parent", "both"],
)
def test_a_class_reaches_a_spawned_child_by_its_public_name_and_comes_back(
    monkeypatch: pytest.MonkeyPatch, install: str, variable: str | None, expected: str
) -> None:
    if variable is None:
        monkeypatch.delenv("ROPEWALK", raising=False)
    else:
        monkeypatch.setenv("ROPEWALK", variable)
    lines = python(CHILD.format(install=install))
    assert lines == [expected] * len(CLASSES) + ["True True"] * len(MAKERS)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(("module", "name"), CLASSES)
def test_a_class_of_ours_is_pickled_though_its_public_name_leads_elsewhere(
    module: str, name: str, protocol: int
) -> None:
    ours = getattr(importlib.import_module(f"ropewalk.{module}"), name)
    assert ours is not getattr(importlib.import_module(module), name)
    assert pickle.loads(pickle.dumps(ours, protocol)) is ours


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(("module", "name"), CLASSES)
def test_the_pickle_of_an_installed_class_is_read_without_ropewalk(module: str, name: str) -> None:
    ours = getattr(importlib.import_module(module), name)
    written = pickle.dumps(ours)
    assert pickle.loads(written) is ours
    assert b"ropewalk" not in written


def test_a_barrier_for_processes_is_one_for_threads_in_either_order() -> None:
    for order in (INSTALL, IMPORT), (IMPORT, INSTALL):
        lines = python(
            *order,
            """
            import threading
            from multiprocessing.synchronize import Barrier
            barrier = multiprocessing.Barrier(1)
            print(barrier.wait(), barrier.parties, isinstance(barrier, threading.Barrier), type(barrier) is Barrier)
            """,
        )
        assert lines == ["0 1 True True"]


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_the_barrier_of_processes_waits_for_all_of_them(order: tuple[str, ...]) -> None:
    lines = python(
        *order,
        """
        context = multiprocessing.get_context("fork")
        barrier, line = context.Barrier(2, timeout=30), context.SimpleQueue()
        other = context.Process(target=lambda: line.put(barrier.wait()))
        other.start()
        print(sorted([barrier.wait(), line.get()]), barrier.parties, barrier.broken)
        other.join()
        try:
            barrier.wait(0.01)
        except multiprocessing.dummy.threading.BrokenBarrierError:
            print("nobody else came", barrier.broken)
        """,
    )
    assert lines == ["[0, 1] 2 False", "nobody else came True"]
