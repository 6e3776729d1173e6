"""Both kinds of pools under the same names, for tests that hold for either."""

from __future__ import annotations

import multiprocessing

from ropewalk.concurrent.futures import ProcessPoolExecutor
from ropewalk.multiprocessing.pool import Pool

METHODS = ["fork", "spawn", "forkserver"]
LONG = 120  # only a hang takes so long


class ExecutorSide:
    """An executor, under the names that these tests use for both kinds of pools."""

    def __init__(self, workers, method):
        self.pool = ProcessPoolExecutor(workers, multiprocessing.get_context(method))

    def submit(self, function, *arguments):
        return self.pool.submit(function, *arguments)

    def get(self, future):
        return future.result(LONG)

    def pids(self):
        return set(self.pool._processes)

    def end(self):
        self.pool.shutdown()


class PoolSide:
    def __init__(self, workers, method):
        self.pool = Pool(workers, context=multiprocessing.get_context(method))

    def submit(self, function, *arguments):
        return self.pool.apply_async(function, arguments)

    def get(self, result):
        return result.get(LONG)

    def pids(self):
        return {worker.pid for worker in self.pool._pool}

    def end(self):
        self.pool.close()
        self.pool.join()
