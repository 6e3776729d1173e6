"""Workers of a pool are killed at any moment: each task has one outcome, and its work is never done twice.

A table that all processes share notes how often each task was begun and how often it was done. At the end: every task
has given its result or has died with its worker, nobody hangs, nothing came twice, no more tasks are lost than workers
were killed, and no block of shared memory is anybody's.
"""

from __future__ import annotations

import mmap
import multiprocessing
import os
import random
import signal
import time
from collections import deque

import pytest
from ropewalk.concurrent.futures import ProcessPoolExecutor
from ropewalk.errors import WorkerDied
from ropewalk.multiprocessing.pool import Pool

from tests import stepping

FULL = os.environ.get("ROPEWALK_TEST_FULL") == "1"
KILLS = 1500 if FULL else 30
LIMIT = 240
WORKERS = 3
#: Tasks that are on their way at once.
AHEAD = 40
#: Larger than what goes through the ring itself.
LARGE = 100_000

BEGUN = mmap.mmap(-1, 1 << 20)
DONE = mmap.mmap(-1, 1 << 20)


def note(table, number):
    table[number] = min(table[number] + 1, 255)


def work(number, kind, load):
    """Some work, now and then with a large argument or a large result."""
    note(BEGUN, number)
    result = (
        load * 2 if kind == "arguments" else bytes([number % 256]) * LARGE if kind == "result" else number
    )
    if kind == "long":
        time.sleep(0.002)
    note(DONE, number)
    return result


def task(number, chance):
    kind = chance.choices(["short", "arguments", "result", "long"], [70, 10, 10, 10])[0]
    return (number, kind, bytes([number % 256]) * LARGE if kind == "arguments" else b"")


def expected(number, kind, load):
    return {"arguments": load * 2, "result": bytes([number % 256]) * LARGE}.get(kind, number)


class ExecutorSide:
    """An executor, under the names that these tests use for both kinds of pools."""

    def __init__(self, workers):
        self.pool = ProcessPoolExecutor(workers, multiprocessing.get_context("fork"))

    def submit(self, function, *arguments):
        return self.pool.submit(function, *arguments)

    def get(self, future):
        return future.result(LIMIT)

    def pids(self):
        return list(self.pool._processes)

    def end(self):
        self.pool.shutdown()


class PoolSide:
    def __init__(self, workers):
        self.pool = Pool(workers, context=multiprocessing.get_context("fork"))

    def submit(self, function, *arguments):
        return self.pool.apply_async(function, arguments)

    def get(self, result):
        return result.get(LIMIT)

    def pids(self):
        return [worker.pid for worker in self.pool._pool]

    def end(self):
        self.pool.close()
        self.pool.join()


sides = pytest.mark.parametrize("side", [ExecutorSide, PoolSide], ids=["executor", "pool"])


def clear_tables():
    for table in (BEGUN, DONE):
        table[:] = bytes(len(table))


@sides
@pytest.mark.parametrize("seed", [1, 2])
def test_workers_killed_at_random_lose_what_they_held_and_nothing_else(side, seed):
    clear_tables()
    chance = random.Random(seed)
    crew = side(WORKERS)
    crew.get(crew.submit(os.getpid))
    engine = crew.pool._crew.engine
    pending, lost, kills, number = deque(), [], 0, 0
    while kills < KILLS or pending:
        while kills < KILLS and len(pending) < AHEAD:
            call = task(number, chance)
            pending.append((call, crew.submit(work, *call)))
            number += 1
        # How far the others have got is chance, and so is where the victim stands.
        for _ in range(min(chance.randrange(8) if kills < KILLS else AHEAD, len(pending))):
            call, handle = pending.popleft()
            try:
                assert crew.get(handle) == expected(*call), f"task {call[0]} gave something else"
            except WorkerDied as died:
                assert died.exitcode in (-signal.SIGKILL, -signal.SIGTERM)
                assert f"work({call[0]}," in str(died), "it tells of another task"
                lost.append(call[0])
        if kills < KILLS and (pids := crew.pids()):
            kills += kill(chance.choice(pids), chance)
    assert crew.get(crew.submit(abs, -3)) == 3
    print(f"{kills} kills, {number} tasks, {len(lost)} lost with their workers")
    assert len(lost) <= kills
    assert max(BEGUN[:number]) <= 1, "a task was begun twice"
    assert max(DONE[:number]) <= 1, "a task was done twice"
    done = {place for place, times in enumerate(DONE[:number]) if times}
    assert set(range(number)) - done <= set(lost), "a task was not done, and nobody is told"
    del handle
    nothing_is_anybodys(engine)
    crew.end()


def nothing_is_anybodys(engine):
    """A worker lets go of what a task was given when it has answered already: a moment later."""
    end = time.monotonic() + LIMIT
    while engine.blocks != (0, 0, 0):
        assert time.monotonic() < end, f"blocks of shared memory are left: {engine.blocks}"
        time.sleep(0.001)


def kill(pid, chance):
    """Whether there still was such a worker."""
    try:
        os.kill(pid, chance.choice([signal.SIGKILL, signal.SIGTERM]))
    except ProcessLookupError:
        return False
    return True


@sides
def test_a_worker_killed_at_any_instruction_of_a_task_is_told_of_and_replaced(side):
    if not stepping.can_step():
        pytest.skip("this system does not let a process trace its child")
    clear_tables()
    with stepping.one_processor():
        crew = side(1)
        way = stepping.Way()
        instructions = killed_at(crew, 0, None, way)
        assert instructions > 100
        for number, moment in enumerate(stepping.moments(instructions), 1):
            killed_at(crew, number, moment, way)
        nothing_is_anybodys(crew.pool._crew.engine)
        crew.end()


def killed_at(crew, number, moment, way):
    """One task, whose worker goes so many instructions far, or until it sleeps again; says how many."""
    pid = crew.get(crew.submit(os.getpid))
    victim = stepping.Victim.attached(pid)
    try:
        handle = crew.submit(work, number, "short", b"")
        steps = victim.step_to(1_000_000 if moment is None else moment, way)
    finally:
        victim.kill(reap=False)  # the pool waits for its worker
    try:
        assert crew.get(handle) == number
        assert DONE[number] == BEGUN[number] == 1
    except WorkerDied as died:
        assert (died.pid, died.exitcode) in ((pid, -signal.SIGKILL),)
        assert max(BEGUN[number], DONE[number]) <= 1
    assert crew.get(crew.submit(abs, -number)) == number
    return steps
