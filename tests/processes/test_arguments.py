"""Large arguments of tasks: arrays and bytes go beside the call, and are the worker's own."""

from __future__ import annotations

import os
from concurrent.futures import CancelledError
from contextlib import contextmanager
from functools import partial

import pytest

from tests.processes import arguments

numpy = pytest.importorskip("numpy")


@pytest.fixture(params=["fork", "spawn", "forkserver"])
def context(request):
    from ropewalk.multiprocessing import get_context

    return get_context(request.param)


@pytest.fixture
def fork():
    from ropewalk.multiprocessing import get_context

    return get_context("fork")


@contextmanager
def gate():
    """A descriptor that a forked worker reads from, and what lets it go on."""
    reading, writing = os.pipe()
    try:
        yield reading, partial(os.write, writing, b"x")
    finally:
        os.close(reading)
        os.close(writing)


def executor(context, workers=1):
    from ropewalk.concurrent.futures import ProcessPoolExecutor

    return ProcessPoolExecutor(workers, context)


def test_an_array_may_be_written_by_the_task_and_is_not_the_callers(context):
    array = numpy.zeros(100_000)
    with executor(context) as pool:
        assert pool.submit(arguments.add_one, array).result() == 100_000
        assert list(pool.map(arguments.add_one, [array, array + 1])) == [100_000, 200_000]
    assert not array.any()


def test_a_pool_takes_large_arguments_in_all_its_ways(context):
    array = numpy.ones(50_000)
    with context.Pool(2) as pool:
        assert pool.apply(arguments.add_one, (array,)) == 100_000
        assert pool.map(arguments.add_one, [array] * 20, 1) == [100_000] * 20
        assert pool.map(arguments.add_one, [array.copy() for _ in range(20)], 7) == [100_000] * 20
        assert pool.starmap(arguments.add_one, [(array,)] * 5) == [100_000] * 5
        assert list(pool.imap_unordered(arguments.add_one, [array] * 5)) == [100_000] * 5
    assert (array == 1).all()


def test_bytes_and_arrays_come_as_what_they_are(fork):
    with executor(fork) as pool:
        large = b"ab" * 50_000
        future = pool.submit(arguments.both, large, bytearray(large), third=numpy.zeros(50_000))
        assert future.result() == ("bytes", 100_000, b"ab", True)


def test_the_call_is_taken_as_it_is_when_it_is_submitted(fork):
    array = numpy.zeros(50_000)
    with gate() as (wait, let_go), executor(fork) as pool:
        first = pool.submit(arguments.read_one, wait)
        futures = []
        for number in range(20):
            array[0] = number
            futures.append(pool.submit(arguments.add_one, array[:]))
        array[:] = 99
        let_go()
        assert first.result() == b"x"
        assert [future.result() for future in futures] == [50_000.0 + number for number in range(20)]


def test_what_a_worker_keeps_stays_as_it_was_while_others_come_and_go(fork):
    with executor(fork) as pool:
        for number in range(10):
            pool.submit(arguments.keep, numpy.full(100_000, float(number))).result()
            pool.submit(arguments.add_one, numpy.full(100_000, 77.0)).result()
        assert pool.submit(arguments.sum_of_kept).result() == [float(number) for number in range(10)]


def test_the_memory_of_arguments_is_used_again(fork):
    """More than a queue's memory goes through it, one argument after the other."""
    array = numpy.ones(2 << 20)
    with executor(fork) as pool:
        for _ in range(100):
            assert pool.submit(arguments.add_one, array).result() == 4 << 20


def test_a_worker_that_is_killed_over_a_large_argument_costs_its_task_alone(fork):
    from ropewalk.processes.died import WorkerDied

    array = numpy.zeros(200_000)
    with executor(fork, 2) as pool:
        for _ in range(5):
            dead, alive = pool.submit(arguments.die, array), pool.submit(arguments.add_one, array)
            with pytest.raises(WorkerDied):
                dead.result()
            assert alive.result() == 200_000
    assert not array.any()


def test_a_large_task_in_line_can_be_cancelled(fork):
    array = numpy.zeros(200_000)
    with gate() as (wait, let_go), executor(fork) as pool:
        futures = [pool.submit(arguments.read_one, wait)]
        futures += [pool.submit(arguments.add_one, array) for _ in range(10)]
        assert futures[-1].cancel()
        let_go()
        assert [future.result() for future in futures[1:-1]] == [200_000] * 9
        with pytest.raises(CancelledError):
            futures[-1].result()


def test_a_child_of_a_worker_has_its_own_copy_of_an_argument(fork):
    array = numpy.zeros(100_000)
    with executor(fork) as pool:
        for _ in range(3):
            assert pool.submit(arguments.fork_and_change, array).result() == ("(0.0, 5.0)", 0.0)
