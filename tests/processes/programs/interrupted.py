"""A program with tasks that take long. argv: the kind of pool, how it waits, the start method."""

from __future__ import annotations

import multiprocessing
import os
import sys
import time

from ropewalk.concurrent.futures import ProcessPoolExecutor
from ropewalk.multiprocessing.pool import Pool

TASKS = 4


def hold(_):
    os.write(1, b"begun ")  # in one piece
    time.sleep(600)


def main(kind, how, method):
    context = multiprocessing.get_context(method)
    if kind == "executor":
        pool = ProcessPoolExecutor(2, context)
        first, *_ = [pool.submit(hold, x) for x in range(TASKS)]
        wait = first.result
    else:
        pool = Pool(2, context=context)
        wait = pool.map_async(hold, range(TASKS), 1).get
    if how == "bare":
        wait()
    elif how == "with":
        with pool:
            wait()
    else:
        with pool:
            pass  # an executor waits for its tasks here


if __name__ == "__main__":
    main(*sys.argv[1:])
