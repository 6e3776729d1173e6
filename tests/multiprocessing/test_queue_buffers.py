"""Large memory through queues of ``multiprocessing``: arrays, ``bytes``, anything with buffers."""

from __future__ import annotations

import pickle
from array import array
from typing import Any

import pytest

from tests.multiprocessing.processes import context, end, start

NAMES = ("Queue", "JoinableQueue", "SimpleQueue")
every_class = pytest.mark.parametrize("name", NAMES)
both_queues = pytest.mark.parametrize("name", ("Queue", "JoinableQueue"))


def make(name: str = "Queue", *arguments: Any, method: str = "fork") -> Any:
    return getattr(context(method), name)(*arguments)


def grow(queue: Any, answers: Any) -> None:
    total = 0
    while (value := queue.get()) is not None:
        value[0] += 1
        total += sum(value[:10])
    answers.put(total)


def test_arrays_come_out_as_memory_that_may_be_written() -> None:
    numpy = pytest.importorskip("numpy")
    queue, answers = make(), make()
    child = start(context("fork"), grow, queue, answers)
    for size in (10, 1000, 100_000, 1_000_000):
        queue.put(numpy.arange(size))
    queue.put(None)
    assert answers.get() == 4 * 46
    end(child)
    queue.put([fixed := numpy.arange(10_000.0).reshape(100, 100), fixed.T, {"again": fixed}])
    a, b, c = queue.get()
    assert (a == fixed).all()
    assert (b == fixed.T).all()
    assert c["again"] is a
    fixed.flags.writeable = False
    queue.put(fixed)
    assert not queue.get().flags.writeable


def test_memory_of_an_array_stays_while_it_is_used() -> None:
    numpy = pytest.importorskip("numpy")
    queue = make()
    kept = []
    for number in range(20):
        queue.put(numpy.full(50_000, number))
        kept.append(queue.get()[::2])
    del queue
    assert [int(part.sum()) for part in kept] == [25_000 * number for number in range(20)]


def look_twice(kept: list[Any], seen: Any, changed: Any) -> None:
    seen.put([int(kept[0].sum()), int(kept[0][0])])
    kept[0][1] = 5
    changed.get()
    seen.put([int(kept[0].sum()), int(kept[0][0])])


def test_an_array_that_was_received_is_a_copy_in_a_forked_child() -> None:
    numpy = pytest.importorskip("numpy")
    queue, seen, changed = make(), make(), make()
    queue.put(numpy.ones(50_000))
    kept = [queue.get()]
    kept[0][2] = 2
    child = start(context("fork"), look_twice, kept, seen, changed)
    assert seen.get() == [50_001, 1]
    assert kept[0][1] == 1, "what the child writes is its own"
    kept[0][:] = 7
    del kept[0]
    queue.put(numpy.full(50_000, 9.0))  # goes where the first one was, which the child does not see
    assert queue.get()[0] == 9
    changed.put(None)
    assert seen.get() == [50_005, 1]
    end(child)


def put_when_told(queue: Any, told: Any, done: Any) -> None:
    import numpy

    told.get()
    queue.put(numpy.full(50_000, 9.0))
    done.put(None)


def test_what_a_child_looks_at_stays_when_its_parent_has_dropped_the_queue() -> None:
    numpy = pytest.importorskip("numpy")
    queue, seen, changed, told, done = make(), make(), make(), make(), make()
    other = start(context("fork"), put_when_told, queue, told, done)
    queue.put(numpy.ones(50_000))
    kept = [queue.get()]
    child = start(context("fork"), look_twice, kept, seen, changed)
    assert seen.get() == [50_000, 1]
    del kept[0], queue
    told.put(None)
    done.get()
    changed.put(None)
    assert seen.get() == [50_004, 1]
    end(child)
    end(other)


def pass_on(kept: list[Any], queue: Any, seen: Any) -> None:
    got = queue.get()  # it lies where this process has its copy of another
    seen.put([float(kept[0][0]), float(got.sum()), queue._blocks()])
    kept[0][:] = 3
    queue.put(got + 1)
    seen.put(float(kept[0].sum()))
    kept.clear()
    queue.put(queue.get() + 1)  # now it sees what is there
    queue.put(None)


def test_a_block_that_a_forked_child_has_a_copy_of_is_used_again_by_all() -> None:
    numpy = pytest.importorskip("numpy")
    queue, seen = make(), make()
    queue.put(numpy.ones(50_000))
    kept = [queue.get()]
    child = start(context("fork"), pass_on, kept, queue, seen)
    kept.clear()
    queue.put(numpy.full(50_000, 2.0))
    assert seen.get() == [1.0, 100_000.0, (0, 0, 0)]
    assert seen.get() == 150_000.0
    first = queue.get()
    assert float(first.sum()) == 150_000.0
    queue.put(first)
    del first
    end(child)
    assert float(queue.get().sum()) == 200_000.0
    assert queue.get() is None
    assert queue._blocks() == (0, 0, 0), "nothing is kept for a child"


def test_buffers_of_any_kind_go_beside_the_message() -> None:
    queue = make()
    value = bytearray(b"rope" * 50_000)
    for lent in (pickle.PickleBuffer(value), pickle.PickleBuffer(bytes(value)), array("q", range(50_000))):
        queue.put([lent, "and", lent])
        first, _, second = queue.get()
        assert bytes(memoryview(first)) == bytes(memoryview(lent))
        assert bytes(memoryview(second)) == bytes(memoryview(lent))
    empty = pickle.PickleBuffer(b"")
    queue.put([empty, b"x" * 40_000])
    assert bytes(memoryview(queue.get()[0])) == b""


def test_the_same_large_bytes_are_sent_once() -> None:
    queue, large = make(), b"x" * 1_000_000
    queue.put([large, large, {"again": large}])
    a, b, c = queue.get()
    assert a == large
    assert a is b is c["again"]
