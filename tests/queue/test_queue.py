"""Queue, LifoQueue and PriorityQueue: items from thread to thread."""

import gc
import pickle
import queue as stock
import signal
import threading
import time
import weakref

import pytest
from ropewalk import queue

from tests.threads import Running, alarm, asleep, eventually

KINDS = [queue.Queue, queue.LifoQueue, queue.PriorityQueue]
all_kinds = pytest.mark.parametrize("kind", KINDS)


def drain(q):
    return [q.get_nowait() for _ in range(q.qsize())]


@pytest.mark.parametrize(
    ("kind", "order"),
    [(queue.Queue, [2, 3, 1]), (queue.LifoQueue, [1, 3, 2]), (queue.PriorityQueue, [1, 2, 3])],
)
def test_items_leave_in_the_order_of_the_kind(kind, order):
    q = kind()
    for item in (2, 3, 1):
        q.put(item)
    assert drain(q) == order


@all_kinds
def test_full_and_empty_raise_the_standard_exceptions(kind):
    q = kind(1)
    with pytest.raises(stock.Empty):
        q.get_nowait()
    with pytest.raises(stock.Empty):
        q.get(timeout=0.01)
    q.put(1)
    with pytest.raises(stock.Full):
        q.put_nowait(2)
    with pytest.raises(stock.Full):
        q.put(2, timeout=0.01)
    with pytest.raises(stock.Full):
        q.put(2, False)
    assert q.full() and not q.empty() and q.qsize() == 1


@all_kinds
def test_a_negative_timeout_is_refused(kind):
    with pytest.raises(ValueError, match="'timeout' must be a non-negative number"):
        kind().put(1, timeout=-1)
    with pytest.raises(ValueError, match="'timeout' must be a non-negative number"):
        kind().get(timeout=-1)


@all_kinds
def test_a_get_that_waits_is_served_by_a_put(kind):
    q = kind()
    with Running(q.get) as running:
        eventually(lambda: asleep(running.threads[0]))
        q.put("item")
    assert running.results == ["item"]
    assert q.qsize() == 0


@all_kinds
def test_a_put_that_waits_goes_in_when_there_is_room(kind):
    q = kind(1)
    q.put(1)
    with Running(lambda: q.put(2)) as running:
        eventually(lambda: asleep(running.threads[0]))
        assert q.get() == 1
    assert q.get() == 2


@all_kinds
def test_every_item_arrives_once_from_many_threads_to_many(kind):
    q = kind(5)
    got = []

    def produce(base):
        for i in range(300):
            q.put(base + i)

    def consume():
        while (item := q.get()) >= 0:
            got.append(item)

    with Running(*[lambda base=base: produce(base * 1000) for base in range(4)]) as producers:
        with Running(consume, consume, consume):
            producers.join()
            # A priority queue would let -1 pass everything else: wait until all is taken out.
            eventually(lambda: q.qsize() == 0 and len(got) == 1200)
            for _ in range(3):
                q.put(-1)
    assert sorted(got) == sorted(base * 1000 + i for base in range(4) for i in range(300))


@all_kinds
def test_join_waits_for_every_task(kind):
    q = kind()
    for item in range(3):
        q.put(item)
    with Running(q.join) as running:
        for _ in range(3):
            q.get()
            assert running.results == []
            q.task_done()
    assert running.results == [None]


@all_kinds
def test_task_done_too_often_is_refused(kind):
    q = kind()
    q.put(1)
    q.task_done()
    with pytest.raises(ValueError, match="called too many times"):
        q.task_done()


@all_kinds
def test_shutdown_lets_out_what_is_inside_and_nothing_in(kind):
    q = kind()
    q.put(1)
    q.shutdown()
    with pytest.raises(queue.ShutDown):
        q.put(2)
    assert q.get() == 1
    with pytest.raises(queue.ShutDown):
        q.get()
    assert q.is_shutdown


@all_kinds
def test_an_immediate_shutdown_throws_the_items_away_and_ends_join(kind):
    q = kind()
    for item in range(3):
        q.put(item)
    with Running(q.join) as running:
        eventually(lambda: asleep(running.threads[0]))
        q.shutdown(immediate=True)
    assert running.results == [None]
    with pytest.raises(queue.ShutDown):
        q.get()


@all_kinds
def test_shutdown_wakes_those_who_wait_in_vain(kind):
    full, empty = kind(1), kind()
    full.put(1)

    def put():
        with pytest.raises(queue.ShutDown):
            full.put(2)

    def get():
        with pytest.raises(queue.ShutDown):
            empty.get()

    with Running(put, get) as running:
        eventually(lambda: all(map(asleep, running.threads)))
        full.shutdown()
        empty.shutdown()
    assert full.get() == 1


@all_kinds
def test_raising_maxsize_makes_room(kind):
    q = kind(1)
    q.put(1)
    with Running(lambda: q.put(2)) as running:
        eventually(lambda: asleep(running.threads[0]))
        q.maxsize = 2
    assert q.qsize() == 2 and q.maxsize == 2 and q.full()


@all_kinds
def test_a_size_of_zero_or_less_is_no_bound(kind):
    for size in (0, -1):
        q = kind(size)
        for item in range(100):
            q.put_nowait(item)
        assert not q.full()


@all_kinds
def test_keyboard_interrupt_ends_get_and_put_and_loses_nothing(kind):
    q = kind(1)
    with pytest.raises(KeyboardInterrupt), alarm(KeyboardInterrupt):
        q.get()
    q.put(1)
    with pytest.raises(KeyboardInterrupt), alarm(KeyboardInterrupt):
        q.put(2)
    assert drain(q) == [1]


@all_kinds
def test_a_put_from_a_signal_handler_in_the_middle_of_put_does_not_deadlock(kind):
    q = kind()
    handled = []

    def handle(number, frame):
        handled.append(None)
        q.put(-1)

    old = signal.signal(signal.SIGALRM, handle)
    puts = 0
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.0002, 0.0002)
        while len(handled) < 300:
            q.put(1)
            q.get()
            puts += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
    assert q.qsize() == len(handled)
    assert len(drain(q)) == len(handled)


@all_kinds
def test_a_put_from_a_finaliser_does_not_deadlock(kind):
    q = kind()
    finalised = []

    class Item:
        def __lt__(self, other):
            return id(self) < (other if isinstance(other, int) else id(other))

        def __gt__(self, other):
            return id(self) > (other if isinstance(other, int) else id(other))

        def __del__(self):
            finalised.append(None)
            q.put(id(self))

    for _ in range(100):
        q.put(Item())
        q.get()
    assert finalised
    assert q.qsize() == len(finalised)


@all_kinds
def test_a_queue_in_a_cycle_with_its_item_is_collected(kind):
    class Node:
        pass

    q, node = kind(), Node()
    node.q = q
    q.put(node)
    reference = weakref.ref(node)
    del q, node
    gc.collect()
    assert reference() is None


@all_kinds
def test_isinstance_holds_both_ways(kind):
    original = vars(kind)["__original__"]
    assert isinstance(kind(), original) and isinstance(original(), kind)
    assert issubclass(kind, queue.Queue) and issubclass(kind, stock.Queue)


@all_kinds
def test_it_refuses_to_be_pickled_in_the_originals_words(kind):
    with pytest.raises(TypeError, match="cannot pickle '_thread.lock' object"):
        pickle.dumps(kind())


def test_simple_queue_is_the_standard_one():
    assert queue.SimpleQueue is stock.SimpleQueue


def test_a_timed_get_ends_on_time_under_a_storm_of_signals():
    q = queue.Queue()
    old = signal.signal(signal.SIGALRM, lambda number, frame: None)
    start = time.monotonic()
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
        with pytest.raises(queue.Empty):
            q.get(timeout=0.2)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
    assert time.monotonic() - start >= 0.2


def test_a_forked_child_uses_a_queue_on_which_a_parents_thread_slept():
    import os

    q = queue.Queue()
    with Running(q.get) as running:
        eventually(lambda: asleep(running.threads[0]))
        child = os.fork()
        if not child:
            q.put("for the child")
            os._exit(0 if q.get(timeout=120) == "for the child" else 1)
        assert os.waitpid(child, 0)[1] == 0
        q.put("for the parent")
    assert running.results == ["for the parent"]
    assert threading.active_count() >= 1
