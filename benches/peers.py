#!/usr/bin/env python3
"""Ropewalk beside the peers, each in its own best case: round by round, in one program.

    python benches/peers.py [--quick] [--only PEER ...] [--markdown FILE]

Every pool has two workers that were started before. The peers run on the standard library as it is, ropewalk by its own
names: nothing is installed. A ratio above 1: ropewalk is faster.
"""

from __future__ import annotations

import argparse
import gc
import os
import signal
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Any

from rig import machine
from rig.table import amount

ITEM = {"id": 17, "name": "worker", "share": 1.5, "ready": True, "tag": "abc"}
BATCH = 100
LARGE = bytes(1 << 20)

Run = Callable[[int], Any]
Side = Callable[[], Any]
"""A context manager that gives a `Run`."""


def identity(item: Any) -> Any:
    """What the tasks do."""
    return item


@dataclass(frozen=True)
class Contest:
    """One case: `theirs` is the best way that the peer has, `ours` the same by ropewalk."""

    peer: str
    name: str
    n: int
    theirs: Side
    ours: Side


# --- Queues


class Crew:
    """Forked processes that do `work` with as many items as they are told to, over and over."""

    def __init__(self, work: Callable[[int], None], count: int) -> None:
        self.pids, self.ends = [], []
        for _ in range(count):
            (told, tell), (done, say) = os.pipe(), os.pipe()
            pid = os.fork()
            if pid == 0:
                try:
                    while line := os.read(told, 8):
                        work(int.from_bytes(line, "little"))
                        os.write(say, b"x")
                finally:
                    os._exit(0)
            self.pids.append(pid)
            self.ends.append((tell, done))
            os.close(told)
            os.close(say)

    def start(self, items: int) -> None:
        for tell, _ in self.ends:
            os.write(tell, (items // len(self.ends)).to_bytes(8, "little"))

    def wait(self) -> None:
        for _, done in self.ends:
            os.read(done, 1)

    def end(self) -> None:
        for pid, ends in zip(self.pids, self.ends, strict=True):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            for end in ends:
                os.close(end)


def _fifo() -> Any:
    from faster_fifo import Queue

    return Queue(max_size_bytes=64 << 20)


def _queue() -> Any:
    from ropewalk import multiprocessing

    return multiprocessing.get_context("fork").Queue()


def _put(queue: Any, item: Any) -> Callable[[int], None]:
    def put(n: int) -> None:
        for _ in repeat(None, n):
            queue.put(item)

    return put


def _put_many(queue: Any, item: Any) -> Callable[[int], None]:
    batch = [item] * BATCH

    def put(n: int) -> None:
        for _ in repeat(None, n // BATCH):
            queue.put_many(batch, timeout=1000)

    return put


def _get(queue: Any) -> Callable[[int], None]:
    def get(n: int) -> None:
        for _ in repeat(None, n):
            queue.get()

    return get


def _fifo_get(queue: Any) -> Callable[[int], None]:
    def get(n: int) -> None:
        for _ in repeat(None, n):
            queue.get(timeout=1000)

    return get


def _get_many(queue: Any) -> Callable[[int], None]:
    def get(n: int) -> None:
        while n > 0:
            n -= len(queue.get_many(timeout=1000, max_messages_to_get=min(n, BATCH)))

    return get


@contextmanager
def _flow(put: Callable[[int], None], get: Callable[[int], None], givers: int) -> Iterator[Run]:
    takers, others = Crew(get, 1), Crew(put, givers)

    def run(n: int) -> None:
        takers.start(n)
        others.start(n)
        others.wait()
        takers.wait()

    try:
        yield run
    finally:
        others.end()
        takers.end()


def _singly(item: Any, givers: int) -> tuple[Side, Side]:
    def theirs() -> Any:
        queue = _fifo()
        return _flow(_put(queue, item), _fifo_get(queue), givers)

    def ours() -> Any:
        queue = _queue()
        return _flow(_put(queue, item), _get(queue), givers)

    return theirs, ours


def _batches(item: Any, givers: int) -> tuple[Side, Side]:
    def theirs() -> Any:
        queue = _fifo()
        return _flow(_put_many(queue, item), _get_many(queue), givers)

    return theirs, _singly(item, givers)[1]


# --- Pools


@contextmanager
def _executor() -> Iterator[Any]:
    from ropewalk import multiprocessing
    from ropewalk.concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(2, multiprocessing.get_context("fork")) as pool:
        yield pool


@contextmanager
def _pool() -> Iterator[Any]:
    from ropewalk import multiprocessing

    with multiprocessing.get_context("fork").Pool(2) as pool:
        yield pool


@contextmanager
def _loky() -> Iterator[Any]:
    from loky import ProcessPoolExecutor

    with ProcessPoolExecutor(2) as pool:
        yield pool


@contextmanager
def _pebble() -> Iterator[Any]:
    from pebble import ProcessPool

    with ProcessPool(2) as pool:
        yield pool


@contextmanager
def _mpire() -> Iterator[Any]:
    from mpire import WorkerPool

    with WorkerPool(2, keep_alive=True) as pool:
        yield pool


def _use(open_pool: Callable[[], Any], use: Callable[[Any, int], Any]) -> Side:
    @contextmanager
    def side() -> Iterator[Run]:
        with open_pool() as pool:
            use(pool, 100)
            yield lambda n: use(pool, n)

    return side


def _submit(pool: Any, n: int) -> None:
    for future in [pool.submit(identity, 1) for _ in repeat(None, n)]:
        future.result()


def _round_trips(pool: Any, n: int) -> None:
    for _ in repeat(None, n):
        pool.submit(identity, 1).result()


def _large(pool: Any, n: int) -> None:
    for _ in repeat(None, n):
        pool.submit(identity, LARGE).result()


def _map_chunks(pool: Any, n: int) -> None:
    for _ in pool.map(identity, range(n), chunksize=BATCH):
        pass


def _schedule(pool: Any, n: int) -> None:
    for future in [pool.schedule(identity, args=(1,)) for _ in repeat(None, n)]:
        future.result()


def _pebble_map(pool: Any, n: int) -> None:
    for _ in pool.map(identity, range(n), chunksize=BATCH).result():
        pass


def _mpire_map(pool: Any, n: int) -> None:
    pool.map(identity, range(n), chunk_size=BATCH)


def _mpire_apply(pool: Any, n: int) -> None:
    for result in [pool.apply_async(identity, args=(1,)) for _ in repeat(None, n)]:
        result.get()


def _pool_map(pool: Any, n: int) -> None:
    pool.map(identity, range(n), BATCH)


def _pool_apply(pool: Any, n: int) -> None:
    for result in [pool.apply_async(identity, (1,)) for _ in repeat(None, n)]:
        result.get()


CONTESTS = [
    Contest("faster-fifo", "queue 1:1, small dict, singly", 20_000, *_singly(ITEM, 1)),
    Contest("faster-fifo", "queue 1:1, small dict, their batches of 100", 20_000, *_batches(ITEM, 1)),
    Contest("faster-fifo", "queue 4:1, small dict, their batches of 100", 20_000, *_batches(ITEM, 4)),
    Contest("faster-fifo", "queue 1:1, int, their batches of 100", 20_000, *_batches(12345, 1)),
    Contest("faster-fifo", "queue 4:1, int, their batches of 100", 20_000, *_batches(12345, 4)),
    Contest("faster-fifo", "queue 1:1, 10 KB, their batches of 100", 2_000, *_batches(bytes(10_000), 1)),
    Contest("loky", "submit many, then results", 500, _use(_loky, _submit), _use(_executor, _submit)),
    Contest("loky", "submit and result", 200, _use(_loky, _round_trips), _use(_executor, _round_trips)),
    Contest("loky", "map in chunks of 100", 20_000, _use(_loky, _map_chunks), _use(_executor, _map_chunks)),
    Contest("loky", "1 MiB of bytes there and back", 20, _use(_loky, _large), _use(_executor, _large)),
    Contest("pebble", "schedule many, then results", 500, _use(_pebble, _schedule), _use(_executor, _submit)),
    Contest(
        "pebble", "map in chunks of 100", 20_000, _use(_pebble, _pebble_map), _use(_executor, _map_chunks)
    ),
    Contest(
        "mpire", "apply_async many, then results", 500, _use(_mpire, _mpire_apply), _use(_pool, _pool_apply)
    ),
    Contest("mpire", "map in chunks of 100", 20_000, _use(_mpire, _mpire_map), _use(_pool, _pool_map)),
]


def timed(run: Run, n: int) -> float:
    """Nanoseconds for one."""
    gc.collect()
    start = time.perf_counter_ns()
    run(n)
    return (time.perf_counter_ns() - start) / n


def contest(it: Contest, rounds: int) -> tuple[float, float, float]:
    """Their median, ours, and the median of the ratios within a round."""
    with ExitStack() as stack:
        sides = [stack.enter_context(it.theirs()), stack.enter_context(it.ours())]
        for side in sides:
            side(it.n)
        times: tuple[list[float], list[float]] = ([], [])
        for turn in range(rounds):
            for which in (0, 1) if turn % 2 else (1, 0):
                times[which].append(timed(sides[which], it.n))
    ratios = [theirs / ours for theirs, ours in zip(*times, strict=True)]
    return statistics.median(times[0]), statistics.median(times[1]), statistics.median(ratios)


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="5 rounds instead of 15: a look, not a result")
    parser.add_argument("--only", nargs="+", default=[], metavar="PEER", help="the peers by name")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table there too")
    return parser


def main() -> int:
    """Prints the table as it grows; 1 if ropewalk is behind somewhere."""
    options = arguments().parse_args()
    about = machine.describe()
    rows = [f"{about['python']}; {about['cpu']}; load {about['load']}; commit {about['commit']}", ""]
    rows += ["| peer | case | the peer | ropewalk | ratio |", "|---|---|---|---|---|"]
    print("\n".join(rows), flush=True)
    behind = 0
    for it in CONTESTS:
        if options.only and it.peer not in options.only:
            continue
        try:
            theirs, ours, ratio = contest(it, 5 if options.quick else 15)
            behind += ratio < 1
            row = f"| {it.peer} | {it.name} | {amount(theirs, 'ns')} | {amount(ours, 'ns')} | {ratio:.2f} |"
        except ImportError:
            row = f"| {it.peer} | {it.name} | not installed | | |"
        rows.append(row)
        print(row, flush=True)
    if options.markdown:
        options.markdown.write_text("\n".join(rows) + "\n")
    return 1 if behind else 0


if __name__ == "__main__":
    sys.exit(main())
