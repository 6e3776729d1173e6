"""From making a pool to its first result, in milliseconds: the median of some pools, each of two workers.

Arguments: the side, `Pool` or `ProcessPoolExecutor`, the start method, how many pools. On ropewalk the fork server is
warmed, as a program would do that wants its pools soon; on both sides it runs before the first pool is timed.
"""

import multiprocessing
import statistics
import time
from concurrent import futures

import side


def first(kind, context):
    """Seconds from the constructor to the first result."""
    start = time.perf_counter()
    if kind == "Pool":
        with context.Pool(2) as pool:
            pool.apply(abs, (-1,))
            taken = time.perf_counter() - start
        pool.join()
    else:
        with futures.ProcessPoolExecutor(2, context) as pool:
            pool.submit(abs, -1).result()
            taken = time.perf_counter() - start
    return taken


def main():
    """Prints the median."""
    which, (kind, method, count) = side.enter()
    if method == "forkserver" and which == "ropewalk":
        from ropewalk.multiprocessing import zygote

        zygote.warm()
    context = multiprocessing.get_context(method)
    process = context.Process(target=abs, args=(-1,))  # the server has begun, and has imported
    process.start()
    process.join()
    print(statistics.median(first(kind, context) for _ in range(int(count))) * 1e3)


if __name__ == "__main__":
    main()
