"""PriorityQueue: what happens while items are compared, in the program's own code."""

import pytest
from ropewalk import queue

from tests.threads import Running, asleep, eventually


class Item:
    """Compares by value, and calls ``meanwhile`` while it does."""

    def __init__(self, value, meanwhile=lambda: None):
        self.value = value
        self.meanwhile = meanwhile

    def __lt__(self, other):
        self.meanwhile()
        return self.value < other.value


def test_an_item_that_cannot_be_compared_is_refused_and_not_inside():
    q = queue.PriorityQueue()
    q.put(1)
    q.put(3)
    with pytest.raises(TypeError):
        q.put("two")
    assert q.qsize() == 2 and q.unfinished_tasks == 2
    q.put(2)
    assert [q.get() for _ in range(3)] == [1, 2, 3]


def test_a_refused_item_leaves_its_place_free():
    q = queue.PriorityQueue(2)
    q.put(1)
    with pytest.raises(TypeError):
        q.put("two")
    q.put(2, block=False)
    assert q.full()


def test_a_put_while_comparing_is_kept():
    q = queue.PriorityQueue()
    once = []

    def meanwhile():
        if not once:
            once.append(None)
            q.put(Item(0))

    q.put(Item(5))
    q.put(Item(7, meanwhile))
    assert [q.get().value for _ in range(3)] == [0, 5, 7]


def test_a_blocking_get_while_comparing_is_refused_instead_of_hanging():
    q = queue.PriorityQueue()
    errors = []

    def meanwhile():
        try:
            q.get()
        except RuntimeError as error:
            errors.append(str(error))

    q.put(Item(1))
    q.put(Item(2, meanwhile))
    assert "while the same thread was comparing" in errors[0]
    assert q.qsize() == 2


def test_a_get_without_waiting_while_comparing_finds_nothing():
    q = queue.PriorityQueue()
    seen = []

    def meanwhile():
        with pytest.raises(queue.Empty):
            q.get_nowait()
        seen.append(None)

    q.put(Item(1))
    q.put(Item(2, meanwhile))
    assert seen and q.qsize() == 2


def test_an_exception_while_comparing_in_get_loses_nothing():
    q = queue.PriorityQueue()
    armed = []

    def meanwhile():
        if armed:
            raise ZeroDivisionError

    for value in (1, 2, 3, 4):
        q.put(Item(value, meanwhile))
    armed.append(None)
    with pytest.raises(ZeroDivisionError):
        q.get()
    armed.clear()
    assert sorted(q.get().value for _ in range(4)) == [1, 2, 3, 4]
    assert q.empty()


def test_a_slow_comparison_makes_other_threads_wait_their_turn():
    q = queue.PriorityQueue()
    other = []

    def meanwhile():
        if not other:
            other.append(Running(lambda: q.put(Item(0))).__enter__())
            eventually(lambda: asleep(other[0].threads[0]))

    q.put(Item(1))
    q.put(Item(2, meanwhile))
    other[0].join()
    assert [q.get().value for _ in range(3)] == [0, 1, 2]
