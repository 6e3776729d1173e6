"""Queue, JoinableQueue and SimpleQueue of ``multiprocessing``, in one process and between processes."""

from __future__ import annotations

import _thread
import inspect
import multiprocessing
import multiprocessing.queues as original
import os
import pickle
import signal
import threading
from array import array
from queue import Empty, Full
from typing import Any

import pytest
import ropewalk.multiprocessing
from ropewalk.multiprocessing import queues
from ropewalk.queue import ShutDown

from tests.multiprocessing.processes import LIMIT, context, end, every_method, run, start
from tests.threads import Running

NAMES = ("Queue", "JoinableQueue", "SimpleQueue")
every_class = pytest.mark.parametrize("name", NAMES)
both_queues = pytest.mark.parametrize("name", ("Queue", "JoinableQueue"))


def make(name: str = "Queue", *arguments: Any, method: str = "fork") -> Any:
    return getattr(context(method), name)(*arguments)


# --- It is what it stands for ----------------------------------------------------------------------------------


@every_class
def test_it_looks_like_the_original(name: str) -> None:
    ours, theirs = make(name), getattr(original, name)(ctx=multiprocessing.get_context("fork"))
    cls, original_class = type(ours), getattr(original, name)
    assert repr(ours).partition(" at ")[0] == repr(theirs).partition(" at ")[0]
    assert (cls.__module__, cls.__qualname__) == ("multiprocessing.queues", name)
    assert cls.__doc__ == original_class.__doc__
    assert cls.__ropewalk__ is True
    assert inspect.signature(cls) == inspect.signature(original_class)
    assert isinstance(ours, original_class)
    assert isinstance(theirs, cls)
    assert issubclass(original_class, cls)
    for method in (
        "put",
        "get",
        "empty",
        "close",
        "full",
        "qsize",
        "put_nowait",
        "get_nowait",
        "task_done",
        "join",
    ):
        if hasattr(original_class, method):
            signature = inspect.signature(getattr(theirs, method))
            assert inspect.signature(getattr(ours, method)) == signature, method
            assert getattr(cls, method).__doc__ == getattr(original_class, method).__doc__
        else:
            assert not hasattr(ours, method), method


def test_the_package_makes_them_without_install() -> None:
    assert type(ropewalk.multiprocessing.Queue(3)) is queues.Queue
    assert type(ropewalk.multiprocessing.get_context("spawn").JoinableQueue()) is queues.JoinableQueue
    assert type(ropewalk.multiprocessing.SimpleQueue()) is queues.SimpleQueue
    assert original.Queue is not queues.Queue


def test_install_makes_them_those_of_the_standard_library(installed: None) -> None:
    assert original.Queue is queues.Queue
    assert type(multiprocessing.Queue()) is queues.Queue
    assert type(multiprocessing.get_context("spawn").SimpleQueue()) is queues.SimpleQueue


def test_it_needs_a_context() -> None:
    with pytest.raises(TypeError, match="ctx"):
        queues.Queue()


# --- In one process --------------------------------------------------------------------------------------------


@every_class
def test_what_goes_in_comes_out_in_order(name: str) -> None:
    queue = make(name)
    values = [0, "text", None, {"a": [1, 2]}, (1, b"2"), 1.5, 1j, range(3), b"x" * 100_000, list(range(1000))]
    for value in values:
        queue.put(value)
    assert not queue.empty()
    assert [queue.get() for _ in values] == values
    assert queue.empty()


@both_queues
def test_it_counts_what_is_inside(name: str) -> None:
    queue = make(name, 2)
    assert (queue.qsize(), queue.empty(), queue.full()) == (0, True, False)
    queue.put(1)
    assert (queue.qsize(), queue.empty(), queue.full()) == (1, False, False)
    queue.put_nowait(2)
    assert (queue.qsize(), queue.empty(), queue.full()) == (2, False, True)
    assert queue.get_nowait() == 1
    assert (queue.qsize(), queue.empty(), queue.full()) == (1, False, False)


@both_queues
def test_a_full_queue_takes_nothing_and_an_empty_one_gives_nothing(name: str) -> None:
    queue = make(name, 1)
    for arguments in ((False,), (True, 0.001), (True, 0), (True, -1), (False, 5)):
        with pytest.raises(Empty):
            queue.get(*arguments)
    with pytest.raises(Empty):
        queue.get_nowait()
    queue.put("inside")
    for arguments in ((False,), (True, 0.001), (True, 0), (True, -1), (False, 5)):
        with pytest.raises(Full):
            queue.put("outside", *arguments)
    with pytest.raises(Full):
        queue.put_nowait("outside")
    assert queue.get(timeout=LIMIT) == "inside"


def test_arguments_are_refused_as_by_the_original() -> None:
    for maxsize, error, message in (
        (2**31, OverflowError, "too large to convert to C int"),
        (2**70, OverflowError, "too large to convert to C int"),
        (1.5, TypeError, "'float' object cannot be interpreted as an integer"),
        ("a", TypeError, "'<=' not supported"),
        (None, TypeError, "'<=' not supported"),
    ):
        with pytest.raises(error, match=message):
            original.Queue(maxsize, ctx=multiprocessing.get_context("fork"))
        with pytest.raises(error, match=message):
            make("Queue", maxsize)
    queue = make()
    with pytest.raises(TypeError):
        queue.put(1, True, "soon")
    with pytest.raises(TypeError):
        queue.get(True, "soon")
    with pytest.raises(TypeError):
        queue.put()


@pytest.mark.parametrize("maxsize", (0, -1, -(2**80), 2**31 - 1))
def test_no_bound_is_the_largest_bound(maxsize: int) -> None:
    queue = make("Queue", maxsize)
    assert queue._maxsize == 2**31 - 1
    for number in range(1000):
        queue.put_nowait(number)
    assert not queue.full()


@both_queues
def test_a_closed_queue_is_refused_as_by_the_original(name: str) -> None:
    queue = make(name)
    with pytest.raises(AssertionError, match="not closed"):
        queue.join_thread()
    queue.close()
    queue.close()
    queue.join_thread()
    queue.cancel_join_thread()
    assert queue.empty()  # it was never used
    for call in (lambda: queue.put(1), queue.get, queue.get_nowait, lambda: queue.put_nowait(1)):
        with pytest.raises(ValueError, match=r"Queue <multiprocessing.queues.\w+ object at 0x\w+> is closed"):
            call()
    used = make(name)
    used.put(1)
    used.close()
    with pytest.raises(OSError, match="handle is closed"):
        used.empty()
    assert used.qsize() == 1
    assert not used.full()


def test_a_closed_simple_queue_is_refused_as_by_the_original() -> None:
    queue = make("SimpleQueue")
    queue.put(1)
    queue.close()
    queue.close()
    for call in (lambda: queue.put(1), queue.get, queue.empty):
        with pytest.raises(OSError, match="handle is closed"):
            call()
    assert queue._reader.closed
    assert queue._writer.closed


def test_the_object_is_taken_as_it_is_when_it_is_put_in() -> None:
    queue, value = make(), [1]
    queue.put(value)
    value.append(2)
    assert queue.get() == [1]


def test_join_returns_when_everything_is_done() -> None:
    queue = make("JoinableQueue")
    queue.join()
    for number in range(3):
        queue.put(number)
    with Running(queue.join) as joined:
        for _ in range(3):
            assert joined.threads[0].is_alive()
            queue.get()
            queue.task_done()
    with pytest.raises(ValueError, match="task_done\\(\\) called too many times"):
        queue.task_done()


def test_a_queue_that_is_shut_down_gives_what_it_has_and_takes_nothing() -> None:
    queue = make()
    queue.put(1)
    queue.shutdown()
    with pytest.raises(ShutDown):
        queue.put(2)
    assert queue.get() == 1
    with pytest.raises(ShutDown):
        queue.get()


def test_a_queue_that_is_shut_down_at_once_gives_nothing() -> None:
    queue = make("JoinableQueue")
    for number in range(10):
        queue.put(number)
    queue.shutdown(immediate=True)
    assert queue.qsize() == 0
    with pytest.raises(ShutDown):
        queue.get_nowait()
    queue.join()  # nothing is left to do


def test_shutdown_wakes_who_waits() -> None:
    queue = make("Queue", 1)

    def get() -> None:
        with pytest.raises(ShutDown):
            queue.get()

    with Running(get, get):
        queue.shutdown()


# --- What cannot be pickled --------------------------------------------------------------------------------------


class Refuses:
    def __reduce__(self) -> Any:
        raise LookupError("not me")


class Loud(queues.Queue):
    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.told: list[Any] = []

    def _on_queue_feeder_error(self, e: Exception, obj: Any) -> None:
        self.told.append((e, obj))


@every_class
def test_what_cannot_be_pickled_is_refused_by_put(name: str) -> None:
    queue = make(name)
    with pytest.raises(LookupError, match="not me"):
        queue.put(Refuses())
    with pytest.raises(TypeError, match="cannot pickle '_thread.lock' object"):
        queue.put({"a": [_thread.allocate_lock()]})
    with pytest.raises((AttributeError, pickle.PicklingError), match="lambda"):
        queue.put(lambda: 0)
    queue.put("whole")
    assert queue.get() == "whole"


def test_a_queue_with_a_hook_for_it_gets_it_told() -> None:
    queue, value = Loud(ctx=context("fork")), Refuses()
    queue.put(value)
    ((error, refused),) = queue.told
    assert isinstance(error, LookupError)
    assert refused is value
    assert queue.empty()


def test_it_is_printed_and_dropped_if_the_setting_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ROPEWALK_QUEUE_ERRORS", "print")
    queue = make()
    queue.put(Refuses())
    assert "LookupError: not me" in capsys.readouterr().err
    assert queue.empty()


class Puts:
    """Puts into a queue while it is put into one."""

    queue: Any = None

    def __init__(self, turns: int) -> None:
        self.turns = turns

    def __reduce__(self) -> Any:
        if self.turns:
            Puts.queue.put([self.turns, Puts(self.turns - 1)])
        return str, (f"turn {self.turns}",)


def test_a_reducer_may_put_into_the_same_queue() -> None:
    Puts.queue = make()
    Puts.queue.put({"outer": Puts(2)})
    assert Puts.queue.get() == [1, "turn 0"]
    assert Puts.queue.get() == [2, "turn 1"]
    assert Puts.queue.get() == {"outer": "turn 2"}


class Gets:
    """Takes something out of a queue while it is taken out of one."""

    queue: Any = None

    def __init__(self, value: Any) -> None:
        self.value = value

    def __reduce__(self) -> Any:
        return _get, ()


def _get() -> Any:
    return Gets.queue.get()


def test_a_constructor_may_take_out_of_the_same_queue() -> None:
    Gets.queue = make()
    Gets.queue.put([1, Gets(None), {"x": Gets(None)}])
    Gets.queue.put("a")
    Gets.queue.put("b")
    assert Gets.queue.get() == [1, "a", {"x": "b"}]


# --- Threads and signals -----------------------------------------------------------------------------------------


def test_threads_share_it() -> None:
    queue, answers = make("Queue", 5), make()

    def work() -> None:
        while (number := queue.get()) is not None:
            answers.put(number * 2)

    with Running(work, work, work):
        for number in range(500):
            queue.put(number)
        for _ in range(3):
            queue.put(None)
    assert sorted(answers.get() for _ in range(500)) == list(range(0, 1000, 2))


class Rung(Exception):
    pass


@pytest.mark.parametrize("wait", ("get", "put"))
def test_a_signal_ends_a_wait_if_its_handler_raises(wait: str) -> None:
    queue = make("Queue", 1)
    main = threading.get_ident()
    ringing = threading.Event()

    def ring(number: int, frame: Any) -> None:
        raise Rung

    def caller() -> None:
        while not ringing.wait(0.02):
            signal.pthread_kill(main, signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, ring)
    thread = threading.Thread(target=caller)
    try:
        if wait == "put":
            queue.put("full")
        with pytest.raises(Rung):
            thread.start()
            queue.get() if wait == "get" else queue.put("more")
    finally:
        while True:
            try:
                ringing.set()
                thread.join()
                break
            except Rung:
                pass
        signal.signal(signal.SIGUSR1, before)
    queue.put_nowait("room") if wait == "get" else queue.get_nowait()
    assert queue.qsize() == (1 if wait == "get" else 0)


# --- Between processes -------------------------------------------------------------------------------------------


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


def test_an_object_that_is_too_large_is_refused_clearly() -> None:
    queue = make()
    limit = 1 << 31
    with pytest.raises(ValueError, match="bytes"):
        queue.put(bytes(limit))
    queue.put("next")
    assert queue.get() == "next"


def test_it_is_its_memory_and_nothing_else(tmp_path: Any) -> None:
    def descriptors() -> int:
        return len(os.listdir("/proc/self/fd"))

    before, names = descriptors(), set(os.listdir("/dev/shm"))
    made = [make(name) for name in NAMES * 10]
    for queue in made:
        queue.put(1)
    assert set(os.listdir("/dev/shm")) <= names
    del queue, made
    assert descriptors() == before


@pytest.mark.parametrize("what", ("null", "plain", "cut"))
def test_a_foreign_descriptor_is_refused(what: str, tmp_path: Any) -> None:
    if what == "null":
        descriptor = os.open("/dev/null", os.O_RDWR)
    elif what == "plain":
        descriptor = os.memfd_create("foreign")
        os.write(descriptor, b"x" * 10_000)
    else:
        descriptor = os.memfd_create("cut")
    hull = queues.Queue.__new__(queues.Queue)
    with pytest.raises(OSError):
        hull._attach(descriptor)


def test_an_object_that_was_never_initialized_says_so() -> None:
    hull = queues.Queue.__new__(queues.Queue)
    with pytest.raises(AttributeError, match=r"has not called super\(\).__init__\(\)"):
        hull.put(1)


def test_the_ends_of_the_pipe_lead_to_the_queue() -> None:
    for name in NAMES:
        queue = make(name)
        queue._writer.send({"a": 1})
        assert queue._reader.poll()
        assert queue._poll()
        assert queue._reader.recv() == {"a": 1}
        assert not queue._reader.poll()
        assert not queue._reader.poll(0.001)
        queue._writer.send_bytes(pickle.dumps("pickled"))
        assert pickle.loads(queue._reader.recv_bytes()) == "pickled"
        with queue._rlock:
            pass
        queue._reader.close()
        with pytest.raises(OSError, match="handle is closed"):
            queue._reader.recv()
