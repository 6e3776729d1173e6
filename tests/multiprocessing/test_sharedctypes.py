"""Value, Array, RawValue and RawArray of ``multiprocessing``."""

from __future__ import annotations

import array
import ctypes
import gc
import multiprocessing
import os
import pickle
import weakref
from pathlib import Path
from typing import Any

import pytest
from ropewalk.multiprocessing import sharedctypes

from tests.multiprocessing.processes import KILLED, context, end, every_method, kill_me, run, start

STOCK = multiprocessing.get_context("fork")
NUMBERS = "bBhHiIlLqQfd"
every_number = pytest.mark.parametrize("code", NUMBERS)


def outcome(act: Any) -> Any:
    """What came of it, errors too."""
    try:
        return act()
    except Exception as error:
        return type(error), str(error)


SPECIMENS = (
    0,
    1,
    -1,
    7,
    127,
    -128,
    255,
    40000,
    2**31,
    -(2**31),
    2**63,
    2**64 + 3,
    1.5,
    -2.25,
    True,
    "x",
    None,
    b"a",
)


@every_number
@pytest.mark.parametrize("specimen", SPECIMENS, ids=repr)
def test_a_value_keeps_what_the_original_keeps(code: str, specimen: Any) -> None:
    ours, theirs = context("fork").Value(code), STOCK.Value(code)
    assert ours.value == theirs.value == 0

    def set_to(value: Any) -> Any:
        value.value = specimen
        return value.value

    assert outcome(lambda: set_to(ours)) == outcome(lambda: set_to(theirs))
    assert type(ours.value) is type(theirs.value)
    assert outcome(lambda: context("fork").Value(code, specimen).value) == outcome(
        lambda: STOCK.Value(code, specimen).value
    )


@every_number
def test_an_array_does_what_the_original_does(code: str) -> None:
    ours, theirs = (ctx.Array(code, [1, 2, 3, 4]) for ctx in (context("fork"), STOCK))
    for act in (
        len,
        list,
        lambda a: a[-1],
        lambda a: a[4],
        lambda a: a[-5],
        lambda a: a[1:3],
        lambda a: a["x"],
        lambda a: a[1.0],
        lambda a: a.__setitem__(0, 7) or a[0],
        lambda a: a.__setitem__(0, "x"),
        lambda a: a.__setitem__(9, 1),
        lambda a: a.__setitem__(slice(1, 3), array.array(code, [8, 9])) or a[:],
        lambda a: a.__setitem__(slice(1, 3), [8]),
        lambda a: a[2**70],
        lambda a: a[True],
    ):
        assert outcome(lambda: act(ours)) == outcome(lambda: act(theirs))


def test_it_looks_like_the_original() -> None:
    ours, theirs = context("fork").Value("i", 5), STOCK.Value("i", 5)
    assert repr(ours) == repr(theirs) == "<Synchronized wrapper for c_int(5)>"
    assert isinstance(ours, type(theirs)) and type(ours).__module__ == type(theirs).__module__
    assert ours.get_obj().value == 5 and ours.get_lock() is ours._lock
    assert context("fork").Value("i", lock=False).value == 0
    with pytest.raises(AttributeError):
        context("fork").Value("i", lock="no lock")
    with pytest.raises(RuntimeError, match="only be shared between processes through inheritance"):
        pickle.dumps(ours)


class Point(ctypes.Structure):
    _fields_ = (("x", ctypes.c_int), ("y", ctypes.c_double))


def change_all(number: Any, point: Any, numbers: Any, text: Any, raw: Any, shared: Any) -> None:
    number.value += 1
    with point.get_lock():
        point.x, point.y = 3, 4.5
    numbers[1] += 1
    text.value = b"walk"
    raw[0] = 9
    with shared:
        shared.value *= 2


@every_method
def test_processes_see_the_same_memory(method: str) -> None:
    ctx = context(method)
    lock = ctx.Lock()
    number, point, numbers = ctx.Value("q", 2**40), ctx.Value(Point, 1, 2), ctx.Array("d", [0.5, 1.5])
    text, raw = ctx.Array("c", b"rope"), ctx.RawArray("h", 3)
    shared = sharedctypes.synchronized(ctx.RawValue("f", 1.5), ctx=ctx)
    run(ctx, change_all, number, point, numbers, text, raw, shared)
    assert number.value == 2**40 + 1
    assert (point.x, point.y) == (3, 4.5)
    assert numbers[:] == [0.5, 2.5]
    assert text.value == b"walk" and list(raw) == [9, 0, 0] and shared.value == 3.0
    assert sharedctypes.copy(raw)[0] == 9
    assert ctx.Value("i", 1, lock=lock).get_lock() is lock


def add(value: Any, items: Any, times: int) -> None:
    for _ in range(times):
        with value.get_lock():
            value.value += 1
        with items:
            items[0] += 1


@every_method
def test_no_addition_under_the_lock_is_lost(method: str) -> None:
    ctx = context(method)
    value, items = ctx.Value("i"), ctx.Array("l", 1)
    children = [start(ctx, add, value, items, 2000) for _ in range(3)]
    add(value, items, 2000)
    for child in children:
        end(child)
    assert (value.value, items[0]) == (8000, 8000)


def take_and_die(value: Any) -> None:
    value.get_lock().acquire()
    value.value = 7
    kill_me()


def test_the_value_of_a_killed_process_is_not_locked_for_ever() -> None:
    ctx = context("fork")
    value = ctx.Value("i")
    run(ctx, take_and_die, value, code=KILLED)
    with pytest.warns(RuntimeWarning, match="ended while it held this RLock"):
        assert value.value == 7
    value.value += 1
    assert value.value == 8


class Counting:
    """A lock of the program's own."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def acquire(self) -> None:
        self.calls.append("acquire")

    def release(self) -> None:
        self.calls.append("release")

    def __enter__(self) -> None:
        self.calls.append("enter")

    def __exit__(self, *_: object) -> None:
        self.calls.append("exit")


def test_a_lock_of_the_program_s_own_is_called_by_name() -> None:
    lock = Counting()
    value, items = context("fork").Value("i", lock=lock), context("fork").Array("i", 1, lock=lock)
    with value:
        value.value = items[0]
    assert lock.calls == ["enter", "acquire", "release", "acquire", "release", "exit"]


def mapped() -> tuple[int, int]:
    """How many pieces of memory without and with a name this process has."""
    maps = Path("/proc/self/maps").read_text()
    return maps.count("memfd:ropewalk"), maps.count("/dev/shm/pym")


def test_the_memory_has_no_name_and_is_given_back() -> None:
    anonymous, named = mapped()
    values = [context("fork").Array("d", 1_000_000) for _ in range(5)]
    assert values[3][999_999] == 0
    assert mapped()[0] > anonymous and mapped()[1] == named
    descriptors = len(os.listdir("/proc/self/fd"))
    gone = weakref.ref(values[0])
    del values
    gc.collect()
    assert gone() is None and mapped()[0] <= anonymous + 1
    assert len(os.listdir("/proc/self/fd")) < descriptors


def test_install_puts_them_into_the_modules(installed: None) -> None:
    import multiprocessing.heap

    value = multiprocessing.Value("i", 3)
    assert type(value) is sharedctypes.Synchronized
    assert type(value.get_lock()).__ropewalk__ and multiprocessing.heap.Arena.__ropewalk__
    value.value += 1
    assert value.value == 4


def test_what_is_not_a_number_s_place_is_refused() -> None:
    inner = sharedctypes.Synchronized.__new__(sharedctypes.Synchronized)
    with pytest.raises(RuntimeError):
        inner.value
    for kind, address in (("i3", 8), ("i8", 4), ("i4", 0)):
        with pytest.raises(ValueError):
            inner._begin(None, kind, address, None, False)
