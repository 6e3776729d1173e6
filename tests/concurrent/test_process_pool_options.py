"""What a ``ProcessPoolExecutor`` can do beyond the original, save options of single tasks."""

from __future__ import annotations

import asyncio
import concurrent.futures as futures
import inspect
import io
import logging
import multiprocessing
import sys
import threading
import time
import warnings

import pytest
from ropewalk.concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, wait
from ropewalk.errors import WorkerDied

from tests.leftovers import descriptors
from tests.processes import tasks
from tests.threads import eventually

LONG = 120
METHODS = ["fork", "spawn", "forkserver"]
MIB = 1 << 20


def make(workers=1, method="fork", **options):
    return ProcessPoolExecutor(workers, multiprocessing.get_context(method), **options)


def wait_until(there):
    while not there():
        time.sleep(0.001)


# --- max_pending


def test_submit_waits_while_the_line_is_full(tmp_path):
    with make(max_pending=3) as executor:
        submitted = []

        def submit():
            for _ in range(20):
                submitted.append(executor.submit(tasks.wait_for, str(tmp_path / "go")))

        thread = threading.Thread(target=submit)
        thread.start()
        # One worker; two with it, three in line.
        wait_until(lambda: len(submitted) == 5)
        assert executor._engine.in_line == 3
        (tmp_path / "go").touch()
        thread.join()
        assert not wait(submitted, LONG).not_done


def test_a_callback_that_submits_never_waits_for_room(tmp_path):
    with make(max_pending=1) as executor:
        more = []
        first = executor.submit(tasks.wait_for, str(tmp_path / "go"))
        first.add_done_callback(lambda _: more.extend(executor.submit(tasks.double, x) for x in range(9)))
        (tmp_path / "go").touch()
        first.result(LONG)
        wait_until(lambda: len(more) == 9)
        assert [it.result(LONG) for it in more] == [2 * x for x in range(9)]


def test_who_waits_for_room_learns_of_the_end():
    executor = make(max_pending=1)
    held = [executor.submit(tasks.hold) for _ in range(3)]
    refused = []

    def submit():
        try:
            executor.submit(tasks.double, 1)
        except Exception as error:
            refused.append(error)

    thread = threading.Thread(target=submit)
    thread.start()
    executor.kill_workers()
    thread.join()
    assert refused == [] or isinstance(refused[0], (RuntimeError, futures.BrokenExecutor))
    assert not wait(held, LONG).not_done
    executor.shutdown()


# --- seed


@pytest.mark.parametrize("method", METHODS)
def test_random_numbers_are_the_same_in_each_run_and_others_in_each_worker(method):
    def run(seed):
        with make(2, method, seed=seed) as executor:
            streams = {}
            while len(streams) < 2:
                for pid, numbers in executor.map(tasks.random_numbers, [4] * 8):
                    streams.setdefault(pid, numbers)
            return sorted(streams.values())

    first = run(7)
    assert first[0] != first[1]
    assert run(7) == first
    assert not set(map(tuple, run(8))) & set(map(tuple, first))


def test_a_worker_that_replaces_another_has_numbers_of_its_own():
    with make(seed=7) as executor:
        _, before = executor.submit(tasks.random_numbers, 4).result(LONG)
        executor.submit(tasks.kill_self).exception(LONG)
        _, after = executor.submit(tasks.random_numbers, 4).result(LONG)
        assert before != after


def test_numpys_numbers_are_seeded_where_it_is_imported():
    pytest.importorskip("numpy")
    with make(seed=7) as executor, make(seed=7) as other:
        numbers = executor.submit(tasks.numpy_numbers, 4).result(LONG)
        assert other.submit(tasks.numpy_numbers, 4).result(LONG) == numbers
        assert executor.submit(tasks.numpy_numbers, 4).result(LONG) != numbers


# --- memory_limit


def test_a_worker_that_has_grown_is_replaced_after_its_task():
    with make(memory_limit=200 * MIB) as executor:
        while True:
            first = executor.submit(tasks.keep_until, 196 * MIB).result(LONG)
            assert executor.submit(tasks.pid).result(LONG) == first
            # It grows by so little that it is hardly ever looked at before the end of its task.
            error = executor.submit(tasks.keep_until, 204 * MIB).exception(LONG)
            assert executor.submit(tasks.pid).result(LONG) != first
            if error is None:
                break
            assert "memory_limit" in str(error)


def test_a_worker_that_grows_too_much_during_a_task_is_killed_and_that_is_said(tmp_path):
    with make(memory_limit=200 * MIB) as executor:
        death = executor.submit(tasks.keep, 300 * MIB, str(tmp_path / "note")).exception(LONG)
        assert type(death) is WorkerDied
        assert "memory_limit of 209715200 bytes" in death.why
        assert death.why in str(death)
        assert not death.out_of_memory
        assert executor.submit(tasks.double, 2).result(LONG) == 4


# --- exit


@pytest.mark.parametrize("method", METHODS)
def test_a_worker_that_ends_in_good_order_calls_the_exit_hook(method, tmp_path):
    from functools import partial

    where = str(tmp_path / "left")
    with make(2, method, exit=partial(tasks.add_line, where, "bye")) as executor:
        executor.resize(2)
        list(executor.map(tasks.pid, range(4)))
        hired = len(executor._processes)
        executor.resize(1)
    assert 1 <= hired <= 2
    assert (tmp_path / "left").read_text().split() == ["bye"] * hired


# --- resize


@pytest.mark.parametrize("method", METHODS)
def test_the_number_of_workers_changes_while_they_work(method, tmp_path):
    with make(1, method) as executor:
        notes = [tmp_path / str(n) for n in range(3)]
        held = [executor.submit(tasks.hold, str(note)) for note in notes]
        wait_until(notes[0].exists)
        executor.resize(3)
        wait_until(lambda: all(note.exists() for note in notes))
        executor.resize(1)
        assert len(executor._processes) == 3  # they have something in hand
        assert all(it.cancel(running=True) for it in held)
        wait_until(lambda: len(executor._processes) == 1)
        assert list(executor.map(tasks.double, range(5))) == [0, 2, 4, 6, 8]
        executor.resize(2)
        wait_until(lambda: len(executor._processes) == 2)
        assert list(executor.map(tasks.double, range(5))) == [0, 2, 4, 6, 8]


def test_sizes_that_come_fast_end_at_the_last_one():
    with make(2) as executor:
        results = [executor.submit(tasks.double, x) for x in range(100)]
        for size in (5, 1, 4, 2, 6, 1, 3):
            executor.resize(size)
        assert [it.result(LONG) for it in results] == [2 * x for x in range(100)]
        wait_until(lambda: len(executor._processes) == 3)


def test_a_size_that_makes_no_sense_or_comes_too_late_is_refused():
    executor = make(2)
    executor.resize(1)  # nobody is hired yet
    with pytest.raises(ValueError, match="greater than 0"):
        executor.resize(0)
    assert executor.submit(tasks.double, 1).result(LONG) == 2
    assert len(executor._processes) == 1
    executor.shutdown()
    with pytest.raises(RuntimeError, match="shutdown"):
        executor.resize(2)


# --- map


@pytest.mark.parametrize("chunksize", [1, 3])
@pytest.mark.parametrize("workers", [1, 2])
def test_progress_is_told_call_by_call(workers, chunksize):
    told = []
    with make(workers) as executor:
        results = executor.map(
            tasks.double, range(10), chunksize=chunksize, progress=lambda *it: told.append(it)
        )
        assert list(results) == [2 * x for x in range(10)]
        if chunksize == 1:
            assert told == [(done, 10) for done in range(1, 11)]
        else:
            assert sorted(told)[-1] == (10, 10)


class Bar:
    """What of tqdm's bar is used."""

    made: list[Bar] = []  # noqa: RUF012

    def __init__(self, total=None):
        self.total, self.n, self.closed = total, 0, False
        Bar.made.append(self)

    def update(self, n=1):
        self.n += n

    def close(self):
        self.closed = True


def test_a_bar_is_updated_and_one_that_was_made_here_is_closed():
    Bar.made.clear()
    mine = Bar()
    with make() as executor:
        assert len(list(executor.map(tasks.double, range(7), progress=mine))) == 7
        assert len(list(executor.map(tasks.double, iter(range(7)), progress=Bar, buffersize=2))) == 7
        assert list(executor.map(tasks.double, (x for x in range(3)), progress=Bar)) == [0, 2, 4]
    _, sized, unsized = Bar.made
    assert (mine.n, mine.total, mine.closed) == (7, 7, False)
    assert (sized.n, sized.total, sized.closed) == (7, 7, True)
    assert (unsized.n, unsized.total, unsized.closed) == (3, None, True)


def test_progress_without_tqdm_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    with make() as executor:
        with pytest.raises(ModuleNotFoundError, match="tqdm, which is not installed"):
            executor.map(tasks.double, range(3), progress=True)
        with pytest.raises(TypeError, match="progress must be"):
            executor.map(tasks.double, range(3), progress=3)
        assert list(executor.map(tasks.double, range(3), progress=False)) == [0, 2, 4]


@pytest.mark.parametrize("chunksize", [1, 2])
def test_a_map_takes_no_more_items_than_its_buffer_holds(chunksize):
    taken = []

    def items():
        for x in range(20):
            taken.append(x)
            yield x

    with make(2) as executor:
        results = executor.map(tasks.double, items(), buffersize=3, chunksize=chunksize)
        assert len(taken) == 3 * chunksize
        assert next(results) == 0
        assert len(taken) == 4 * chunksize
        assert list(results) == [2 * x for x in range(1, 20)]
        with pytest.raises(ValueError, match="buffersize"):
            executor.map(tasks.double, [], buffersize=0)
        with pytest.raises(TypeError, match="buffersize"):
            executor.map(tasks.double, [], buffersize="2")


# --- forward


@pytest.mark.parametrize("method", METHODS)
def test_what_a_task_says_is_said_by_the_parent_before_its_result_is_there(method, capsys):
    heard = []

    class Listener(logging.Handler):
        def emit(self, record):
            heard.append((record.name, record.levelname, record.getMessage(), record.task, record.process))

    logger, listener = logging.getLogger("tests.tasks"), Listener()
    logger.addHandler(listener)
    logger.setLevel(logging.INFO)
    try:
        with make(1, method, forward=True) as executor, warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            pid = executor.submit(tasks.pid).result(LONG)
            assert executor.submit(tasks.say, "hello").result(LONG) == "hello"
            out, errors = capsys.readouterr()
        assert out == "[say] hello\n"
        assert "[say] to errors\n" in errors
        assert heard == [("tests.tasks", "WARNING", "logged hello", "say", pid)]
        ours = [it for it in warned if "warned hello" in str(it.message)]
        assert [(it.category, str(it.message)) for it in ours] == [
            (UserWarning, "warned hello (in task say)")
        ]
        assert ours[0].filename == tasks.__file__
    finally:
        logger.removeHandler(listener)
        logger.setLevel(logging.NOTSET)


def test_only_what_is_asked_for_is_forwarded(capfd):
    with make(1, forward="stdout") as executor:
        executor.submit(print, "hello").result(LONG)
        executor.submit(tasks.complain, "directly").result(LONG)
    out, errors = capfd.readouterr()
    assert "[print] hello\n" in out
    assert errors == "directly\n"
    with pytest.raises(ValueError, match="forward"):
        make(forward=["stdout", "stdlog"])


def test_a_map_in_chunks_speaks_in_the_name_of_its_function(capsys):
    with make(1, forward=["stdout"]) as executor:
        list(executor.map(print, ["one", "two"], chunksize=2))
    assert capsys.readouterr().out == "[print] one\n[print] two\n"


def test_a_handler_that_fails_costs_no_task(monkeypatch):
    class Broken(io.StringIO):
        def write(self, text):
            raise OSError("no room")

    with make(1, forward="stdout") as executor:
        monkeypatch.setattr(sys, "stdout", Broken())
        assert executor.submit(print, "hello").result(LONG) is None
        monkeypatch.undo()
        assert executor.submit(tasks.double, 2).result(LONG) == 4


# --- The end


@pytest.mark.parametrize("operation", ["terminate_workers", "kill_workers"])
@pytest.mark.parametrize("method", METHODS)
def test_workers_can_be_ended_at_once(operation, method, tmp_path):
    executor = make(2, method)
    notes = [tmp_path / str(n) for n in range(2)]
    held = [executor.submit(tasks.hold_stubbornly, str(note)) for note in notes]
    wait_until(notes[0].exists)
    waiting = [executor.submit(tasks.double, x) for x in range(50)]
    workers = list(executor._processes.values())
    getattr(executor, operation)()
    assert not wait(held + waiting, LONG).not_done
    assert all(isinstance(it.exception(LONG), futures.process.BrokenProcessPool) for it in held[:1])
    assert sum(it.cancelled() for it in waiting) >= 40
    for worker in workers:
        wait_until(lambda it=worker: it.exitcode is not None)
    with pytest.raises(RuntimeError):
        executor.submit(tasks.double, 1)
    executor.shutdown()


def test_the_end_can_be_waited_for_in_steps(tmp_path):
    executor = make()
    held = executor.submit(tasks.wait_for, str(tmp_path / "go"))
    with pytest.raises(futures.TimeoutError, match="unfinished"):
        executor.shutdown(timeout=0.01)
    with pytest.raises(RuntimeError, match="after shutdown"):
        executor.submit(tasks.double, 1)
    (tmp_path / "go").touch()
    executor.shutdown(timeout=LONG)
    assert held.done()
    executor.shutdown(timeout=0)


# --- Awaitable futures


@pytest.mark.parametrize("pool", [make, ThreadPoolExecutor])
def test_a_future_can_be_awaited(pool):
    async def main():
        with pool(1) as executor:
            assert await executor.submit(tasks.double, 2) == 4
            with pytest.raises(ZeroDivisionError):
                await executor.submit(divmod, 1, 0)
            assert await asyncio.gather(*(executor.submit(tasks.double, x) for x in range(5))) == [
                0,
                2,
                4,
                6,
                8,
            ]
            assert await asyncio.wrap_future(executor.submit(tasks.double, 3)) == 6
            assert await asyncio.wait_for(executor.submit(tasks.double, 3), LONG) == 6
            future = executor.submit(tasks.double, 3)
            assert inspect.isawaitable(future)
            assert not asyncio.isfuture(future)
            assert isinstance(future, futures.Future)
            await future

    asyncio.run(main())


def test_the_loop_runs_on_while_a_future_is_awaited(tmp_path):
    async def main():
        with make() as executor:
            held = asyncio.ensure_future(executor.submit(tasks.wait_for, str(tmp_path / "go")))
            await asyncio.sleep(0)
            assert not held.done()
            (tmp_path / "go").touch()
            await held

    asyncio.run(main())


def test_a_pool_in_a_task_of_a_pool_has_all_of_this():
    with make() as executor:
        assert executor.submit(tasks.executor_in_executor, 5).result(LONG) == [0, 2, 4, 6, 8]


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"max_pending": 0}, ValueError),
        ({"seed": "seed"}, TypeError),
        ({"memory_limit": 0}, ValueError),
        ({"exit": 3}, TypeError),
        ({"forward": "everything"}, ValueError),
    ],
)
def test_what_makes_no_sense_is_refused(wrong, error):
    with pytest.raises(error):
        make(**wrong)


def test_a_worker_in_good_order_leaves_no_descriptor():
    def run(**options):
        # What a pool keeps for its workers' sake goes with the pool itself.
        with make(2, **options) as executor:
            list(executor.map(tasks.double, range(5)))

    run()
    before = descriptors()
    for _ in range(3):
        run(timeout=LONG, memory_limit=1 << 40, seed=1, forward=True)
    eventually(lambda: not descriptors() - before)
