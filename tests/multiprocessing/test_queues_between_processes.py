"""Queues of ``multiprocessing`` between processes, with every start method."""

from __future__ import annotations

import multiprocessing.queues as original
import pickle
from array import array
from typing import Any

import pytest
from ropewalk.multiprocessing import queues

from tests.multiprocessing.processes import LIMIT, context, end, every_method, run, start

NAMES = ("Queue", "JoinableQueue", "SimpleQueue")
every_class = pytest.mark.parametrize("name", NAMES)
both_queues = pytest.mark.parametrize("name", ("Queue", "JoinableQueue"))


def make(name: str = "Queue", *arguments: Any, method: str = "fork") -> Any:
    return getattr(context(method), name)(*arguments)


def echo(queue: Any, answers: Any) -> None:
    kinds = (type(queue), type(answers))
    answers.put([(kind.__name__, getattr(kind, "__ropewalk__", False), kind.__module__) for kind in kinds])
    while (value := queue.get()) is not None:
        answers.put(value)


@every_method
@every_class
def test_a_child_has_the_same_queue(name: str, method: str) -> None:
    ctx = context(method)
    queue, answers = make(name, method=method), ctx.SimpleQueue()
    child = start(ctx, echo, queue, answers)
    assert answers.get() == [
        (name, True, "multiprocessing.queues"),
        ("SimpleQueue", True, "multiprocessing.queues"),
    ]
    for value in (1, {"a": 1}, b"x" * 1_000_000, [1j] * 3, array("d", range(10_000))):
        queue.put(value)
        assert answers.get() == value
    queue.put(None)
    end(child)


def test_it_is_passed_to_processes_that_are_started_and_to_nobody_else() -> None:
    for name in NAMES:
        with pytest.raises(RuntimeError, match=f"{name} objects should only be shared between processes"):
            pickle.dumps(make(name))


class Named(queues.Queue):
    """As programs write it: with an attribute of its own, sent beside the original's state."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.name = "before"

    def __getstate__(self) -> Any:
        return {"theirs": super().__getstate__(), "name": self.name}

    def __setstate__(self, state: Any) -> None:
        super().__setstate__(state["theirs"])
        self.name = state["name"] + " and after"

    def put(self, obj: Any, block: bool = True, timeout: float | None = None) -> None:
        super().put((self.name, obj), block, timeout)


def tell(queue: Any) -> None:
    queue.put_nowait(type(queue).__name__)


@every_method
def test_a_subclass_keeps_its_own(method: str) -> None:
    queue = Named(ctx=context(method))
    run(context(method), tell, queue)
    name = "before" if method == "fork" else "before and after"
    assert queue.get() == (name, "Named")


class Stock(original.Queue):  # type: ignore[type-arg]
    """A program's class, made where ropewalk is not installed."""

    def twice(self) -> list[Any]:
        return [self.get(), self.get()]


def take_twice(queue: Any, answers: Any) -> None:
    answers.put((type(queue).__name__, isinstance(queue, queues.Queue), queue.twice()))


def test_a_class_of_the_program_finds_its_way_where_ropewalk_is_not_installed() -> None:
    made = queues._rebuild(Stock)
    assert isinstance(made, queues.Queue)
    assert type(made).__mro__[1] is Stock
    made._create(2**31 - 1)
    made.put(1)
    made.put(2)
    assert made.twice() == [1, 2]


class Feeds(queues.Queue):
    """Overrides what only the original has."""

    def _start_thread(self) -> None:
        self.started = True
        super()._start_thread()


def test_a_class_that_changes_the_feeder_has_one() -> None:
    queue = Feeds(ctx=context("fork"))
    queue.put("by the feeder")
    assert queue.get(timeout=LIMIT) == "by the feeder"
    assert queue.started
    queue.close()
    queue.join_thread()


class Packs(queues.SimpleQueue):
    """Sends the pipe and the locks of the original itself, and writes to them: a library with a pickler of its own."""

    def __getstate__(self) -> Any:
        return self._reader, self._writer, self._rlock, self._wlock

    def __setstate__(self, state: Any) -> None:
        self._reader, self._writer, self._rlock, self._wlock = state
        self._poll = self._reader.poll

    def put(self, obj: Any) -> None:
        with self._wlock:
            self._writer.send_bytes(pickle.dumps((obj, "packed")))


def put_one(queue: Any) -> None:
    queue.put("from the child")


@every_method
def test_a_class_that_packs_the_originals_parts_has_them(method: str) -> None:
    queue = Packs(ctx=context(method))
    run(context(method), put_one, queue)
    assert queue.get() == ("from the child", "packed")
    queue.close()


def close_and_put(queue: Any) -> None:
    assert not queue._closed
    queue.put("from the child")
    queue.close()


def test_closing_is_each_process_s_own() -> None:
    queue = make()
    queue.close()
    run(context("fork"), close_and_put, queue)
    with pytest.raises(ValueError, match="is closed"):
        queue.get()
    assert queue.qsize() == 1


def fill(queue: Any, count: int, size: int) -> None:
    for _ in range(count):
        queue.put(b"x" * size)


@every_method
def test_a_queue_that_nobody_empties_holds_nobody_up(method: str) -> None:
    queue = make(method=method)
    run(context(method), fill, queue, 100, 100_000)
    assert queue.qsize() == 100


def be_done(queue: Any, count: int) -> None:
    for _ in range(count):
        queue.get()
        queue.task_done()


@every_method
def test_processes_do_the_work_that_join_waits_for(method: str) -> None:
    queue = make("JoinableQueue", method=method)
    children = [start(context(method), be_done, queue, 50) for _ in range(2)]
    for number in range(100):
        queue.put(number)
    queue.join()
    for child in children:
        end(child)
