"""Find every host that asked for /robots.txt, as producers and consumers: lines go through one bounded queue.

python robots_queue.py FOLDER [--producers N] [--consumers N]
"""

import argparse
import gzip
import hashlib
import queue
import threading
from pathlib import Path


class Found:
    """The answer so far."""

    def __init__(self):
        self.lines = 0
        self.hosts = set()
        self.lock = threading.Lock()


def produce(logs, lines):
    """Puts the lines of one log after another, until no log is left."""
    while True:
        try:
            path = logs.get_nowait()
        except queue.Empty:
            return
        with gzip.open(path, "rt", encoding="ascii") as log:
            for line in log:
                lines.put(line)


def consume(lines, found):
    """Gets lines until told to stop."""
    count = 0
    while True:
        line = lines.get()
        if line is None:
            break
        count += 1
        fields = line.split(" ", 7)
        if fields[6] == "/robots.txt":
            with found.lock:
                found.hosts.add(fields[0])
    with found.lock:
        found.lines += count


def main():
    """Produces, consumes, reports."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--producers", type=int, default=2)
    parser.add_argument("--consumers", type=int, default=2)
    options = parser.parse_args()
    logs, lines, found = queue.Queue(), queue.Queue(maxsize=1000), Found()
    for log in sorted(options.folder.glob("*.log.gz")):
        logs.put(log)
    producers = [threading.Thread(target=produce, args=(logs, lines)) for _ in range(options.producers)]
    consumers = [threading.Thread(target=consume, args=(lines, found)) for _ in range(options.consumers)]
    for thread in producers + consumers:
        thread.start()
    for thread in producers:
        thread.join()
    for _ in consumers:
        lines.put(None)
    for thread in consumers:
        thread.join()
    print(f"{found.lines} lines, {len(found.hosts)} hosts asked for /robots.txt")
    print(f"digest {hashlib.sha256(' '.join(sorted(found.hosts)).encode()).hexdigest()}")


if __name__ == "__main__":
    main()
