"""Futures as programs and executors use them: states, results, callbacks, cancellation, messages."""

from __future__ import annotations

import concurrent.futures as original
import contextlib
import copy
import gc
import itertools
import logging
import pickle
import re
import sys
import threading
import traceback
import types
import weakref
from typing import Any

import pytest
from ropewalk.concurrent import futures
from ropewalk.concurrent.futures import CancelledError, Future, InvalidStateError

from tests.threads import Running, alarm, asleep, eventually


def test_a_future_is_one_of_the_original_class_too() -> None:
    assert isinstance(Future(), original.Future)
    assert isinstance(original.Future(), Future)
    assert issubclass(Future, original.Future)
    assert Future.__module__ == original.Future.__module__
    assert Future.__qualname__ == original.Future.__qualname__
    assert isinstance(Future[int], types.GenericAlias)


@pytest.mark.parametrize(
    ("steps", "state", "answers"),
    [
        ((), "PENDING", (False, False, False)),
        (("start",), "RUNNING", (False, True, False)),
        (("cancel",), "CANCELLED", (True, False, True)),
        (("cancel", "start"), "CANCELLED_AND_NOTIFIED", (True, False, True)),
        (("start", "result"), "FINISHED", (False, False, True)),
        (("result",), "FINISHED", (False, False, True)),
        (("exception",), "FINISHED", (False, False, True)),
    ],
)
def test_states_and_their_reprs_are_the_originals(
    steps: tuple[str, ...], state: str, answers: tuple[bool, bool, bool]
) -> None:
    texts = []
    for future in (Future(), original.Future()):
        for step in steps:
            {
                "start": future.set_running_or_notify_cancel,
                "cancel": future.cancel,
                "result": lambda future=future: future.set_result(42),
                "exception": lambda future=future: future.set_exception(OSError()),
            }[step]()
        assert future._state == state
        assert (future.cancelled(), future.running(), future.done()) == answers
        texts.append(re.sub("0x[0-9a-f]+", "0x", repr(future)))
    assert texts[0] == texts[1]


def test_a_result_wakes_every_thread_that_waits_for_it() -> None:
    future = Future()
    with Running(*[lambda: future.result(120)] * 4) as running:
        eventually(lambda: all(asleep(thread) for thread in running.threads))
        future.set_result("there")
    assert running.results == ["there"] * 4


def test_a_cancelled_future_wakes_its_waiters_with_cancelled_error() -> None:
    future = Future()

    def wait() -> bool:
        with pytest.raises(CancelledError):
            future.result()
        return True

    with Running(wait) as running:
        eventually(lambda: asleep(running.threads[0]))
        assert future.cancel()
    assert running.results == [True]


def test_a_timeout_is_the_timeout_error_of_this_python() -> None:
    for call in (Future().result, Future().exception):
        for timeout in (0, 0.001, -1):
            with pytest.raises(original.TimeoutError):
                call(timeout=timeout)


def test_an_exception_is_raised_with_its_own_traceback_and_the_context_of_the_waiter() -> None:
    def fail() -> None:
        raise ValueError("deep")

    future = Future()
    try:
        fail()
    except ValueError as error:
        raised = error
        future.set_exception(error)
    with pytest.raises(ValueError, match="deep") as caught:
        try:
            raise KeyError("outer")
        except KeyError:
            future.result()
    assert caught.value is raised
    assert isinstance(raised.__context__, KeyError)
    assert "fail" in [frame.name for frame in traceback.extract_tb(raised.__traceback__)]
    assert future.exception() is raised


def test_a_raised_exception_leaves_no_reference_cycle() -> None:
    class Token(Exception):
        pass

    future = Future()
    future.set_exception(Token())
    seen = weakref.ref(future)
    gc.collect()
    gc.disable()
    try:
        with contextlib.suppress(Token):
            future.result()
        del future
        assert seen() is None
    finally:
        gc.enable()


def test_a_future_in_a_cycle_is_collected() -> None:
    future = Future()
    future.add_done_callback(lambda _, future=future: None)
    held = Future()
    held.set_result(held)
    seen = [weakref.ref(future), weakref.ref(held)]
    del future, held
    gc.collect()
    assert [ref() for ref in seen] == [None, None]


def test_callbacks_run_in_their_order_with_the_future_and_late_ones_at_once() -> None:
    future, seen = Future(), []
    for number in range(5):
        future.add_done_callback(lambda it, number=number: seen.append((number, it)))
    future.set_result(None)
    future.add_done_callback(lambda it: seen.append((5, it)))
    assert seen == [(number, future) for number in range(6)]


def test_callbacks_run_when_it_is_cancelled_and_once_only() -> None:
    future, seen = Future(), []
    future.add_done_callback(seen.append)
    assert future.cancel()
    assert future.cancel()
    assert not future.set_running_or_notify_cancel()
    assert seen == [future]


def test_an_exception_of_a_callback_is_logged_as_the_original_does(caplog: pytest.LogCaptureFixture) -> None:
    def explode(_: Any) -> None:
        raise ZeroDivisionError("in a callback")

    seen: list[Any] = []
    with caplog.at_level(logging.ERROR, logger="concurrent.futures"):
        for future in (Future(), original.Future()):
            future.add_done_callback(explode)
            future.add_done_callback(seen.append)
            future.set_result(1)
            future.add_done_callback(explode)
    assert len(seen) == 2
    assert len(caplog.records) == 4
    ours, theirs = caplog.records[0], caplog.records[2]
    assert ours.name == theirs.name == "concurrent.futures"
    assert ours.msg == theirs.msg
    assert ours.exc_info is not None
    assert ours.exc_info[0] is ZeroDivisionError


def test_a_second_result_is_an_invalid_state() -> None:
    messages = []
    for future in (Future(), original.Future()):
        future.set_result(1)
        with pytest.raises(InvalidStateError) as caught:
            future.set_exception(OSError())
        messages.append(re.sub("0x[0-9a-f]+", "0x", str(caught.value)))
        assert future.result() == 1
    assert messages[0] == messages[1]


def test_starting_twice_is_logged_and_refused(caplog: pytest.LogCaptureFixture) -> None:
    future = Future()
    assert future.set_running_or_notify_cancel()
    with pytest.raises(RuntimeError, match="Future in unexpected state"):
        future.set_running_or_notify_cancel()
    assert "in unexpected state: RUNNING" in caplog.text
    assert not future.cancel()


def test_it_refuses_to_pickle_with_the_originals_words() -> None:
    words = []
    for future in (Future(), original.Future()):
        with pytest.raises(TypeError) as caught:
            pickle.dumps(future)
        words.append(str(caught.value))
    assert words[0] == words[1]
    with pytest.raises(TypeError):
        copy.deepcopy(Future())


def test_a_signal_handlers_exception_ends_the_wait() -> None:
    class Alarm(Exception):
        pass

    with pytest.raises(Alarm), alarm(Alarm):
        Future().result()


def test_a_program_may_write_state_and_outcome_itself() -> None:
    future = Future()
    future._state = "RUNNING"
    assert future.running()
    future._state = "FINISHED"
    future._exception = OSError()
    assert isinstance(future.exception(), OSError)
    future._exception, future._result = None, 5
    assert future.result() == 5
    with pytest.raises(ValueError):
        future._state = "ELSEWHERE"


def test_memory_is_a_fifth_of_the_originals_at_most() -> None:
    import tracemalloc

    def size(kind: Any) -> int:
        tracemalloc.start()
        futures = [kind() for _ in range(1000)]
        used = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        del futures
        return used

    assert size(Future) * 5 <= size(original.Future)


def test_results_passed_along_a_chain_of_threads_all_arrive(switch_fast: None) -> None:
    def chain(first: Any, second: Any) -> None:
        for one, other in zip(first, second, strict=True):
            other.set_result(one.result() + 1)

    rows = [[Future() for _ in range(2000)] for _ in range(5)]
    with Running(*[lambda a=a, b=b: chain(a, b) for a, b in itertools.pairwise(rows)]):
        for future in rows[0]:
            future.set_result(0)
    assert [future.result(0) for future in rows[-1]] == [4] * 2000


@pytest.fixture
def switch_fast() -> Any:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def test_asyncio_chains_both_ways() -> None:
    import asyncio

    async def main() -> tuple[Any, Any]:
        loop = asyncio.get_running_loop()
        there = Future()
        threading.Timer(0.01, there.set_result, ("from a thread",)).start()
        back = asyncio.run_coroutine_threadsafe(asyncio.sleep(0, "from the loop"), loop)
        first = await asyncio.wrap_future(there)
        with futures.ThreadPoolExecutor(2) as pool:
            many = await asyncio.gather(*[loop.run_in_executor(pool, pow, 2, n) for n in range(50)])
        assert many == [2**n for n in range(50)]
        return first, await asyncio.wrap_future(back)

    assert asyncio.run(main()) == ("from a thread", "from the loop")


def test_cancelling_an_asyncio_future_cancels_ours() -> None:
    import asyncio

    async def main() -> Any:
        ours = Future()
        theirs = asyncio.wrap_future(ours)
        theirs.cancel()
        await asyncio.sleep(0)
        return ours

    assert asyncio.run(main()).cancelled()
