"""``ProcessPoolExecutor``: what its users see when nothing goes wrong, and when it is used wrongly."""

from __future__ import annotations

import concurrent.futures as futures
import multiprocessing
import os
import subprocess
import sys
import threading
import weakref
from concurrent.futures.process import BrokenProcessPool

import pytest
from ropewalk.concurrent.futures import ProcessPoolExecutor, wait
from ropewalk.errors import WorkerDied
from ropewalk.processes.watcher import reap

from tests.processes import tasks

LONG = 120


@pytest.fixture
def executor():
    with ProcessPoolExecutor(2, multiprocessing.get_context("fork")) as executor:
        yield executor


def test_it_stands_in_for_the_original():
    assert issubclass(ProcessPoolExecutor, futures.Executor)
    assert ProcessPoolExecutor.__module__ == "concurrent.futures.process"
    assert ProcessPoolExecutor.__ropewalk__


@pytest.mark.usefixtures("installed")
def test_install_puts_it_into_the_modules():
    import concurrent.futures.process as theirs

    assert theirs.ProcessPoolExecutor is ProcessPoolExecutor
    assert futures.ProcessPoolExecutor is ProcessPoolExecutor


def test_uninstall_takes_it_out_also_if_it_was_first_asked_for_meanwhile():
    program = (
        "import concurrent.futures as futures, ropewalk; ropewalk.install(); ours = futures.ProcessPoolExecutor; "
        "ropewalk.uninstall(); assert ours.__ropewalk__; "
        "assert futures.ProcessPoolExecutor is futures.process.ProcessPoolExecutor is not ours"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_results_of_all_kinds_come_back(executor):
    values = [None, 1, -(2**70), 1.5, "text", b"bytes", [1, [2]], {"a": (1,)}, {1, 2}, object, 10**6 * "x"]
    assert [
        executor.submit(tasks.add, value, type(value)() if value in (1, 1.5, "text") else value).done
        for value in values[1:2]
    ]
    assert list(executor.map(tasks.give, [list, dict, int])) == [[], {}, 0]
    for value in values:
        assert executor.submit(max, [value]).result(LONG) == value


def test_keywords_and_bound_methods(executor):
    assert executor.submit(tasks.add, 1, y=2).result(LONG) == 3
    assert executor.submit("a,b".split, ",").result(LONG) == ["a", "b"]


def test_state_of_a_callable_goes_along_each_time(executor):
    numbers = [1]
    first = executor.submit(numbers.__len__)
    first.result(LONG)
    numbers.append(2)
    assert executor.submit(numbers.__len__).result(LONG) == 2


def test_a_rhythm_of_single_tasks_and_then_many_at_once(executor):
    for x in range(200):
        assert executor.submit(tasks.double, x).result(LONG) == 2 * x
    many = [executor.submit(tasks.double, x) for x in range(2000)]
    assert [it.result(LONG) for it in many] == [2 * x for x in range(2000)]
    called = threading.Event()
    for x in range(100):
        assert executor.submit(tasks.double, x).result(LONG) == 2 * x
    executor.submit(tasks.double, 1).add_done_callback(lambda _: called.set())
    assert called.wait(LONG)


def test_threads_that_wait_at_the_same_time(executor):
    wrong = []

    def use(start):
        for x in range(start, start + 300):
            if executor.submit(tasks.double, x).result(LONG) != 2 * x:
                wrong.append(x)

    threads = [threading.Thread(target=use, args=(1000 * n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_timeout_of_a_wait_leaves_the_task_alone(executor, tmp_path):
    for x in range(20):
        executor.submit(tasks.double, x).result(LONG)
    slow = executor.submit(tasks.tell_and_wait, str(tmp_path / "note"))
    with pytest.raises(futures.TimeoutError):
        slow.result(0.01)
    while not (tmp_path / "note").exists():
        pass
    os.kill(int((tmp_path / "note").read_text()), 9)
    assert "SIGKILL" in str(slow.exception(LONG))


def test_tasks_that_wait_in_line_can_be_cancelled(executor, tmp_path):
    notes = [tmp_path / str(n) for n in range(2)]
    held = [executor.submit(tasks.tell_and_wait, str(note)) for note in notes]
    while not all(note.exists() for note in notes):
        pass
    waiting = [executor.submit(tasks.double, x) for x in range(50)]
    cancelled = [it for it in waiting if it.cancel()]
    assert len(cancelled) >= 40
    for note in notes:
        os.kill(int(note.read_text()), 9)
    assert wait(held + waiting, LONG).not_done == set()
    assert all(it.cancelled() for it in cancelled)


def test_callbacks_are_called_in_the_parent(executor):
    seen = []
    done = threading.Event()

    def callback(future):
        seen.append((os.getpid(), future.result()))
        done.set()

    executor.submit(tasks.double, 4).add_done_callback(callback)
    assert done.wait(LONG)
    assert seen == [(os.getpid(), 8)]


def test_an_initializer_that_fails_breaks_the_pool():
    with ProcessPoolExecutor(
        2, multiprocessing.get_context("fork"), initializer=tasks.bad_initializer
    ) as executor:
        future = executor.submit(tasks.double, 1)
        with pytest.raises(futures.process.BrokenProcessPool, match="initializer") as caught:
            future.result(LONG)
        assert type(caught.value) is futures.process.BrokenProcessPool
        with pytest.raises(futures.process.BrokenProcessPool):
            executor.submit(tasks.double, 1)


def test_initializers_run_in_each_worker_also_in_those_that_replace_others():
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(1, context, initializer=tasks.remember, initargs=("yes",)) as executor:
        assert executor.submit(tasks.recall).result(LONG) == "yes"
        assert executor.submit(tasks.kill_self).exception(LONG) is not None
        assert executor.submit(tasks.recall).result(LONG) == "yes"


def test_a_shut_down_executor_takes_nothing_and_says_so():
    executor = ProcessPoolExecutor(1, multiprocessing.get_context("fork"))
    assert executor.submit(tasks.double, 1).result(LONG) == 2
    executor.shutdown()
    with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown"):
        executor.submit(tasks.double, 1)
    executor.shutdown()


def test_shutdown_does_what_was_submitted():
    executor = ProcessPoolExecutor(2, multiprocessing.get_context("fork"))
    submitted = [executor.submit(tasks.double, x) for x in range(500)]
    executor.shutdown(wait=False)
    assert [it.result(LONG) for it in submitted] == [2 * x for x in range(500)]


def test_an_executor_that_nobody_holds_ends_its_workers():
    executor = ProcessPoolExecutor(1, multiprocessing.get_context("fork"))
    future = executor.submit(tasks.double, 1)
    (worker,) = executor._processes.values()
    gone = weakref.ref(executor)
    del executor
    assert gone() is None
    assert future.result(LONG) == 2
    assert reap(worker) == 0


def test_in_a_forked_child_the_executor_begins_anew_and_futures_say_where_they_are_from():
    executor = ProcessPoolExecutor(1, multiprocessing.get_context("fork"))
    executor.submit(tasks.double, 1).result(LONG)
    left_behind = executor.submit(tasks.double, 1)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            ours = executor.submit(tasks.parent_pid).result(LONG) == os.getpid()
            try:
                known = left_behind.done() or left_behind.result() is None
            except RuntimeError as error:
                known = "fork" in str(error)
            executor.shutdown()
            code = 0 if ours and known else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert executor.submit(tasks.double, 3).result(LONG) == 6
    executor.shutdown()


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"max_workers": 0}, ValueError),
        ({"max_workers": -1}, ValueError),
        ({"initializer": 1}, TypeError),
        ({"max_tasks_per_child": 0}, ValueError),
        ({"max_tasks_per_child": 1.5}, TypeError),
        ({"max_tasks_per_child": 1, "mp_context": multiprocessing.get_context("fork")}, ValueError),
    ],
)
def test_wrong_arguments_are_refused(arguments, error):
    with pytest.raises(error):
        ProcessPoolExecutor(**arguments)


@pytest.mark.parametrize("nth", [1, 2])
def test_threads_that_cannot_be_started_break_the_pool_and_leave_nobody(monkeypatch, nth):
    start = threading.Thread.start
    begun = []

    def refuse(thread):
        begun.append(thread)
        if len(begun) >= nth:
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    executor = ProcessPoolExecutor(2, multiprocessing.get_context("fork"))
    with executor, pytest.raises(BrokenProcessPool, match="can't start new thread"):
        executor.submit(tasks.double, 1)
    for thread in begun[: nth - 1]:
        thread.join(LONG)
        assert not thread.is_alive()


def test_what_ends_a_worker_while_it_reads_a_task_costs_that_task(executor):
    doomed = executor.submit(abs, tasks.ExitsWhenRead())
    with pytest.raises(WorkerDied) as died:
        doomed.result(LONG)
    assert died.value.exitcode == 3
    assert executor.submit(abs, -1).result(LONG) == 1
