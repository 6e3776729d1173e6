"""Pools and executors of processes. The tasks do nothing: what is timed is getting them done."""

import multiprocessing
from itertools import repeat

from rig.case import NotThere, case

CONTEXT = multiprocessing.get_context("fork")
EXECUTOR = ("concurrent.futures.ProcessPoolExecutor",)
POOL = ("multiprocessing.pool.Pool",)


def identity(item):
    return item


def _executor():
    import concurrent.futures

    executor = concurrent.futures.ProcessPoolExecutor(2, CONTEXT)
    executor.submit(identity, 1).result()
    return executor


def _pool():
    pool = CONTEXT.Pool(2)
    pool.apply(identity, (1,))
    return pool


@case("ProcessPoolExecutor submit+result", bar=4, of=EXECUTOR, threads=True)
def executor_round_trip(modules):
    executor = _executor()

    def run(n):
        for _ in repeat(None, n):
            executor.submit(identity, 1).result()

    return run


@case("ProcessPoolExecutor submit many, then results", bar=8, of=EXECUTOR, threads=True)
def executor_many(modules):
    executor = _executor()

    def run(n):
        for future in [executor.submit(identity, 1) for _ in repeat(None, n)]:
            future.result()

    return run


@case("ProcessPoolExecutor map", of=EXECUTOR, threads=True)
def executor_map(modules):
    executor = _executor()

    def run(n):
        for _ in executor.map(identity, range(n)):
            pass

    return run


@case("ProcessPoolExecutor map of chunks", of=EXECUTOR, threads=True)
def executor_map_chunks(modules):
    executor = _executor()

    def run(n):
        for _ in executor.map(identity, range(n), chunksize=100):
            pass

    return run


@case("Pool.apply", bar=4, of=POOL, threads=True)
def pool_apply(modules):
    pool = _pool()

    def run(n):
        for _ in repeat(None, n):
            pool.apply(identity, (1,))

    return run


@case("Pool.map, chunksize 1", bar=3, of=POOL, threads=True)
def pool_map_one(modules):
    pool = _pool()

    def run(n):
        pool.map(identity, range(n), 1)

    return run


@case("Pool.map", of=POOL, threads=True)
def pool_map(modules):
    pool = _pool()

    def run(n):
        pool.map(identity, range(n))

    return run


@case("Pool.imap_unordered", of=POOL, threads=True)
def pool_imap_unordered(modules):
    pool = _pool()

    def run(n):
        for _ in pool.imap_unordered(identity, range(n)):
            pass

    return run


@case("Pool.apply_async many, then results", of=POOL, threads=True)
def pool_apply_async(modules):
    pool = _pool()

    def run(n):
        for result in [pool.apply_async(identity, (1,)) for _ in repeat(None, n)]:
            result.get()

    return run


@case("64 MiB array in and out of a task", bar=5, of=EXECUTOR, threads=True)
def array(modules):
    try:
        import numpy
    except ImportError:
        raise NotThere("numpy") from None
    executor, data = _executor(), numpy.ones(8 << 20)

    def run(n):
        for _ in repeat(None, n):
            executor.submit(identity, data).result()

    return run
