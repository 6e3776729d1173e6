"""One point of a curve: a pool or a queue of one size, its throughput, and the memory that it takes.

    grow.py SIDE pool WORKERS TASKS PAYLOAD      all tasks are submitted, then all results are taken
    grow.py SIDE queue TASKS PAYLOAD             all items are put before the first is taken

Writes JSON: operations in a second, and MiB of this process at its peak, of the workers, and of shared memory.
"""

import concurrent.futures
import json
import multiprocessing
import multiprocessing.queues
import os
import time
from pathlib import Path

import side

MIB = 1 << 20


def same(payload):
    return payload


def fields(pid):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {
        name: int(rest.split()[0]) / 1024
        for name, _, rest in (line.partition(":") for line in lines)
        if name in ("VmHWM", "RssAnon", "RssShmem")
    }


def children():
    return [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]


def report(count, seconds, workers=()):
    own = fields("self")
    print(
        json.dumps(
            {
                "per second": count / seconds,
                "peak": own["VmHWM"],
                "shared": own["RssShmem"],
                "workers": sum(fields(pid)["RssAnon"] for pid in workers),
            }
        )
    )


def pool(workers, tasks, payload):
    with concurrent.futures.ProcessPoolExecutor(workers) as executor:
        list(executor.map(same, range(2 * workers)))
        data = b"x" * payload
        start = time.perf_counter()
        if tasks * payload > 256 * MIB:  # as many as a careful program has on its way at once
            ahead = max(workers + 1, 256 * MIB // payload)
            for begin in range(0, tasks, ahead):
                futures = [executor.submit(same, data) for _ in range(min(ahead, tasks - begin))]
                while futures:
                    futures.pop().result()
        else:
            futures = [executor.submit(same, data) for _ in range(tasks)]
            for future in futures:
                future.result()
        report(tasks, time.perf_counter() - start, children())


def queue(items, payload):
    line = multiprocessing.Queue()
    data = b"x" * payload
    start = time.perf_counter()
    for _ in range(items):
        line.put(data)
    for _ in range(items):
        line.get()
    report(items, time.perf_counter() - start)


if __name__ == "__main__":
    which, (kind, *sizes) = side.enter()
    side.require(
        which,
        concurrent.futures.ProcessPoolExecutor if kind == "pool" else multiprocessing.queues.Queue,
    )
    {"pool": pool, "queue": queue}[kind](*map(int, sizes))
