"""What a queue of ``multiprocessing`` does with what cannot be pickled, and with reducers that use queues."""

from __future__ import annotations

import _thread
import pickle
import sys
from typing import Any

import pytest
from ropewalk.multiprocessing import queues

from tests.multiprocessing.processes import context

NAMES = ("Queue", "JoinableQueue", "SimpleQueue")
every_class = pytest.mark.parametrize("name", NAMES)
both_queues = pytest.mark.parametrize("name", ("Queue", "JoinableQueue"))


def make(name: str = "Queue", *arguments: Any, method: str = "fork") -> Any:
    return getattr(context(method), name)(*arguments)


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


class Holder:
    def __init__(self, held: object) -> None:
        self.held = held


@pytest.mark.skipif(sys.version_info < (3, 11), reason="exceptions have no notes")
@every_class
def test_the_error_says_where_the_reason_is(name: str) -> None:
    queue = make(name)
    with pytest.raises(TypeError) as caught:
        queue.put({"jobs": [1, Holder(_thread.allocate_lock())]})
    note, *of_pickle = caught.value.__notes__
    assert note == (
        "what can not be sent to another process: the object -> ['jobs'] -> [1] -> .held, a _thread.lock"
    )
    assert bool(of_pickle) == (sys.version_info >= (3, 14))  # one for each step of the path


class Puts:
    """Puts into a queue while it is put into one."""

    queue: Any = None

    def __init__(self, turns: int) -> None:
        self.turns = turns

    def __reduce__(self) -> Any:
        if self.turns:
            Puts.queue.put([self.turns, Puts(self.turns - 1)])
        return str, (f"turn {self.turns}",)


def test_a_reducer_may_put_into_the_same_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Puts, "queue", make())
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


def test_a_constructor_may_take_out_of_the_same_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Gets, "queue", make())
    Gets.queue.put([1, Gets(None), {"x": Gets(None)}])
    Gets.queue.put("a")
    Gets.queue.put("b")
    assert Gets.queue.get() == [1, "a", {"x": "b"}]
