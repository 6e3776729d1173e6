"""Queue, JoinableQueue and SimpleQueue of ``multiprocessing``, in one process."""

from __future__ import annotations

import inspect
import multiprocessing
import multiprocessing.queues as original
import os
import pickle
import signal
import threading
from queue import Empty, Full
from typing import Any

import pytest
import ropewalk.multiprocessing
from ropewalk.multiprocessing import queues, synchronize
from ropewalk.queue import ShutDown

from tests.multiprocessing.processes import LIMIT, context
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


def test_programs_that_ask_the_private_parts_get_an_answer() -> None:
    queue = make("JoinableQueue")
    queue._send_bytes(pickle.dumps(1))
    queue.put(2)
    assert queue._unfinished_tasks.get_value() == 2
    assert queue._unfinished_tasks._semlock._get_value() == 2
    assert pickle.loads(queue._recv_bytes()) == 1
    queue.get()
    queue.task_done()
    queue.task_done()
    assert queue._unfinished_tasks._semlock._is_zero()
    assert (queue._thread, list(queue._buffer)) == (None, [])


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
        hull._attach(descriptor, os.eventfd(0))


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
            assert type(queue._rlock) is synchronize.Lock  # the original's would have a name in /dev/shm
        queue._reader.close()
        with pytest.raises(OSError, match="handle is closed"):
            queue._reader.recv()
