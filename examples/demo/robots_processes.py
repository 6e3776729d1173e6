"""Find every host that asked for /robots.txt: one process reads lines, others look at them.

    python robots_processes.py FOLDER [--lines N] [--workers N]

Every line goes through a queue between processes; where it goes is decided by nobody.
"""

import argparse
import gzip
import hashlib
import multiprocessing
from itertools import islice
from pathlib import Path


def read(folder, lines, queue, workers):
    """Puts so many lines of the logs into the queue, and an end for each worker."""
    for log in sorted(folder.glob("*.log.gz")):
        with gzip.open(log, "rt", encoding="ascii") as text:
            for line in islice(text, lines):
                queue.put(line)
                lines -= 1
    for _ in range(workers):
        queue.put(None)


def look(queue, answers):
    """Takes lines out of the queue; answers with how many there were, and the hosts that asked."""
    lines, hosts = 0, set()
    while (line := queue.get()) is not None:
        lines += 1
        fields = line.split(" ", 7)
        if fields[6] == "/robots.txt":
            hosts.add(fields[0])
    answers.put((lines, hosts))


def main():
    """Starts the processes, adds up, reports."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--lines", type=int, default=500_000)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    queue, answers = multiprocessing.Queue(10_000), multiprocessing.Queue()
    processes = [
        multiprocessing.Process(target=read, args=(options.folder, options.lines, queue, options.workers)),
        *(multiprocessing.Process(target=look, args=(queue, answers)) for _ in range(options.workers)),
    ]
    for process in processes:
        process.start()
    lines, hosts = 0, set()
    for _ in range(options.workers):
        more, found = answers.get()
        lines += more
        hosts |= found
    for process in processes:
        process.join()
    print(f"{lines} lines, {len(hosts)} hosts asked for /robots.txt")
    print(f"digest {hashlib.sha256(' '.join(sorted(hosts)).encode()).hexdigest()}")


if __name__ == "__main__":
    main()
