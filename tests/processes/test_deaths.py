"""A worker that dies costs the task it had in hand, and nothing else: fault, moment, pool, way to start."""

from __future__ import annotations

import os
import pickle
import signal
import time
from concurrent.futures import BrokenExecutor

import pytest
from ropewalk.concurrent.futures import ProcessPoolExecutor
from ropewalk.errors import TransferError, WorkerDied
from ropewalk.multiprocessing.pool import Pool

from tests.processes import tasks
from tests.processes.sides import LONG, METHODS, ExecutorSide


def deadly():
    """Fault -> the task, the exit code that is told."""
    return {
        "SIGKILL": ((tasks.kill_self,), -signal.SIGKILL),
        "SIGTERM": ((tasks.kill_self, signal.SIGTERM), -signal.SIGTERM),
        "SIGSEGV": ((tasks.kill_self, signal.SIGSEGV), -signal.SIGSEGV),
        "_exit": ((tasks.leave, 3), 3),
        "_exit 0": ((tasks.leave, 0), 0),
        "killed while it reads the task": ((tasks.double, tasks.DiesWhenRead(None)), -signal.SIGKILL),
        "killed while it writes the result": ((tasks.give, tasks.DyingValue), -signal.SIGKILL),
    }


@pytest.mark.parametrize("fault", deadly())
def test_the_task_of_a_worker_that_dies_says_so_and_all_others_are_done(crew, fault):
    (function, *arguments), exitcode = deadly()[fault]
    before = [crew.submit(tasks.double, x) for x in range(3)]
    guilty = crew.submit(function, *arguments)
    after = [crew.submit(tasks.double, x) for x in range(20)]
    with pytest.raises(WorkerDied) as caught:
        crew.get(guilty)
    assert [crew.get(it) for it in before + after] == [2 * x for x in [*range(3), *range(20)]]
    assert caught.value.exitcode == exitcode
    assert function.__name__ in caught.value.function
    assert str(caught.value.pid) in str(caught.value)
    assert crew.get(crew.submit(tasks.double, 21)) == 42


def test_every_worker_may_die_again_and_again(crew):
    for _ in range(5):
        doomed = [crew.submit(tasks.kill_self) for _ in range(3)]
        fine = crew.submit(tasks.add, 1, 2)
        for it in doomed:
            with pytest.raises(WorkerDied):
                crew.get(it)
        assert crew.get(fine) == 3


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("method", METHODS)
def test_nobody_notices_an_idle_worker_that_is_killed(side, method, workers):
    crew = side(workers, method)
    crew.get(crew.submit(tasks.double, 1))
    for _ in range(3):
        before = crew.pids()
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        assert [crew.get(crew.submit(tasks.double, x)) for x in range(4)] == [0, 2, 4, 6]
        assert not before & {crew.get(crew.submit(tasks.pid)) for _ in range(4)}
    crew.end()


@pytest.mark.parametrize("make", [ProcessPoolExecutor, Pool])
def test_workers_that_are_killed_before_they_are_ready_are_replaced(make, tmp_path):
    begin = tmp_path / "begin"
    pool = make(1, initializer=tasks.wait_for, initargs=(str(begin),))
    handle = (
        pool.submit(tasks.double, 4) if make is ProcessPoolExecutor else pool.apply_async(tasks.double, (4,))
    )
    members = pool._crew.members
    for _ in range(6):
        while not (pids := list(members)):
            time.sleep(0.001)
        os.kill(pids[0], signal.SIGKILL)
        while pids[0] in members:
            time.sleep(0.001)
    begin.touch()
    assert (handle.result(LONG) if make is ProcessPoolExecutor else handle.get(LONG)) == 8
    pool.shutdown() if make is ProcessPoolExecutor else (pool.close(), pool.join())


def test_a_worker_killed_from_outside_in_the_midst_of_a_task(crew, tmp_path):
    note = tmp_path / "note"
    guilty = crew.submit(tasks.tell_and_wait, str(note))
    while not note.exists():
        time.sleep(0.001)
    pid = int(note.read_text())
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(WorkerDied) as caught:
        crew.get(guilty)
    assert caught.value.pid == pid
    assert caught.value.signal == "SIGKILL"
    assert caught.value.seconds > 0
    assert "tell_and_wait" in str(caught.value)


def test_an_exception_that_can_not_be_read_is_told_of_that_task_alone(crew):
    guilty = crew.submit(tasks.raise_unreadable)
    fine = crew.submit(tasks.double, 1)
    with pytest.raises(TransferError, match="Unreadable") as caught:
        crew.get(guilty)
    assert "raise Unreadable" in str(caught.value.__cause__)
    assert crew.get(fine) == 2
    assert crew.get(crew.submit(tasks.double, 2)) == 4


def test_a_result_that_can_not_be_read_is_told_of_that_task_alone(crew):
    guilty = crew.submit(tasks.give, tasks.CanNotBeRead)
    with pytest.raises(TransferError, match="the result") as caught:
        crew.get(guilty)
    assert isinstance(caught.value.__cause__, ValueError)
    assert crew.get(crew.submit(tasks.double, 2)) == 4


def test_a_task_that_can_not_be_read_is_told_of_that_task_alone(crew):
    guilty = crew.submit(tasks.double, tasks.CanNotBeRead())
    with pytest.raises(TransferError, match="the task could not be read"):
        crew.get(guilty)
    assert crew.get(crew.submit(tasks.double, 2)) == 4


def test_a_task_that_can_not_be_written_is_refused_with_the_path_to_the_reason(crew):
    guilty = crew.submit(tasks.add, 1, {"deep": [0, tasks.CanNotBeWritten()]})
    with pytest.raises(RuntimeError, match="not to be written") as caught:
        crew.get(guilty)
    if hasattr(caught.value, "__notes__"):
        assert "argument 2 -> ['deep'] -> [1]" in caught.value.__notes__[0]
    assert crew.get(crew.submit(tasks.double, 2)) == 4


def test_deaths_in_a_map_cost_what_the_worker_had_in_hand(side):
    crew = side(2, "fork")
    if side is ExecutorSide:
        results = [crew.submit(tasks.die_on, x, 5) for x in range(100)]
        alive = []
        for x, future in enumerate(results):
            try:
                alive.append(crew.get(future))
            except WorkerDied:
                assert x == 5
        assert alive == [x for x in range(100) if x != 5]
    else:
        with pytest.raises(WorkerDied, match="die_on"):
            crew.pool.starmap_async(tasks.die_on, [(x, 5) for x in range(100)], 1).get(LONG)
        results = crew.pool.imap(tasks.double, range(10))
        assert [results.next(LONG) for _ in range(10)] == [2 * x for x in range(10)]
    crew.end()


def test_pools_in_workers(crew):
    assert crew.get(crew.submit(tasks.pool_in_pool, 3)) == [0, 2, 4]
    assert crew.get(crew.submit(tasks.executor_in_executor, 3)) == [0, 2, 4]


def test_a_death_is_caught_as_what_programs_expect_and_goes_through_a_pickle():
    died = WorkerDied(42, -9, function="f", arguments="1, 2", seconds=0.5, attempt=2, out_of_memory=True)
    assert isinstance(died, BrokenExecutor)
    again = pickle.loads(pickle.dumps(died))
    assert str(again) == str(died)
    assert (again.pid, again.exitcode, again.signal, again.attempt) == (42, -9, "SIGKILL", 2)
    assert "SIGKILL" in str(died)
    assert "memory" in str(died)
    assert "f(1, 2)" in str(died)
    assert "attempt 2" in str(died)
