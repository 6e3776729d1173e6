"""switch(): who goes on, and what it brings."""

import sys

import pytest
from ropewalk.greenlet import error, getcurrent, greenlet


def test_a_greenlet_goes_on_where_it_stopped():
    seen = []

    def body():
        seen.append(1)
        getcurrent().parent.switch()
        seen.append(3)

    child = greenlet(body)
    seen.append(0)
    child.switch()
    seen.append(2)
    child.switch()
    assert seen == [0, 1, 2, 3]
    assert child.dead


@pytest.mark.parametrize(
    ("args", "kwargs", "brought"),
    [
        ((), {}, ()),
        ((1,), {}, 1),
        (((),), {}, ()),
        (((1,),), {}, (1,)),
        ((1, 2), {}, (1, 2)),
        ((), {"a": 1}, {"a": 1}),
        ((1,), {"a": 1}, ((1,), {"a": 1})),
        ((1, 2), {"a": 1}, ((1, 2), {"a": 1})),
    ],
)
def test_one_argument_comes_as_it_is_and_others_in_what_holds_them(args, kwargs, brought):
    main = getcurrent()
    child = greenlet(lambda: main.switch(main.switch()))
    child.switch()
    assert child.switch(*args, **kwargs) == brought
    assert main.switch(*args, **kwargs) == brought


def test_the_first_switch_calls_run_with_its_arguments():
    def run(*args, **kwargs):
        return args, kwargs

    assert greenlet(run).switch() == ((), {})
    assert greenlet(run).switch(1) == ((1,), {})
    assert greenlet(run).switch(1, 2) == ((1, 2), {})
    assert greenlet(run).switch(a=1) == ((), {"a": 1})
    assert greenlet(run).switch(1, a=1) == ((1,), {"a": 1})


def test_the_result_goes_to_the_parent():
    def inner():
        return "inner"

    outer = greenlet(lambda: greenlet(inner, getcurrent()).switch() + " in outer")
    assert outer.switch() == "inner in outer"


def test_a_result_begins_a_parent_that_has_not_begun():
    parent = greenlet(lambda result: result * 2)
    assert greenlet(lambda: 21, parent).switch() == 42
    assert parent.dead


def test_an_exception_goes_to_the_parent():
    def body():
        raise KeyError("lost")

    child = greenlet(body)
    with pytest.raises(KeyError, match="lost"):
        child.switch()
    assert child.dead


def test_a_switch_to_a_dead_greenlet_goes_to_its_parent():
    child = greenlet(lambda: None)
    child.switch()
    assert child.switch(5) == 5


def test_a_greenlet_that_has_nothing_to_run_says_so_and_stays_as_it_was():
    child = greenlet()
    with pytest.raises(AttributeError, match="run"):
        child.switch()
    child.run = lambda: 1
    assert child.switch() == 1


def test_a_subclass_may_have_run_as_a_method():
    class Doubler(greenlet):
        def run(self, number):
            while True:
                number = self.parent.switch(number * 2)

    doubler = Doubler()
    assert [doubler.switch(n) for n in range(5)] == [0, 2, 4, 6, 8]
    doubler.throw()  # its frame holds it: nobody else would end it


def test_a_thousand_greenlets_stand_side_by_side():
    main = getcurrent()

    def body(number):
        while True:
            number += main.switch(number)

    children = [greenlet(body) for _ in range(1000)]
    assert [child.switch(n) for n, child in enumerate(children)] == list(range(1000))
    assert [child.switch(1) for child in children] == list(range(1, 1001))


def test_switches_from_within_calls_of_c_go_both_ways():
    main = getcurrent()

    def key(number):
        main.switch(number)
        return -number

    child = greenlet(lambda: sorted([3, 1, 2], key=key))
    assert [child.switch() for _ in range(4)] == [3, 1, 2, [3, 2, 1]]


def test_an_exception_that_is_handled_belongs_to_its_greenlet():
    main = getcurrent()

    def body():
        try:
            raise KeyError(1)
        except KeyError:
            main.switch(sys.exc_info()[0])
            return sys.exc_info()[0]

    child = greenlet(body)
    try:
        raise ValueError(2)
    except ValueError:
        assert child.switch() is KeyError
        assert sys.exc_info()[0] is ValueError
    assert sys.exc_info()[0] is None
    assert child.switch() is KeyError


def test_a_generator_may_be_driven_from_several_greenlets():
    main = getcurrent()

    def numbers():
        for number in range(4):
            main.switch(number)
            yield number

    shared = numbers()
    child = greenlet(lambda: list(shared))
    assert child.switch() == 0
    with pytest.raises(ValueError, match="generator already executing"):
        next(shared)
    assert [child.switch() for _ in range(4)] == [1, 2, 3, [0, 1, 2, 3]]


def test_a_greenlet_of_another_thread_is_not_switched_to():
    import threading

    theirs = []
    may_end = threading.Event()
    is_there = threading.Event()

    def thread():
        child = greenlet(lambda: getcurrent().parent.switch())
        child.switch()
        theirs.append(child)
        is_there.set()
        may_end.wait(120)

    other = threading.Thread(target=thread)
    other.start()
    is_there.wait(120)
    try:
        with pytest.raises(error, match="Cannot switch to a different thread"):
            theirs[0].switch()
        with pytest.raises(ValueError, match="parent cannot be on a different thread"):
            theirs[0].parent = getcurrent()
    finally:
        may_end.set()
        other.join()
    with pytest.raises(error):
        theirs[0].switch()


def test_the_parent_is_a_greenlet_that_does_not_descend_from_it():
    child = greenlet(lambda: None)
    grandchild = greenlet(lambda: None, child)
    with pytest.raises(ValueError, match="cyclic parent chain"):
        child.parent = grandchild
    with pytest.raises(TypeError):
        child.parent = 5
    with pytest.raises(AttributeError):
        getcurrent().parent = child


def test_what_it_is_shows():
    child = greenlet(lambda: getcurrent().parent.switch())
    assert not child and not child.dead and repr(child).endswith("pending>")
    child.switch()
    assert child and not child.dead and "suspended active started" in repr(child)
    child.switch()
    assert not child and child.dead and repr(child).endswith("dead>")
    assert "current active started main" in repr(getcurrent())
