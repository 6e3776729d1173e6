"""throw(), and GreenletExit."""

import pytest
from ropewalk.greenlet import GreenletExit, getcurrent, greenlet


def waits():
    return getcurrent().parent.switch()


def test_the_exception_is_raised_where_the_greenlet_stopped():
    def body():
        try:
            getcurrent().parent.switch()
        except KeyError as caught:
            return caught.args

    child = greenlet(body)
    child.switch()
    assert child.throw(KeyError, KeyError(1, 2)) == (1, 2)


def test_what_is_not_caught_comes_back_with_its_traceback():
    child = greenlet(waits)
    child.switch()
    with pytest.raises(KeyError) as raised:
        child.throw(KeyError("x"))
    assert [entry.name for entry in raised.traceback][-1] == "waits"


def test_an_exit_that_is_not_caught_is_the_result():
    child = greenlet(waits)
    child.switch()
    result = child.throw()
    assert isinstance(result, GreenletExit)
    assert child.dead


def test_thrown_into_one_that_has_not_begun_it_goes_to_the_parent():
    def body():
        raise AssertionError("it never begins")

    child = greenlet(body)
    with pytest.raises(KeyError):
        child.throw(KeyError)
    assert child.dead


def test_a_dead_greenlet_passes_it_on():
    child = greenlet(lambda: None)
    child.switch()
    with pytest.raises(KeyError):
        child.throw(KeyError)
    assert isinstance(child.throw(), GreenletExit)


def test_only_exceptions_are_thrown():
    child = greenlet(waits)
    child.switch()
    with pytest.raises(TypeError, match="exceptions must be classes, or instances, not str"):
        child.throw("text")
    with pytest.raises(TypeError, match="instance exception may not have a separate value"):
        child.throw(KeyError(), KeyError())
    with pytest.raises(TypeError, match="traceback"):
        child.throw(KeyError, KeyError(), 5)
    assert child.switch(1) == 1
