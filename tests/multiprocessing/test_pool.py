"""``multiprocessing.Pool``: what its users see when nothing goes wrong, and when it is used wrongly."""

from __future__ import annotations

import itertools
import multiprocessing.pool
import os
import threading

import pytest
from ropewalk.errors import WorkerDied
from ropewalk.multiprocessing.pool import Pool

from tests.processes import tasks

LONG = 120


@pytest.fixture
def pool():
    with Pool(2, context=multiprocessing.get_context("fork")) as pool:
        yield pool
    pool.join()


def test_it_stands_in_for_the_original(pool):
    assert Pool.__module__ == "multiprocessing.pool"
    assert isinstance(pool, multiprocessing.pool.Pool)
    assert "state=RUN pool_size=2" in repr(pool)
    assert {worker.name.rpartition("-")[0] for worker in pool._pool} == {"ForkPoolWorker"}
    assert all(worker.daemon for worker in pool._pool)


@pytest.mark.parametrize("chunksize", [None, 1, 3, 7, 100])
def test_maps_keep_the_order(pool, chunksize):
    expected = [2 * x for x in range(50)]
    assert pool.map(tasks.double, range(50), chunksize) == expected
    assert pool.map(tasks.double, (x for x in range(50)), chunksize) == expected
    assert pool.starmap(tasks.add, [(x, x) for x in range(50)], chunksize) == expected
    assert pool.map_async(tasks.double, range(50), chunksize).get(LONG) == expected
    assert list(pool.imap(tasks.double, range(50), chunksize or 1)) == expected
    assert sorted(pool.imap_unordered(tasks.double, range(50), chunksize or 1)) == expected


def test_an_endless_iterator_is_drawn_from_while_its_results_are_used(pool):
    results = pool.imap(tasks.double, itertools.islice(itertools.count(), 1000))
    assert next(results) == 0
    assert [next(results) for _ in range(999)] == [2 * x for x in range(1, 1000)]


def test_apply_with_keywords_and_exceptions(pool):
    assert pool.apply(tasks.add, (1,), {"y": 2}) == 3
    with pytest.raises(ValueError, match="not to be read") as caught:
        pool.apply(tasks.explode)
    assert type(caught.value.__cause__) is multiprocessing.pool.RemoteTraceback
    assert pool.apply_async(tasks.add, [1, 2]).get(LONG) == 3


def test_the_first_failure_of_a_map_is_its_result_and_everything_else_is_done(pool):
    with pytest.raises(TypeError):
        pool.map(tasks.double, [1, None, 2], 1)
    with pytest.raises(RuntimeError, match="not to be written"):
        pool.map(tasks.double, [1, tasks.CanNotBeWritten(), 2], 1)
    assert pool.map(tasks.double, [1, 2], 1) == [2, 4]


def test_callbacks(pool):
    seen = []
    pool.apply_async(tasks.double, (1,), callback=seen.append).wait(LONG)
    pool.apply_async(tasks.explode, error_callback=seen.append).wait(LONG)
    pool.map_async(tasks.double, [1, 2], callback=seen.append).wait(LONG)
    pool.map_async(tasks.leave, [0], error_callback=seen.append).wait(LONG)
    assert seen[0] == 2
    assert isinstance(seen[1], ValueError)
    assert seen[2] == [2, 4]
    assert isinstance(seen[3], WorkerDied)


def test_a_callback_that_raises_harms_nobody(pool, monkeypatch):
    told = []
    monkeypatch.setattr(threading, "excepthook", lambda args: told.append(args.exc_type))
    result = pool.map_async(tasks.double, [1], callback=lambda _: 1 / 0)
    assert result.get(LONG) == [2]
    assert pool.apply(tasks.double, (2,)) == 4
    assert told == [ZeroDivisionError]


def test_workers_are_replaced_after_so_many_tasks():
    with Pool(1, maxtasksperchild=2, context=multiprocessing.get_context("fork")) as pool:
        pids = [pool.apply(tasks.pid) for _ in range(6)]
    assert pids[0] == pids[1] != pids[2] == pids[3] != pids[4] == pids[5]
    pool.join()


def test_an_initializer_that_fails_breaks_the_pool_instead_of_a_hang(capfd):
    from concurrent.futures.process import BrokenProcessPool

    pool = Pool(2, tasks.bad_initializer, context=multiprocessing.get_context("fork"))
    with pytest.raises(BrokenProcessPool, match="initializer"):  # which may have failed already
        pool.map(tasks.double, range(4))
    with pytest.raises(BrokenProcessPool):
        pool.apply(tasks.double, (1,))
    pool.terminate()
    pool.join()
    assert "no beginning" in capfd.readouterr().err


def test_who_waits_for_a_terminated_pool_is_told(tmp_path):
    pool = Pool(1, context=multiprocessing.get_context("fork"))
    held = pool.apply_async(tasks.tell_and_wait, (str(tmp_path / "note"),))
    line = pool.map_async(tasks.double, range(10))
    pool.terminate()
    pool.join()
    for result in (held, line):
        with pytest.raises(RuntimeError, match="terminated"):
            result.get(LONG)


def test_a_closed_pool_does_what_it_was_given(pool):
    results = [pool.apply_async(tasks.double, (x,)) for x in range(200)]
    pool.close()
    with pytest.raises(ValueError, match="not running"):
        pool.apply(tasks.double, (1,))
    pool.join()
    assert [it.get(LONG) for it in results] == [2 * x for x in range(200)]


@pytest.mark.usefixtures("installed")
def test_a_thread_pool_is_the_originals_and_works():
    with multiprocessing.pool.ThreadPool(2) as threads:
        assert threads.map(tasks.double, range(5)) == [0, 2, 4, 6, 8]
        assert isinstance(threads, multiprocessing.pool.Pool)


def test_a_subclass_that_makes_its_own_processes_is_asked_for_them():
    class Named(Pool):
        @staticmethod
        def Process(ctx, *args, **kwds):
            process = ctx.Process(*args, **kwds)
            process.name = "mine"
            return process

    with Named(1, context=multiprocessing.get_context("fork")) as pool:
        assert pool.apply(os.getppid) == os.getpid()
        assert [worker.name for worker in pool._pool] == ["mine"]
    pool.join()


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"processes": 0}, ValueError),
        ({"processes": -1}, ValueError),
        ({"initializer": 1}, TypeError),
        ({"maxtasksperchild": 0}, ValueError),
        ({"maxtasksperchild": "12"}, ValueError),
    ],
)
def test_wrong_arguments_are_refused(arguments, error):
    with pytest.raises(error):
        Pool(**arguments)
