"""Deadlocks between processes: a certain one raises in one of them, a possible one is reported by one of them."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import ropewalk
from ropewalk import _ropewalk

from tests.doctor.programs import run
from tests.multiprocessing.processes import LIMIT, context, end, every_method, start
from tests.threads import eventually


@pytest.fixture(autouse=True)
def mode() -> Iterator[None]:
    before = ropewalk.deadlock
    yield
    ropewalk.deadlock = before


def take_two(first: Any, second: Any, meet: Any, told: Any) -> None:
    """Takes one, meets the others, takes the other; tells how that went."""
    with first:
        meet.wait(LIMIT)
        try:
            with second:
                told.put((os.getpid(), None, []))
        except ropewalk.DeadlockError as error:
            told.put((os.getpid(), str(error), [tuple(wait) for wait in error.waits]))


def ring(ctx: Any, size: int) -> list[tuple[int, str | None, list[Any]]]:
    """As many processes as locks, each takes one and then the next one's."""
    locks = [ctx.RLock() for _ in range(size)]
    meet, told = ctx.Barrier(size), ctx.Queue()
    around = zip(locks, locks[1:] + locks[:1], strict=True)
    children = [start(ctx, take_two, first, second, meet, told) for first, second in around]
    outcomes = [told.get(timeout=LIMIT) for _ in children]
    for child in children:
        end(child)
    return outcomes


@every_method
@pytest.mark.parametrize("size", [2, 3])
def test_of_processes_that_wait_in_a_circle_exactly_one_is_told(method: str, size: int) -> None:
    outcomes = ring(context(method), size)
    ((pid, text, waits),) = [outcome for outcome in outcomes if outcome[1] is not None]
    assert text is not None
    first, *lines = text.splitlines()
    assert first.startswith(f"DEADLOCK (certain): {size} processes wait for each other")
    assert f"raised in: process {pid}" in first
    for other, _, _ in outcomes:
        assert f"process {other}" in text
    assert sum("--holds--> RLock second" in line for line in lines) == size
    assert sum("with second:   <- here" in line for line in lines) == size
    assert text.count("test_processes.py:") >= size
    assert len(waits) == size


def join_while_holding(lock: Any, child: Any, told: Any, late: bool) -> None:
    with lock:
        child.start()
        if late:
            eventually(lambda: [wait for wait in ropewalk.waits(tree=True) if wait.process == child.pid])
        try:
            child.join()
            told.put("joined")
        except ropewalk.DeadlockError as error:
            told.put(str(error))


def take(lock: Any, told: Any, after: int | None) -> None:
    """Takes the lock, when the process ``after`` waits, if one is named."""
    if after is not None:
        eventually(lambda: _ropewalk.process_waits(after))
    try:
        with lock:
            told.put("taken")
    except ropewalk.DeadlockError as error:
        told.put(str(error))


@every_method
@pytest.mark.parametrize("late", [False, True], ids=["at about the same time", "who joins waits last"])
def test_a_process_that_is_joined_by_who_holds_its_lock(method: str, late: bool) -> None:
    ctx = context(method)
    lock, told = ctx.RLock(), ctx.Queue()
    child = ctx.Process(target=take, args=(lock, told, None if late else os.getpid()))
    join_while_holding(lock, child, told, late)
    pid = child.pid
    end(child)
    texts = [told.get(timeout=LIMIT) for _ in range(2)]
    (error,) = [text for text in texts if text.startswith("DEADLOCK (certain): 2 processes")]
    assert "Fix: do not join a process while holding what it needs to finish." in error
    # One is told, the other goes on. A join looks once: if the child is awake at that moment, it finds out itself.
    in_the_parent = f"raised in: process {os.getpid()}" in error
    assert in_the_parent or f"raised in: process {pid}" in error
    assert ("taken" if in_the_parent else "joined") in texts


def test_threads_of_one_process_are_told_apart() -> None:
    ctx = context("fork")
    first, second = ctx.RLock(), ctx.RLock()
    meet, errors = threading.Barrier(2), []

    def take(one: Any, other: Any) -> None:
        with one:
            meet.wait(LIMIT)
            try:
                with other:
                    pass
            except ropewalk.DeadlockError as error:
                errors.append(error)

    thread = threading.Thread(target=take, args=(second, first), name="another")
    thread.start()
    take(first, second)
    thread.join(LIMIT)
    (error,) = errors
    assert str(error).startswith("DEADLOCK (certain): 2 threads wait for each other")
    assert {wait.thread for wait in error.waits} == {"MainThread", "another"}
    assert {wait.process for wait in error.waits} == {os.getpid()}
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_a_thread_that_runs_while_another_of_its_process_waits_is_no_deadlock() -> None:
    """This process holds what the child wants, and one of its threads waits for the child: not the one that holds."""
    ctx = context("fork")
    mine, its, meet = ctx.RLock(), ctx.RLock(), ctx.Barrier(2)
    child = start(ctx, hold_and_take, its, mine, meet)
    mine.acquire()
    meet.wait(LIMIT)
    took = []
    thread = threading.Thread(target=lambda: took.append(its.acquire()))
    thread.start()
    eventually(lambda: len([wait for wait in ropewalk.waits(tree=True) if wait.what == "RLock"]) == 2)
    until = time.monotonic() + 0.5  # long enough for both to look around
    eventually(lambda: time.monotonic() > until)
    mine.release()
    thread.join(LIMIT)
    assert took == [True]
    end(child)


def hold_and_take(its: Any, other: Any, meet: Any) -> None:
    with its:
        meet.wait(LIMIT)
        with other:
            pass


def test_a_wait_with_a_timeout_ends_by_itself() -> None:
    ctx = context("fork")
    first, second, meet, told = ctx.RLock(), ctx.RLock(), ctx.Barrier(2), ctx.Queue()
    child = start(ctx, take_two, first, second, meet, told)
    with second:
        meet.wait(LIMIT)
        assert first.acquire(timeout=0.5) is False
    assert told.get(timeout=LIMIT)[1] is None
    end(child)


def test_who_takes_a_conditions_lock_again_is_spared_and_another_is_told() -> None:
    ctx = context("fork")
    kept, ready, told = ctx.RLock(), ctx.Condition(), ctx.Queue()
    began = ctx.Event()
    child = start(ctx, notify_and_take, ready, kept, began, told)
    with kept, ready:
        began.set()
        assert ready.wait(LIMIT)  # the child has the condition's lock by then, and waits for the other
    assert told.get(timeout=LIMIT).startswith("DEADLOCK (certain): 2 processes")
    end(child)


def notify_and_take(ready: Any, kept: Any, began: Any, told: Any) -> None:
    assert began.wait(LIMIT)
    with ready:
        ready.notify()
        try:
            kept.acquire()
        except ropewalk.DeadlockError as error:
            told.put(str(error))


HANG = """
import multiprocessing, os, threading, time, ropewalk
multiprocessing.set_start_method("fork")

def hang(mine, other, meet):
    with mine:
        meet.wait()
        other.acquire()

if __name__ == "__main__":
    kind = getattr(multiprocessing, {kind!r})
    one, other, meet = kind(), kind(), multiprocessing.Barrier(2)
    args = [(one, other, meet), (other, one, meet)]
    children = [multiprocessing.Process(target=hang, args=pair) for pair in args]
    read, write = os.pipe()
    saved = os.dup(2)
    os.dup2(write, 2)
    for child in children:
        child.start()
    os.dup2(saved, 2)
    os.close(write)
    text = b""
    while b"Fix:" not in text:
        text += os.read(read, 10000)
    # Until all have looked around a few more times.
    while len([wait for wait in ropewalk.waits(tree=True) if wait.seconds > 1.0]) < 2:
        time.sleep(0.01)
    for child in children:
        child.kill()
        child.join()
    while more := os.read(read, 10000):
        text += more
    print(text.decode())
"""


def test_a_circle_of_plain_locks_is_reported_once_by_one_of_them(tmp_path: Any) -> None:
    done = run(tmp_path, HANG.format(kind="Lock"))
    head = "DEADLOCK (possible: another process may still release a Lock): 2 processes wait for each other"
    assert done.stdout.count(head) == done.stdout.count("DEADLOCK") == 1


def test_in_mode_report_a_certain_one_is_reported_once_and_waited_for(tmp_path: Any) -> None:
    done = run(tmp_path, HANG.format(kind="RLock"), ROPEWALK_DEADLOCK="report")
    head = "DEADLOCK (certain): 2 processes wait for each other"
    assert done.stdout.count(head) == done.stdout.count("DEADLOCK") == 1
    assert "raised in" not in done.stdout


def test_in_mode_off_nothing_is_written_down() -> None:
    ropewalk.deadlock = "off"
    ctx = context("fork")
    lock = ctx.RLock()
    with lock:
        child = start(ctx, take_at_last, lock)
        until = time.monotonic() + 0.2
        eventually(lambda: time.monotonic() > until)
        assert ropewalk.waits(tree=True) == []
    end(child)


def take_at_last(lock: Any) -> None:
    assert lock.acquire()


LONELY = """
import multiprocessing, os, signal
multiprocessing.set_start_method("fork")
def produce(queue):
    queue.put("one")
    os.kill(os.getpid(), signal.SIGKILL)
if __name__ == "__main__":
    queue = multiprocessing.Queue()
    child = multiprocessing.Process(target=produce, args=(queue,))
    child.start()
    queue.get()
    child.join()
    queue.get()
"""


def test_a_queue_that_nobody_else_has_any_more_is_reported(tmp_path: Any) -> None:
    file = tmp_path / "program.py"
    file.write_text(LONELY)
    command = [sys.executable, "-m", "ropewalk", str(file)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as program:
        assert program.stderr is not None
        text = ""
        try:
            while "Fix:" not in text:
                line = program.stderr.readline()
                assert line, text
                text += line
        finally:
            program.kill()
    head = "DEADLOCK (possible: every process that has this queue waits): nobody is left to put or get"
    assert text.count(head) == 1
    assert "waits for Queue.get queue" in text
    assert "> queue.get()   <- here" in text


def test_waits_tells_of_this_process_and_of_the_tree() -> None:
    ctx = context("fork")
    lock, gate, queue = ctx.Lock(), ctx.Semaphore(0), ctx.Queue()
    lock.acquire()
    child = start(ctx, take_at_last, lock)
    thread = threading.Thread(target=gate.acquire, args=(True, LIMIT), name="at the gate")
    thread.start()
    eventually(lambda: len(ropewalk.waits(tree=True)) == 2)
    (mine,) = ropewalk.waits()
    assert (mine.thread, mine.what, mine.timed, mine.process) == (
        "at the gate",
        "Semaphore",
        True,
        os.getpid(),
    )
    assert mine.owner_process is None
    (its,) = [wait for wait in ropewalk.waits(tree=True) if wait.process == child.pid]
    assert (its.what, its.name, its.thread, its.timed) == ("Lock", "lock", "MainThread", False)
    assert (its.process_name, its.owner_process, its.owner_died) == (child.name, os.getpid(), False)
    assert its.stack[0].function == "take_at_last"
    assert its.seconds > 0
    gate.release()
    lock.release()
    thread.join(LIMIT)
    end(child)
    assert ropewalk.waits(tree=True) == []
    assert queue.empty()


def test_what_a_killed_process_waited_for_is_gone_with_it() -> None:
    ctx = context("fork")
    lock = ctx.RLock()
    with lock:
        child = start(ctx, take_at_last, lock)
        eventually(lambda: [wait for wait in ropewalk.waits(tree=True) if wait.process == child.pid])
        child.kill()
        child.join(LIMIT)
        assert ropewalk.waits(tree=True) == []
    child.close()


def test_a_child_that_is_forked_in_the_middle_of_a_wait_leaves_its_parents_word_alone() -> None:
    """A signal's handler forks while its thread waits: the child comes out of the same wait, and ends it for itself."""
    ctx = context("fork")
    gate = ctx.Semaphore(0)
    children: list[int] = []

    def fork(*_: Any) -> None:
        if children:  # a second signal was on its way
            return
        children.append(0)
        pid = os.fork()
        if pid == 0:
            raise Forked
        children[0] = pid

    def ring() -> None:
        eventually(ropewalk.waits)
        eventually(lambda: any(children) or os.kill(os.getpid(), signal.SIGUSR1))
        os.waitpid(children[0], 0)
        seen.extend(ropewalk.waits())
        gate.release()

    seen: list[Any] = []
    me = os.getpid()
    before = signal.signal(signal.SIGUSR1, fork)
    thread = threading.Thread(target=ring)
    thread.start()
    try:
        gate.acquire()
    except Forked:
        os._exit(0 if ropewalk.waits() == [] else 1)
    finally:
        if os.getpid() != me:
            os._exit(2)  # whatever has happened: the tests are the parent's
        signal.signal(signal.SIGUSR1, before)
    thread.join(LIMIT)
    assert [wait.what for wait in seen] == ["Semaphore"]


class Forked(BaseException):
    pass
