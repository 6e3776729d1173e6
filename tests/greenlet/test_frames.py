"""What of a suspended greenlet can be seen: its frame, its context, its switches."""

import contextvars
import sys

import pytest
from ropewalk.greenlet import getcurrent, gettrace, greenlet, settrace


def test_the_frame_is_the_one_it_stopped_in_and_its_first_has_none_behind_it():
    main = getcurrent()

    def inner():
        main.switch(sys._getframe())

    def outer():
        inner()

    child = greenlet(outer)
    assert child.gr_frame is None
    frame = child.switch()
    assert child.gr_frame is frame
    assert frame.f_back.f_code.co_name == "outer"
    assert frame.f_back.f_back is None
    assert main.gr_frame is None, "it runs"
    child.switch()
    assert child.gr_frame is None


def test_each_greenlet_has_its_own_context():
    variable = contextvars.ContextVar("variable", default=0)
    main = getcurrent()

    def body(number):
        variable.set(number)
        main.switch()
        return variable.get()

    children = [greenlet(body) for _ in range(3)]
    for number, child in enumerate(children):
        child.switch(number + 1)
    assert variable.get() == 0
    assert [child.switch() for child in children] == [1, 2, 3]


def test_a_context_can_be_given_before_the_start_and_looked_at_later():
    variable = contextvars.ContextVar("variable")
    context = contextvars.copy_context()
    context.run(variable.set, "given")
    child = greenlet(lambda: getcurrent().parent.switch(variable.get()))
    child.gr_context = context
    assert child.switch() == "given"
    assert child.gr_context is context
    with pytest.raises(TypeError):
        child.gr_context = 5
    child.gr_context = None
    assert child.gr_context is None


def test_a_trace_function_is_told_of_switches_and_of_throws():
    told = []
    main = getcurrent()
    child = greenlet(lambda: main.switch())
    assert settrace(lambda event, both: told.append((event, both))) is None
    try:
        assert gettrace() is not None
        child.switch()
        child.throw()
    finally:
        settrace(None)
    assert told == [
        ("switch", (main, child)),
        ("switch", (child, main)),
        ("throw", (main, child)),
        ("switch", (child, main)),
    ]


def test_what_a_trace_function_raises_is_thrown_and_ends_the_tracing():
    def trace(event, both):
        raise KeyError(event)

    child = greenlet(lambda: getcurrent().parent.switch())
    child.switch()
    settrace(trace)
    with pytest.raises(KeyError):
        child.switch()
    assert gettrace() is None


def test_a_profiler_sees_calls_in_every_greenlet():
    seen = []

    def called():
        pass

    def body():
        called()
        getcurrent().parent.switch()
        called()

    child = greenlet(body)
    sys.setprofile(lambda frame, event, _: event == "call" and seen.append(frame.f_code.co_name))
    try:
        child.switch()
        child.switch()
    finally:
        sys.setprofile(None)
    assert seen.count("called") == 2
