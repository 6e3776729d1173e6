"""Objects that hold themselves, by way of what was put into them, go when nobody else holds them."""

import gc
import weakref

import pytest
from ropewalk import queue, threading
from ropewalk.concurrent import futures

QUEUES = [queue.Queue, queue.LifoQueue, queue.PriorityQueue]


class Held:
    """Something that can be watched."""


@pytest.fixture(autouse=True)
def collector_off():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def is_collected(watched):
    alive_before = watched() is not None
    gc.collect()
    return alive_before and watched() is None


@pytest.mark.parametrize("kind", QUEUES)
def test_a_queue_that_holds_itself_is_collected(kind):
    held, container = Held(), kind()
    held.container = container
    container.put((1, held))
    container.put((2, container))
    watched = weakref.ref(held)
    del held, container
    assert is_collected(watched)


@pytest.mark.parametrize("kind", QUEUES)
def test_a_queue_that_is_held_from_outside_keeps_what_it_holds(kind):
    held, container = Held(), kind()
    held.container = container
    container.put((1, held))
    del held
    gc.collect()
    assert container.get()[1].container is container


def test_a_future_whose_result_holds_it_is_collected():
    held, future = Held(), futures.Future()
    held.future = future
    future.set_result(held)
    watched = weakref.ref(held)
    del held, future
    assert is_collected(watched)


def test_a_future_whose_exception_holds_it_is_collected():
    held, future = Held(), futures.Future()
    error = ValueError()
    error.held, held.future = held, future
    future.set_exception(error)
    watched = weakref.ref(held)
    del held, future, error
    assert is_collected(watched)


def test_a_future_whose_callback_holds_it_is_collected():
    held, future = Held(), futures.Future()
    held.future = future
    future.add_done_callback(lambda _, held=held: held)
    watched = weakref.ref(held)
    del held, future
    assert is_collected(watched)


def test_queues_that_hold_each_other_are_collected():
    held, one, other = Held(), queue.Queue(), queue.Queue()
    one.put(other)
    other.put(one)
    one.put(held)
    watched = weakref.ref(held)
    del held, one, other
    assert is_collected(watched)


@pytest.mark.parametrize(
    "make",
    [
        threading.Event,
        threading.Semaphore,
        threading.Condition,
        lambda: threading.Barrier(2),
        queue.Queue,
        futures.Future,
    ],
)
def test_an_attribute_that_holds_its_object_is_collected_with_it(make):
    held, thing = Held(), make()
    thing.held, held.thing = held, thing
    watched = weakref.ref(held)
    del held, thing
    assert is_collected(watched)
