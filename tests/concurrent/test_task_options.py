"""Options of single tasks of a ``ProcessPoolExecutor``: timeout, cancel of a running one, retries, priority."""

from __future__ import annotations

import concurrent.futures as futures
import multiprocessing
import os
import pickle
import time

import pytest
from ropewalk.concurrent.futures import ProcessPoolExecutor, wait
from ropewalk.errors import TaskTimeout, WorkerDied

from tests.processes import tasks

LONG = 120
METHODS = ["fork", "spawn", "forkserver"]


@pytest.fixture(params=METHODS)
def any_executor(request):
    with ProcessPoolExecutor(2, multiprocessing.get_context(request.param)) as executor:
        yield executor


@pytest.fixture
def executor():
    with ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as executor:
        yield executor


@pytest.fixture
def two():
    with ProcessPoolExecutor(2, multiprocessing.get_context("fork")) as executor:
        yield executor


def wait_until(there):
    while not there():
        time.sleep(0.001)


# --- Timeouts


def test_a_task_that_takes_too_long_is_stopped_and_its_worker_lives_on(any_executor):
    worker = any_executor.submit(tasks.pid).result(LONG)
    view = any_executor.with_options(
        timeout=0.05, grace=LONG
    )  # on a busy machine a worker may be slow to stop
    for future in [view.submit(tasks.hold) for _ in range(4)]:
        error = future.exception(LONG)
        assert isinstance(error, TaskTimeout) and isinstance(error, futures.TimeoutError)
        assert (error.timeout, error.function, error.attempt) == (0.05, "tests.processes.tasks.hold", 1)
    assert worker in any_executor._processes
    assert any_executor.submit(tasks.double, 2).result(LONG) == 4


def test_the_traceback_says_where_the_task_was(executor):
    executor.submit(tasks.pid).result(LONG)
    error = executor.with_options(timeout=0.3).submit(tasks.hold).exception(LONG)
    assert "in hold" in str(error.__cause__)


def test_a_task_that_goes_on_costs_its_worker_and_no_other_task(any_executor, tmp_path):
    note = tmp_path / "note"
    view = any_executor.with_options(timeout=0.05, grace=0.05)
    death = None
    while not (
        isinstance(death, WorkerDied) and note.exists()
    ):  # else its time was over before it was stubborn
        stubborn = view.submit(tasks.hold_stubbornly, str(note))
        others = [any_executor.submit(tasks.double, x) for x in range(20)]
        error = stubborn.exception(LONG)
        assert type(error) is TaskTimeout
        death = error.__cause__
    assert death.pid == int(note.read_text())
    assert "after its timeout" in death.why and "hold_stubbornly" in str(death)
    assert [it.result(LONG) for it in others] == [2 * x for x in range(20)]


def test_the_time_in_line_does_not_count(executor, tmp_path):
    view = executor.with_options(timeout=0.3)
    first = executor.submit(tasks.wait_for, str(tmp_path / "go"))
    # More than a second in line, and a third of that in the shared queue.
    behind = [view.submit(tasks.double, x) for x in range(5)]
    time.sleep(1)
    assert not any(it.done() for it in behind)
    (tmp_path / "go").touch()
    first.result(LONG)
    assert [it.result(LONG) for it in behind] == [0, 2, 4, 6, 8]


def test_a_task_may_tidy_up_and_answer_within_its_grace(executor, tmp_path):
    view = executor.with_options(timeout=0.05, grace=LONG)
    assert view.submit(tasks.hold_unless_stopped, str(tmp_path / "note"), 7).result(LONG) == (
        7,
        "TaskTimeout",
    )


def test_without_a_grace_nobody_is_killed(executor, tmp_path):
    view = executor.with_options(timeout=0.05, grace=None)
    assert view.submit(tasks.hold_unless_stopped, str(tmp_path / "note"), 7).result(LONG)[0] == 7


def test_tasks_at_their_limit_either_answer_or_are_late_and_none_is_lost(two):
    """Many end just when they are to be stopped, or their workers killed."""
    workers = set()
    view = two.with_options(timeout=0.004, grace=0.004)
    late = done = 0
    for _ in range(30):
        batch = [view.submit(tasks.hold, None, 0.001 * n) for n in range(10)]
        checks = [two.submit(tasks.pid) for _ in range(5)]
        for future in batch:
            error = future.exception(LONG)
            assert error is None or type(error) is TaskTimeout, error
            late += error is not None
            done += error is None
        workers.update(check.result(LONG) for check in checks)  # none of these dies for another
    assert late + done == 300


def test_a_large_number_of_timed_tasks_leaves_nothing_to_look_at(two):
    view = two.with_options(timeout=LONG)
    assert sum(view.map(tasks.double, range(3000), chunksize=1)) == 3000 * 2999


# --- Cancelling what is running


def test_a_running_task_is_cancelled_only_if_that_is_asked_for(any_executor, tmp_path):
    future = any_executor.submit(tasks.hold, str(tmp_path / "note"))
    wait_until((tmp_path / "note").exists)
    assert not future.cancel()
    assert future.running()
    assert future.cancel(running=True)
    with pytest.raises(futures.CancelledError):
        future.result(LONG)
    assert future.cancelled()
    assert int((tmp_path / "note").read_text()) in any_executor._processes
    assert not wait([future], LONG).not_done
    assert future.cancel(running=True)


def test_a_task_that_does_not_heed_a_cancel_costs_its_worker(any_executor, tmp_path):
    view = any_executor.with_options(grace=0.05)
    future = view.submit(tasks.hold_stubbornly, str(tmp_path / "note"))
    wait_until((tmp_path / "note").exists)
    assert future.cancel(running=True)
    with pytest.raises(futures.CancelledError):
        future.result(LONG)
    pid = int((tmp_path / "note").read_text())
    wait_until(lambda: pid not in any_executor._processes)
    assert any_executor.submit(tasks.double, 2).result(LONG) == 4


def test_a_task_that_no_worker_has_begun_is_cancelled_too_and_never_is(executor, tmp_path):
    first = executor.submit(tasks.wait_for, str(tmp_path / "go"))
    behind = [executor.submit(tasks.count, str(tmp_path / "count")) for _ in range(5)]
    wait_until(first.running)
    assert all(it.cancel(running=True) for it in behind)
    (tmp_path / "go").touch()
    assert not wait(behind, LONG).not_done
    assert all(it.cancelled() for it in behind)
    assert not (tmp_path / "count").exists()


def test_a_cancel_that_comes_too_late_changes_nothing(executor):
    future = executor.submit(tasks.double, 2)
    assert future.result(LONG) == 4
    assert not future.cancel(running=True)
    assert future.result() == 4


def test_a_cancel_never_hits_the_next_task(executor):
    cancelled = 0
    for _ in range(300):
        first, second = executor.submit(tasks.double, 1), executor.submit(tasks.double, 2)
        first.cancel(running=True)
        assert second.result(LONG) == 4
        assert not wait([first], LONG).not_done
        cancelled += first.cancelled()
        assert first.cancelled() or first.result() == 2


def test_waiters_and_callbacks_are_told_of_a_cancel(two, tmp_path):
    held = two.submit(tasks.hold, str(tmp_path / "note"))
    seen = []
    held.add_done_callback(lambda future: seen.append(future.cancelled()))
    wait_until((tmp_path / "note").exists)
    completed = futures.as_completed([held], LONG)  # the original's: such a future is opened up
    held.cancel(running=True)
    assert next(completed) is held
    assert seen == [True]


def test_a_future_that_runs_the_originals_algorithm_can_be_cancelled(two, tmp_path):
    held = two.submit(tasks.hold, str(tmp_path / "note"))
    wait_until((tmp_path / "note").exists)
    assert held._condition
    assert held.cancel(running=True)
    with pytest.raises(futures.CancelledError):
        held.result(LONG)


def test_a_thread_can_not_be_stopped():
    with futures.ThreadPoolExecutor(1):
        pass
    from ropewalk.concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as threads:
        go = multiprocessing.get_context("fork").Event()
        future = threads.submit(go.wait, LONG)
        wait_until(future.running)
        assert not future.cancel(running=True)
        go.set()
        assert future.result(LONG)


# --- Retries


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_a_task_is_tried_again_as_often_as_was_asked_for(executor, tmp_path, retries):
    future = executor.with_options(retries=retries).submit(tasks.fail_until, str(tmp_path / "count"), 99)
    assert str(future.exception(LONG)) == f"attempt {retries + 1}"


def test_the_first_success_is_the_result(any_executor, tmp_path):
    view = any_executor.with_options(retries=9)
    assert view.submit(tasks.fail_until, str(tmp_path / "count"), times=3).result(LONG) == 3


def test_only_what_is_asked_for_is_tried_again(executor, tmp_path):
    view = executor.with_options(retries=9, retry_on=(LookupError, ZeroDivisionError))
    assert str(view.submit(tasks.fail_until, str(tmp_path / "a"), 99).exception(LONG)) == "attempt 1"
    assert view.submit(tasks.fail_until, str(tmp_path / "b"), 3, KeyError).result(LONG) == 3


def test_a_death_is_not_tried_again_unless_it_is_named(executor, tmp_path):
    view = executor.with_options(retries=9)
    death = view.submit(tasks.fail_until, str(tmp_path / "a"), 99, None).exception(LONG)
    assert (type(death), death.attempt) == (WorkerDied, 1)
    named = view.with_options(retry_on=WorkerDied)
    assert named.submit(tasks.fail_until, str(tmp_path / "b"), 3, None).result(LONG) == 3
    death = named.with_options(retries=2).submit(tasks.kill_self).exception(LONG)
    assert death.attempt == 3
    assert "attempt 3" in str(death)


def test_a_timeout_can_be_tried_again(executor):
    view = executor.with_options(retries=2, timeout=0.05, retry_on=TaskTimeout)
    error = view.submit(tasks.hold).exception(LONG)
    assert error.attempt == 3


def test_a_task_that_is_tried_again_ends_with_its_executor(tmp_path):
    executor = ProcessPoolExecutor(1, multiprocessing.get_context("fork"))
    future = executor.with_options(retries=10**9).submit(tasks.fail_until, str(tmp_path / "count"), 50)
    executor.shutdown(wait=False)
    assert future.result(LONG) == 50
    executor.shutdown()


def test_a_task_that_is_tried_again_and_again_can_be_cancelled(executor, tmp_path):
    for number in range(20):
        note = tmp_path / str(number)
        future = executor.with_options(retries=10**9).submit(tasks.fail_until, str(note), 10**9)
        wait_until(note.exists)
        assert future.cancel(running=True)
        assert not wait([future], LONG).not_done
        assert future.cancelled()


def test_a_broken_pool_tries_nothing_again(tmp_path):
    executor = ProcessPoolExecutor(1, multiprocessing.get_context("fork"))
    future = executor.with_options(retries=9, retry_on=BaseException).submit(
        tasks.tell_and_wait, str(tmp_path / "note")
    )
    wait_until((tmp_path / "note").exists)
    executor.kill_workers()
    assert isinstance(future.exception(LONG), futures.BrokenExecutor)
    executor.shutdown()


# --- Priorities


def test_the_first_in_line_is_the_one_with_the_highest_priority(executor, tmp_path):
    order = str(tmp_path / "order")
    held = [executor.submit(tasks.wait_for, str(tmp_path / "go")) for _ in range(3)]
    futures_ = [
        executor.with_options(priority=priority).submit(tasks.add_line, order, str(priority))
        for priority in (0, -1, 5, 0, 7, -1)
    ]
    (tmp_path / "go").touch()
    assert not wait([*held, *futures_], LONG).not_done
    assert (tmp_path / "order").read_text().split() == ["7", "5", "0", "0", "-1", "-1"]


# --- The view


def test_options_of_the_executor_are_those_of_its_tasks(tmp_path):
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(1, context, timeout=0.05, retries=1) as executor:
        assert executor.submit(tasks.hold).exception(LONG).attempt == 2
        assert (
            executor.with_options(timeout=None, retries=0).submit(tasks.hold, None, 0.2).result(LONG) is None
        )
        assert [type(it) for it in _errors(executor.map(tasks.hold, [None]))] == [TaskTimeout]


def _errors(results):
    try:
        list(results)
    except Exception as error:
        yield error


def test_a_view_keeps_what_is_not_given(executor):
    view = executor.with_options(timeout=5, priority=2).with_options(timeout=None)
    assert (view._options.timeout, view._options.priority, view._options.retries) == (None, 2, 0)
    assert isinstance(view, futures.Executor)
    assert list(view.map(tasks.double, range(5), chunksize=2)) == [0, 2, 4, 6, 8]
    assert view.submit(tasks.add, 1, y=2).result(LONG) == 3


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"timeout": 0}, ValueError),
        ({"timeout": float("nan")}, ValueError),
        ({"grace": -1}, ValueError),
        ({"retries": -1}, ValueError),
        ({"retries": 1.5}, TypeError),
        ({"retry_on": "ValueError"}, TypeError),
        ({"priority": "high"}, TypeError),
        ({"priority": 2**63}, ValueError),
    ],
)
def test_options_that_make_no_sense_are_refused(executor, wrong, error):
    with pytest.raises(error):
        executor.with_options(**wrong)
    with pytest.raises(error):
        ProcessPoolExecutor(1, **wrong)


def test_what_is_raised_can_be_pickled(executor):
    error = executor.with_options(timeout=0.01).submit(tasks.hold).exception(LONG)
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), again.timeout) == (TaskTimeout, str(error), 0.01)


def test_a_signal_that_nobody_has_asked_for_does_nothing(executor, tmp_path):
    from ropewalk import _ropewalk

    worker = executor.submit(tasks.pid).result(LONG)
    held = executor.submit(tasks.wait_for, str(tmp_path / "go"))
    for _ in range(100):
        os.kill(worker, _ropewalk.stop_signal())
    (tmp_path / "go").touch()
    assert held.result(LONG) is None
    assert executor.submit(tasks.pid).result(LONG) == worker
