"""Event, Condition and Barrier of ``multiprocessing``."""

from __future__ import annotations

import inspect
import multiprocessing
import multiprocessing.synchronize as original
import os
import pickle
import signal
import threading
import time
from typing import Any

import pytest

from tests.multiprocessing.processes import (
    KILLED,
    LIMIT,
    context,
    end,
    every_method,
    kill_me,
    run,
    sleeps,
    start,
)

NAMES = {"Event": (), "Condition": (), "Barrier": (2,)}
every_class = pytest.mark.parametrize("name", NAMES)


def make(name: str, method: str = "fork") -> Any:
    return getattr(context(method), name)(*NAMES[name])


def until(true: Any) -> None:
    """Waits for a state that another process brings about."""
    limit = time.monotonic() + LIMIT
    while not true():
        assert time.monotonic() < limit, "it never came true"
        time.sleep(0.001)


def until_asleep(*processes: Any) -> None:
    for process in processes:
        until(lambda: sleeps(process.pid))


def kill(process: Any) -> None:
    os.kill(process.pid, signal.SIGKILL)
    end(process, KILLED)


def bare(function: Any) -> list[tuple[str, Any, Any]]:
    """Its parameters without annotations, which the original has not."""
    return [(one.name, one.kind, one.default) for one in inspect.signature(function).parameters.values()]


@every_class
def test_it_looks_like_the_original(name: str) -> None:
    ours = make(name)
    cls, original_class = type(ours), getattr(original, name)
    assert (cls.__module__, cls.__qualname__) == ("multiprocessing.synchronize", name)
    assert cls.__ropewalk__ is True and cls.__doc__ == original_class.__doc__
    assert inspect.signature(cls) == inspect.signature(original_class)
    assert isinstance(ours, original_class)
    stock = getattr(multiprocessing.get_context("fork"), name)(*NAMES[name])
    for attribute in dir(original_class):
        if inspect.isfunction(getattr(original_class, attribute)) and not attribute.startswith("_"):
            theirs, mine = getattr(stock, attribute), getattr(ours, attribute)
            assert bare(mine) == bare(theirs), attribute
            assert mine.__doc__ == theirs.__doc__, attribute


@every_class
def test_it_is_passed_to_processes_that_are_started_and_to_nobody_else(name: str) -> None:
    with pytest.raises(RuntimeError, match="should only be shared between processes through inheritance"):
        pickle.dumps(make(name, "spawn"))


# --- Event ---------------------------------------------------------------------------------------------------


def wait_for_event(event: Any, gate: Any) -> None:
    gate.release()
    assert event.wait(LIMIT)


@every_method
def test_an_event_lets_all_go_who_wait_for_it(method: str) -> None:
    ctx = context(method)
    event, gate = ctx.Event(), ctx.Semaphore(0)
    assert not event.is_set() and not event.wait(0) and not event.wait(0.001)
    waiting = [start(ctx, wait_for_event, event, gate) for _ in range(3)]
    for _ in waiting:
        assert gate.acquire(timeout=LIMIT)
    until_asleep(*waiting)
    event.set()
    for process in waiting:
        end(process)
    assert event.is_set() and event.wait()
    event.clear()
    assert not event.is_set()


def test_a_killed_waiter_costs_an_event_nothing() -> None:
    ctx = context("fork")
    event, gate = ctx.Event(), ctx.Semaphore(0)
    waiting = [start(ctx, wait_for_event, event, gate) for _ in range(3)]
    for _ in waiting:
        assert gate.acquire(timeout=LIMIT)
    until_asleep(*waiting)
    kill(waiting[0])
    event.set()
    for process in waiting[1:]:
        end(process)


def pulse_through(event: Any, gate: Any) -> None:
    gate.release()
    assert event.wait(LIMIT)


def test_who_slept_when_an_event_was_set_and_cleared_at_once_goes_on() -> None:
    ctx = context("fork")
    event, gate = ctx.Event(), ctx.Semaphore(0)
    waiting = start(ctx, pulse_through, event, gate)
    assert gate.acquire(timeout=LIMIT)
    until_asleep(waiting)
    event.set()
    event.clear()
    end(waiting)


# --- Condition -----------------------------------------------------------------------------------------------


def wait_for_condition(condition: Any, gate: Any, woken: Any) -> None:
    with condition:
        gate.release()
        assert condition.wait(LIMIT)
        woken.release()


@every_method
@pytest.mark.parametrize("lock", ("Lock", "RLock"))
def test_a_condition_wakes_as_many_as_it_is_told(method: str, lock: str) -> None:
    ctx = context(method)
    condition = ctx.Condition(getattr(ctx, lock)())
    gate, woken = ctx.Semaphore(0), ctx.Semaphore(0)
    waiting = [start(ctx, wait_for_condition, condition, gate, woken) for _ in range(4)]
    for _ in waiting:
        assert gate.acquire(timeout=LIMIT)
    with condition:  # they have let go of it: they wait
        assert condition._sleeping_count.get_value() - condition._woken_count.get_value() == 4
        condition.notify()
    assert woken.acquire(timeout=LIMIT)
    with condition:
        assert condition._sleeping_count.get_value() == 3
        condition.notify(2)
    assert woken.acquire(timeout=LIMIT) and woken.acquire(timeout=LIMIT)
    assert not woken.acquire(timeout=0.01)
    with condition:
        condition.notify_all()
        condition.notify_all()
    for process in waiting:
        end(process)
    assert repr(condition) == f"<Condition({condition._lock!r}, 0)>"


def test_a_condition_needs_its_lock() -> None:
    condition = context("fork").Condition()
    for method in (condition.wait, condition.notify, condition.notify_all):
        with pytest.raises(AssertionError):
            method()
    with condition:
        assert not condition.wait(0)
        assert not condition.wait(0.001)
        assert condition.wait_for(lambda: 7) == 7
        assert not condition.wait_for(lambda: False, 0.001)


def test_a_wait_gives_a_reentrant_lock_back_as_often_as_it_was_taken() -> None:
    condition = context("fork").Condition()
    seen: list[bool] = []

    def other() -> None:
        with condition:
            seen.append(True)
            condition.notify()

    with condition, condition:
        thread = threading.Thread(target=other)
        thread.start()
        assert condition.wait(LIMIT)
        assert seen and condition._lock._semlock._count() == 2
    thread.join(LIMIT)


def test_a_notification_goes_to_those_who_wait_and_not_to_who_comes_later() -> None:
    condition = context("fork").Condition()
    ready = threading.Semaphore(0)
    got: list[str] = []

    def first() -> None:
        with condition:
            ready.release()
            assert condition.wait(LIMIT)
            got.append("first")

    thread = threading.Thread(target=first)
    thread.start()
    assert ready.acquire(timeout=LIMIT)
    with condition:
        condition.notify()
        assert not condition.wait(0.05), "it took the notification of another"
        assert got == ["first"]
    thread.join(LIMIT)


def test_a_killed_waiter_costs_a_condition_nothing() -> None:
    ctx = context("fork")
    condition, gate, woken = ctx.Condition(), ctx.Semaphore(0), ctx.Semaphore(0)
    waiting = []
    for _ in range(3):
        waiting.append(start(ctx, wait_for_condition, condition, gate, woken))
        assert gate.acquire(timeout=LIMIT)
    with condition:
        pass
    until_asleep(*waiting)
    kill(waiting[0])
    with condition:
        condition.notify()  # the first in line is dead: it is for the second
    assert woken.acquire(timeout=LIMIT)
    with condition:
        condition.notify()
    for process in waiting[1:]:
        end(process)
    with condition:
        condition.notify()
        assert condition._sleeping_count.get_value() == 0


def stop_when_woken(condition: Any, gate: Any) -> None:
    with condition:
        gate.release()
        condition.wait(LIMIT)


def test_a_notification_that_a_killed_process_had_not_acted_on_goes_to_another() -> None:
    ctx = context("fork")
    condition, gate, woken = ctx.Condition(), ctx.Semaphore(0), ctx.Semaphore(0)
    first = start(ctx, stop_when_woken, condition, gate)
    assert gate.acquire(timeout=LIMIT)
    second = start(ctx, wait_for_condition, condition, gate, woken)
    assert gate.acquire(timeout=LIMIT)
    with condition:
        until_asleep(first, second)
        os.kill(first.pid, signal.SIGSTOP)
        condition.notify()  # for the first, which is stopped and then killed
        kill(first)
    assert woken.acquire(timeout=LIMIT)
    end(second)


def hold_condition_and_die(condition: Any) -> None:
    condition.acquire()
    kill_me()


@pytest.mark.filterwarnings("ignore::ropewalk.errors.OwnerDiedWarning")
def test_a_condition_whose_lock_s_holder_was_killed_goes_on() -> None:
    ctx = context("fork")
    condition, gate, woken = ctx.Condition(), ctx.Semaphore(0), ctx.Semaphore(0)
    waiting = start(ctx, wait_for_condition, condition, gate, woken)
    assert gate.acquire(timeout=LIMIT)
    run(ctx, hold_condition_and_die, condition, code=KILLED)
    with condition:
        condition.notify()
    end(waiting)


# --- Barrier -------------------------------------------------------------------------------------------------


def meet(barrier: Any, rounds: int) -> None:
    for _ in range(rounds):
        assert barrier.wait(LIMIT) in range(barrier.parties)


@every_method
def test_a_barrier_lets_all_go_on_when_all_are_there(method: str) -> None:
    ctx = context(method)
    barrier = ctx.Barrier(3)
    others = [start(ctx, meet, barrier, 50) for _ in range(2)]
    meet(barrier, 50)
    for process in others:
        end(process)
    assert (barrier.n_waiting, barrier.broken, barrier.parties) == (0, False, 3)


def test_each_party_has_an_index_of_its_own_and_the_last_one_acts() -> None:
    acted: list[int] = []
    barrier = context("fork").Barrier(3, lambda: acted.append(barrier.n_waiting))
    indexes: list[int] = []
    threads = [threading.Thread(target=lambda: indexes.append(barrier.wait(LIMIT))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT)
    assert sorted(indexes) == [0, 1, 2] and len(acted) == 1


def test_an_action_that_fails_breaks_the_barrier() -> None:
    def fail() -> None:
        raise ZeroDivisionError

    barrier = context("fork").Barrier(1, fail)
    with pytest.raises(ZeroDivisionError):
        barrier.wait()
    assert barrier.broken
    with pytest.raises(threading.BrokenBarrierError):
        barrier.wait()
    barrier.reset()
    assert not barrier.broken


def test_a_timeout_breaks_a_barrier_and_a_reset_mends_it() -> None:
    barrier = context("fork").Barrier(2, timeout=0.01)
    with pytest.raises(threading.BrokenBarrierError):
        barrier.wait()
    assert barrier.broken
    barrier.reset()
    with pytest.raises(threading.BrokenBarrierError):
        barrier.wait(0)
    with pytest.raises(ValueError):
        context("fork").Barrier(0)


def is_broken_for_me(barrier: Any, gate: Any) -> None:
    gate.release()
    with pytest.raises(threading.BrokenBarrierError):
        barrier.wait(LIMIT)


@every_method
@pytest.mark.parametrize("how", ("abort", "reset"))
def test_who_waits_at_a_barrier_is_told_of_abort_and_reset(method: str, how: str) -> None:
    ctx = context(method)
    barrier, gate = ctx.Barrier(3), ctx.Semaphore(0)
    waiting = [start(ctx, is_broken_for_me, barrier, gate) for _ in range(2)]
    until(lambda: barrier.n_waiting == 2)
    getattr(barrier, how)()
    for process in waiting:
        end(process)
    assert barrier.broken is (how == "abort")


def test_a_process_that_is_killed_at_a_barrier_breaks_it_for_the_others() -> None:
    ctx = context("fork")
    barrier, gate = ctx.Barrier(3), ctx.Semaphore(0)
    victim = start(ctx, meet, barrier, 1)
    until(lambda: barrier.n_waiting == 1)
    other = start(ctx, is_broken_for_me, barrier, gate)
    until(lambda: barrier.n_waiting == 2)
    kill(victim)
    end(other)
    assert barrier.broken


def test_who_comes_last_to_a_barrier_finds_that_another_was_killed_there() -> None:
    ctx = context("fork")
    barrier = ctx.Barrier(2)
    victim = start(ctx, meet, barrier, 1)
    until(lambda: barrier.n_waiting == 1)
    until_asleep(victim)
    time.sleep(0.02)  # who has just come is not asked whether it lives
    kill(victim)
    with pytest.raises(threading.BrokenBarrierError):
        barrier.wait(LIMIT)
    barrier.reset()
    other = start(ctx, meet, barrier, 1)
    meet(barrier, 1)
    end(other)


def test_signals_end_the_waits_of_all() -> None:
    class Rung(Exception):
        pass

    def ring(*_: Any) -> None:
        raise Rung

    ctx = context("fork")
    event, condition, barrier = ctx.Event(), ctx.Condition(), ctx.Barrier(2)
    before = signal.signal(signal.SIGALRM, ring)
    try:
        with condition:
            for wait in (event.wait, condition.wait, barrier.wait):
                signal.setitimer(signal.ITIMER_REAL, 0.02, 0.05)
                with pytest.raises(Rung):
                    wait()
                signal.setitimer(signal.ITIMER_REAL, 0)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert condition._sleeping_count.get_value() == 0
    assert (barrier.n_waiting, barrier.broken) == (0, False)
