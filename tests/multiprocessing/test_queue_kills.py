"""Producers and consumers of a queue are killed at any moment; the others go on.

Each item says who has put it in, its number, and the checksum of its load. A table that all processes share notes how
often each was seen. At the end: nobody hangs, nothing is torn, nothing came twice, and what is missing is no more than
what killed consumers had in hand.
"""

from __future__ import annotations

import mmap
import os
import random
import signal
import time
import zlib
from typing import Any

import pytest

from tests.multiprocessing.processes import LIMIT, context

FULL = os.environ.get("ROPEWALK_TEST_FULL") == "1"
KILLS = 600 if FULL else 30
#: At most so many items of one producer.
MOST = 20_000


class Ledger:
    """What became of the items: bytes that every process writes, and a killed one leaves behind."""

    def __init__(self, producers: int) -> None:
        self.seen = mmap.mmap(-1, producers * MOST)
        self.numbers = memoryview(mmap.mmap(-1, 8 * (producers + 1))).cast("Q")

    def note(self, producer: int, number: int) -> None:
        place = producer * MOST + number
        self.seen[place] = min(self.seen[place] + 1, 255)

    @property
    def torn(self) -> int:
        return self.numbers[-1]

    def found_torn(self) -> None:
        self.numbers[len(self.numbers) - 1] += 1


def load(chance: random.Random) -> Any:
    """Mostly small, now and then a large one, or one that is pickled."""
    kind = chance.random()
    if kind < 0.7:
        return {"id": chance.randrange(1000), "name": "rope"}
    if kind < 0.9:
        return chance.randbytes(chance.randrange(1, 5000))
    if kind < 0.95:
        return chance.randbytes(chance.randrange(40_000, 200_000))
    return [complex(chance.random(), 1)] * 3


def checksum(item: Any) -> int:
    return zlib.crc32(item if isinstance(item, bytes) else repr(item).encode())


def produce(queue: Any, ledger: Ledger, producer: int) -> None:
    chance = random.Random(producer)
    for number in range(MOST):
        item = load(chance)
        queue.put((producer, number, item, checksum(item)))
        ledger.numbers[producer] = number + 1


def consume(queue: Any, ledger: Ledger) -> None:
    last: dict[int, int] = {}
    while True:
        check(queue.get(), ledger, last)


def check(got: Any, ledger: Ledger, last: dict[int, int]) -> None:
    producer, number, item, expected = got
    if checksum(item) != expected or number <= last.get(producer, -1):
        ledger.found_torn()
    last[producer] = number
    ledger.note(producer, number)


class Crew:
    """Processes of one kind; one that was killed is replaced."""

    def __init__(self, work: Any, *arguments: Any) -> None:
        self.work, self.arguments = work, arguments
        self.alive: list[Any] = []
        self.killed = 0

    def start(self, *more: Any) -> None:
        process = context("fork").Process(target=self.work, args=(*self.arguments, *more))
        process.start()
        self.alive.append(process)

    def let_go(self) -> int:
        """Those that have done all they had to; how many they were."""
        ended = [process for process in self.alive if process.exitcode is not None]
        self.alive = [process for process in self.alive if process not in ended]
        return len(ended)

    def kill(self, chance: random.Random) -> None:
        victim = self.alive.pop(chance.randrange(len(self.alive)))
        # One that has done all it had to is not killed in anything.
        self.killed += victim.exitcode is None
        victim.kill() if chance.random() < 0.5 else victim.terminate()
        victim.join(LIMIT)
        assert victim.exitcode in (0, -signal.SIGKILL, -signal.SIGTERM), victim.exitcode
        victim.close()


@pytest.mark.parametrize(
    ("name", "arguments", "seed"),
    [("Queue", (), 1), ("Queue", (5,), 2), ("JoinableQueue", (50,), 3), ("SimpleQueue", (), 4)],
)
def test_killed_processes_take_nothing_with_them_but_what_they_held(
    name: str, arguments: tuple[int, ...], seed: int
) -> None:
    chance = random.Random(seed)
    queue = getattr(context("fork"), name)(*arguments)
    ledger = Ledger(2 * KILLS + 3)
    producers, consumers = Crew(produce, queue, ledger), Crew(consume, queue, ledger)
    begun = 0

    def another_producer() -> None:
        nonlocal begun
        producers.start(begun)
        begun += 1

    try:
        for _ in range(2):
            another_producer()
            consumers.start()
        for _ in range(KILLS):
            wait_until_it_moves(ledger, chance)
            for _ in range(producers.let_go()):
                another_producer()
            if chance.random() < 0.4:
                producers.kill(chance)
                another_producer()
            else:
                consumers.kill(chance)
                consumers.start()
    finally:
        while producers.alive:
            producers.kill(chance)
        while consumers.alive:
            consumers.kill(chance)
    last: dict[int, int] = {}
    while not queue.empty():
        check(queue.get(), ledger, last)

    assert ledger.torn == 0
    lost = 0
    for producer in range(begun):
        sent = ledger.numbers[producer]
        seen = ledger.seen[producer * MOST : (producer + 1) * MOST]
        assert max(seen) <= 1, "something came twice"
        lost += sent - sum(seen[:sent])
        assert not any(seen[sent + 1 :]), "something came that was never put in"
    assert lost <= consumers.killed
    queue.put("whole")
    assert queue.get() == "whole"


def wait_until_it_moves(ledger: Ledger, chance: random.Random) -> None:
    """Until some more items were put in: how many is chance, and so is where the victim stands."""
    start, wanted, end = sum(ledger.numbers), chance.randrange(1, 60), time.monotonic() + LIMIT
    while sum(ledger.numbers) < start + wanted:
        assert time.monotonic() < end, "nobody puts anything in or takes anything out any more"
        os.sched_yield()
