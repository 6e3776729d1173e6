"""Find every host that asked for /robots.txt, as a map-reduce: one task of a thread pool for each log.

    python robots_pool.py FOLDER [--workers N]

The tasks are few and long, so there is next to nothing to gain in how they are handed out.
"""

import argparse
import gzip
import hashlib
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path


def hosts_in(path):
    """Maps a log to the number of its lines and the hosts that asked."""
    lines, hosts = 0, set()
    with gzip.open(path, "rt", encoding="ascii") as log:
        for line in log:
            lines += 1
            fields = line.split(" ", 7)
            if fields[6] == "/robots.txt":
                hosts.add(fields[0])
    return lines, hosts


def main():
    """Maps, reduces, reports."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--workers", type=int, default=4)
    options = parser.parse_args()
    lines, hosts = 0, set()
    with ThreadPoolExecutor(options.workers) as pool:
        for future in as_completed([pool.submit(hosts_in, log) for log in options.folder.glob("*.log.gz")]):
            more, found = future.result()
            lines += more
            hosts |= found
    print(f"{lines} lines, {len(hosts)} hosts asked for /robots.txt")
    print(f"digest {hashlib.sha256(' '.join(sorted(hosts)).encode()).hexdigest()}")


if __name__ == "__main__":
    main()
