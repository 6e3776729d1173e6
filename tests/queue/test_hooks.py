"""Queues whose private parts are used: they run the original's algorithm, and the program does not notice."""

import queue as stock
import threading

import pytest
from ropewalk import queue

from tests.threads import Running, asleep, eventually, switching_fast

KINDS = [queue.Queue, queue.LifoQueue, queue.PriorityQueue]
all_kinds = pytest.mark.parametrize("kind", KINDS)


class Unique(queue.Queue):
    """A queue that drops items seen before, in the style of many programs."""

    def _init(self, maxsize):
        queue.Queue._init(self, maxsize)
        self.seen = set()

    def _put(self, item):
        if item not in self.seen:
            self.seen.add(item)
            super()._put(item)


def test_overridden_hooks_are_called():
    q = Unique()
    for item in (1, 2, 1, 3, 2):
        q.put(item)
    assert [q.get() for _ in range(q.qsize())] == [1, 2, 3]


def test_a_hooked_queue_runs_the_originals_methods():
    assert Unique.put is stock.Queue.put
    assert isinstance(Unique(), queue.Queue) and issubclass(Unique, queue.Queue)


def test_a_subclass_of_a_hooked_queue_is_hooked_too():
    class Loud(Unique):
        def put(self, item, block=True, timeout=None):
            super().put(item.upper(), block, timeout)

    q = Loud()
    q.put("a")
    q.put("a")
    assert q.get() == "A" and q.empty()


def test_a_subclass_without_hooks_stays_on_the_engine():
    class Plain(queue.Queue):
        def __init__(self):
            queue.Queue.__init__(self, 3)
            self.name = "plain"

    q = Plain()
    assert q.maxsize == 3 and q.name == "plain"
    assert Plain.put is queue.Queue.put
    q.put(1)
    assert q.get() == 1


@pytest.mark.parametrize(("kind", "original"), [(k, vars(k)["__original__"]) for k in KINDS])
def test_a_hooked_queue_calls_the_base_class_by_name(kind, original):
    class Counting(kind):
        puts = 0

        def _put(self, item):
            Counting.puts += 1
            kind._put(self, item)

        def put(self, item, block=True, timeout=None):
            kind.put(self, item, block, timeout)

    q = Counting(2)
    q.put(1)
    q.put(2)
    assert Counting.puts == 2 and q.full() and kind.full(q) and kind.qsize(q) == 2
    assert kind.get(q) in (1, 2)
    q.maxsize = 7
    assert q.maxsize == 7
    assert original in Counting.__mro__


@all_kinds
def test_touching_the_mutex_keeps_items_and_counts(kind):
    q = kind(5)
    for item in (3, 1, 2):
        q.put(item)
    order = kind(5)
    for item in (3, 1, 2):
        order.put(item)
    expected = [order.get() for _ in range(3)]
    with q.mutex:
        assert len(q.queue) == 3
        q.unfinished_tasks += 0
    assert q.unfinished_tasks == 3 and q.maxsize == 5 and q.qsize() == 3
    assert [q.get() for _ in range(3)] == expected
    for _ in range(3):
        q.task_done()
    q.join()


@all_kinds
def test_clearing_the_queue_under_its_mutex_works(kind):
    q = kind()
    q.put(1)
    with q.mutex:
        q.queue.clear()
    assert q.empty()
    q.put(2)
    assert q.get() == 2


@all_kinds
def test_those_who_sleep_when_a_queue_is_opened_are_served_afterwards(kind):
    q = kind(1)
    with Running(q.get) as getting:
        eventually(lambda: asleep(getting.threads[0]))
        assert q.not_empty
        q.put("item")
    assert getting.results == ["item"]

    q = kind(1)
    q.put(1)
    with Running(lambda: q.put(2)) as putting:
        eventually(lambda: asleep(putting.threads[0]))
        assert q.not_full
        assert q.get() == 1
    assert q.get() == 2


def test_those_who_join_when_a_queue_is_opened_are_served_afterwards():
    q = queue.Queue()
    q.put(1)
    with Running(q.join) as running:
        eventually(lambda: asleep(running.threads[0]))
        assert q.all_tasks_done
        q.task_done()
    assert running.results == [None]


@all_kinds
def test_a_queue_opened_by_many_while_it_is_in_use_loses_nothing(kind):
    with switching_fast():
        for _ in range(100):
            q, got = kind(2), []

            def give():
                for item in range(5):
                    q.put(item)

            def take():
                for _ in range(5):
                    got.append(q.get())

            with Running(give, take, lambda: q.mutex, lambda: q.not_full, give, take):
                pass
            assert sorted(got) == sorted([*range(5)] * 2)
            assert q.unfinished_tasks == 10


def test_notifying_the_conditions_of_an_opened_queue_works():
    q = queue.Queue()
    with q.not_empty:
        q.queue.append("by hand")
        q.not_empty.notify()
    assert q.get() == "by hand"
    assert isinstance(threading.current_thread(), threading.Thread)


def test_a_hooked_queue_says_whether_it_is_shut_down():
    q = Unique()
    assert q.is_shutdown is False
    assert getattr(q, "is_shutdown", None) is False


def test_a_hooked_queue_is_shut_down_where_the_original_can_be():
    q = Unique()
    if hasattr(stock.Queue, "shutdown"):
        q.shutdown()
        with pytest.raises(queue.ShutDown):
            q.put(1)
    else:
        with pytest.raises(RuntimeError, match="before Python 3.13"):
            queue.Queue.shutdown(q)
