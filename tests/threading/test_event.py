"""Event: a flag that threads wait for."""

import pickle
import signal
import threading as stock
import time
import weakref

import pytest
from ropewalk import threading

from tests.threads import Running, alarm, asleep, eventually, switching_fast


def test_a_new_event_is_not_set():
    assert not threading.Event().is_set()


def test_wait_on_a_set_event_returns_true_at_once():
    event = threading.Event()
    event.set()
    assert event.wait() is True
    assert event.wait(0) is True


def test_wait_times_out_with_false():
    start = time.monotonic()
    assert threading.Event().wait(0.05) is False
    assert time.monotonic() - start >= 0.05


@pytest.mark.parametrize("timeout", [0, -1, 0.0, -0.5])
def test_a_timeout_of_zero_or_less_does_not_sleep(timeout):
    assert threading.Event().wait(timeout) is False


def test_set_wakes_every_waiting_thread():
    event = threading.Event()
    with Running(*[event.wait] * 8) as running:
        eventually(lambda: all(map(asleep, running.threads)))
        event.set()
    assert running.results == [True] * 8


def test_a_waiter_that_was_woken_returns_true_though_the_flag_was_cleared_again():
    event = threading.Event()
    with Running(event.wait) as running:
        eventually(lambda: asleep(running.threads[0]))
        event.set()
        event.clear()
    assert running.results == [True]
    assert not event.is_set()


def test_a_timeout_too_long_for_the_clock_overflows():
    with pytest.raises(OverflowError):
        threading.Event().wait(threading.TIMEOUT_MAX * 2)


def test_a_timeout_that_is_no_number_is_a_type_error():
    with pytest.raises(TypeError):
        threading.Event().wait("soon")


def test_nan_is_no_timeout():
    with pytest.raises(ValueError, match="NaN"):
        threading.Event().wait(float("nan"))


def test_keyboard_interrupt_ends_a_wait_in_the_main_thread():
    event = threading.Event()
    with pytest.raises(KeyboardInterrupt), alarm(KeyboardInterrupt):
        event.wait()
    assert event.wait(0) is False


def test_a_signal_handler_that_returns_does_not_end_a_wait():
    event = threading.Event()
    handled = []

    def handle(number, frame):
        handled.append(number)
        if len(handled) == 3:
            signal.setitimer(signal.ITIMER_REAL, 0)
            event.set()

    old = signal.signal(signal.SIGALRM, handle)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
        assert event.wait() is True
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
    assert len(handled) >= 3


def test_repr_is_the_originals():
    ours, theirs = threading.Event(), stock.Event()
    for event in (ours, theirs):
        event.set()
    assert repr(ours).replace(hex(id(ours)), "") == repr(theirs).replace(hex(id(theirs)), "")


def test_isinstance_holds_both_ways():
    assert isinstance(threading.Event(), stock.Event)
    assert isinstance(stock.Event(), threading.Event)
    assert issubclass(threading.Event, stock.Event)


def test_it_refuses_to_be_pickled_in_the_originals_words():
    with pytest.raises(TypeError, match="cannot pickle '_thread.lock' object"):
        pickle.dumps(threading.Event())


def test_it_can_be_weakly_referenced_and_carry_attributes():
    event = threading.Event()
    event.note = "here"
    reference = weakref.ref(event)
    assert reference().note == "here"
    del event
    assert reference() is None


def test_isset_is_deprecated_and_works():
    event = threading.Event()
    with pytest.deprecated_call():
        assert event.isSet() is False


def test_touching_cond_opens_the_object_and_keeps_its_state():
    event = threading.Event()
    event.set()
    with event._cond:
        assert not event._cond.acquire(False)
    assert event.is_set() and event.wait(0)
    event.clear()
    assert not event.is_set()
    assert isinstance(event, threading.Event)


def test_a_thread_that_waits_goes_on_waiting_when_the_object_is_opened():
    event = threading.Event()
    with Running(event.wait) as running:
        eventually(lambda: asleep(running.threads[0]))
        assert event._cond
        eventually(lambda: asleep(running.threads[0]))
        assert running.results == []
        event.set()
    assert running.results == [True]


def test_methods_called_through_the_class_reach_an_opened_object():
    event = threading.Event()
    assert event._cond
    threading.Event.set(event)
    assert event.is_set() and threading.Event.is_set(event) and threading.Event.wait(event, 0)
    threading.Event.clear(event)
    assert not event._flag


def test_a_subclass_may_override_wait():
    class Counting(threading.Event):
        def __init__(self):
            super().__init__()
            self.waits = 0

        def wait(self, timeout=None):
            self.waits += 1
            return super().wait(timeout)

    event = Counting()
    event.set()
    assert event.wait() and event.waits == 1


def test_an_event_set_while_many_open_it_stays_set():
    with switching_fast():
        for _ in range(200):
            event = threading.Event()
            functions = [event.wait, lambda: event._cond, event.set, lambda: event._cond, event.wait]
            with Running(*functions) as running:
                pass
            assert event.is_set()
            assert running.results.count(True) == 2
