"""The main job on real input: the same programs on stock CPython and by `python -m ropewalk`.

    python examples/demo/run.py [--rounds 3] [--data build/demo] [--only PROGRAM ...]

Every program is run on both, in turns; what it prints (a digest of its answer is part of it) must be the
same, word for word. The table shows the median wall time of the whole process, start and end of the
interpreter included.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import make_logs

HERE = Path(__file__).resolve().parent
LIMIT = 600.0
"""Seconds after which a program is taken to hang."""


class Program:
    """A line of the table."""

    def __init__(self, what, file, *arguments):
        self.what, self.file, self.arguments = what, file, arguments
        self.times = {"stock": [], "ropewalk": []}
        self.processor = {"stock": [], "ropewalk": []}
        self.answers = set()

    def run(self, side):
        """Runs the program once and keeps its time and its answer.

        Raises SystemExit if it fails.
        """
        runner = ["-m", "ropewalk"] if side == "ropewalk" else []
        command = [sys.executable, *runner, str(HERE / self.file), *self.arguments]
        start, before = time.perf_counter(), processor_seconds()
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=LIMIT)
        except subprocess.TimeoutExpired:
            sys.exit(f"{self.file} on {side} still ran after {LIMIT:.0f} s")
        self.times[side].append(time.perf_counter() - start)
        self.processor[side].append(processor_seconds() - before)
        if done.returncode or done.stderr:
            sys.exit(f"{self.file} on {side} ended with {done.returncode}:\n{done.stderr}")
        self.answers.add(done.stdout)

    def ratio(self, figures):
        """The median, over the rounds, of stock over ropewalk."""
        pairs = zip(figures["stock"], figures["ropewalk"], strict=True)
        return statistics.median(stock / ours for stock, ours in pairs)


def processor_seconds():
    """What the programs run so far have had of the processors, which other programs' load does not change."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def programs(data):
    """All programs of the demo."""
    return [
        Program("index the library, line by line through queues", "index_library.py"),
        Program("who asked for robots.txt: a queue of lines", "robots_queue.py", str(data / "logs")),
        Program("who asked for robots.txt: a task for each log", "robots_pool.py", str(data / "logs")),
        Program("rebuild what imports an edited module", "rebuild_graph.py", "--edits", "1000"),
        Program("robots.txt: lines from process to process", "robots_processes.py", str(data / "logs")),
        Program("prime factors: a task for each number", "prime_sums.py"),
        Program("negative of a picture, tile by tile", "negative_tiles.py"),
    ]


def check_ignorance(chosen):
    """Makes sure that no program mentions ropewalk."""
    for program in chosen:
        if "ropewalk" in (HERE / program.file).read_text().casefold():
            sys.exit(f"{program.file} knows ropewalk; the demo is of programs that do not")


def cells(figures, ratio):
    """Half a line of the table."""
    stock, ours = (statistics.median(figures[side]) for side in ("stock", "ropewalk"))
    return f"{stock:9.2f}{ours:10.2f}{ratio:7.2f}x"


def total(figures):
    """Half of the last line: the sums of the medians."""
    sums = {side: sum(statistics.median(each[side]) for each in figures) for side in ("stock", "ropewalk")}
    return cells({side: [seconds] for side, seconds in sums.items()}, sums["stock"] / sums["ropewalk"])


def show(chosen):
    """The table, and whether all answers are the same; returns the exit code."""
    print(f"\n{'seconds':46}{'wall':>14}{'':>14}{'processor':>18}")
    print(
        f"{'program':46}{'stock':>9}{'ropewalk':>10}{'ratio':>8} |{'stock':>9}{'ropewalk':>10}{'ratio':>8}   answer"
    )
    for program in chosen:
        same = "same" if len(program.answers) == 1 else "DIFFERENT"
        halves = [cells(figures, program.ratio(figures)) for figures in (program.times, program.processor)]
        print(f"{program.what:46}{' |'.join(halves)}   {same}")
    totals = [total([program.times for program in chosen]), total([program.processor for program in chosen])]
    print(f"{'all':46}{' |'.join(totals)}\n")
    for program in chosen:
        for answer in sorted(program.answers):
            print(f"{program.file}: {' | '.join(answer.strip().splitlines())}")
    slower = [program.what for program in chosen if program.ratio(program.times) < 0.95]
    if slower:
        print(f"\nslower than on stock CPython: {'; '.join(slower)}")
    print("\nA program can gain no more than the time it spends in locks, queues and futures.")
    return 0 if all(len(program.answers) == 1 for program in chosen) else 1


def main():
    """Prepares the data, runs all, shows the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=240.0, help="begin no round that would end later")
    parser.add_argument("--data", type=Path, default=HERE.parent.parent / "build" / "demo")
    parser.add_argument("--only", nargs="+", metavar="PROGRAM", help="a part of a program's file name")
    options = parser.parse_args()
    chosen = [
        program
        for program in programs(options.data)
        if not options.only or any(word in program.file for word in options.only)
    ]
    check_ignorance(chosen)
    cores, load = len(os.sched_getaffinity(0)), os.getloadavg()[0]
    print(f"Python {sys.version.split()[0]}, {cores} cores, load {load:.2f}")
    print("writing 2,000,000 lines of logs, unless they are there ...", flush=True)
    make_logs.make(options.data / "logs", lines=2_000_000, files=10, seed=1)
    started = time.perf_counter()
    for turn in range(options.rounds):
        spent = time.perf_counter() - started
        if turn and spent * (turn + 1) / turn > options.seconds:
            print(f"{turn} rounds took {spent:.0f} s: no more")
            break
        for program in chosen:
            print(f"round {turn + 1} of {options.rounds}: {program.file}", flush=True)
            for side in ("stock", "ropewalk") if turn % 2 == 0 else ("ropewalk", "stock"):
                program.run(side)
    return show(chosen)


if __name__ == "__main__":
    sys.exit(main())
