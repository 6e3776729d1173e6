"""Write web logs in combined format, gzip compressed: the same lines for the same seed, on every machine.

python make_logs.py FOLDER [--lines 2000000] [--files 10] [--seed 1]
"""

import argparse
import gzip
import random
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/605.1.15 (KHTML, like Gecko) Safari/605.1",
    "Mozilla/5.0 (compatible; examplebot/2.1; +http://bot.example/about)",
    "curl/8.5.0",
)
SECTIONS = ("articles", "images", "static", "api/v1/items", "search", "archive", "people", "feeds")
FIRST_SECOND = 1_700_000_000


def host(generator):
    """An address out of the private ranges."""
    return f"10.{generator.randrange(256)}.{generator.randrange(256)}.{generator.randrange(1, 255)}"


def requests(generator, count):
    """`count` ends of lines: request, status, size, referrer and agent."""
    ends = []
    for _ in range(count):
        path = f"/{generator.choice(SECTIONS)}/{generator.randrange(100_000)}"
        status = generator.choices((200, 304, 404, 301, 500), (80, 10, 6, 3, 1))[0]
        referrer = generator.choice(("-", "https://www.example.com/", "https://news.example.net/today"))
        agent = generator.choice(AGENTS)
        ends.append(
            f'"GET {path} HTTP/1.1" {status} {generator.randrange(200, 90_000)} "{referrer}" "{agent}"\n'
        )
    return ends


def write(path, seed, lines, start):
    """Writes one file; `start` is the number of its first line, which gives it its time."""
    generator = random.Random(seed)
    ends = requests(generator, 4000)
    robots = [f'"GET /robots.txt HTTP/1.1" 200 68 "-" "{agent}"\n' for agent in AGENTS[3:]]
    visitors = [host(generator) for _ in range(20_000)]
    crawlers = [host(generator) for _ in range(400)]
    with open(path, "wb") as raw, gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=1, mtime=0) as file:
        for first in range(start, start + lines, 10_000):
            count = min(10_000, start + lines - first)
            who, what = generator.choices(visitors, k=count), generator.choices(ends, k=count)
            for at in generator.sample(range(count), count // 200):
                who[at], what[at] = generator.choice(crawlers), generator.choice(robots)
            moment = time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(FIRST_SECOND + first // 20))
            block = [f"{name} - - [{moment}] {end}" for name, end in zip(who, what, strict=True)]
            file.write("".join(block).encode())


def make(folder, lines, files, seed):
    """Writes the logs into `folder`, unless they are there."""
    done = folder / "complete"
    wanted = f"{lines} lines, {files} files, seed {seed}\n"
    if done.exists() and done.read_text() == wanted:
        return
    folder.mkdir(parents=True, exist_ok=True)
    done.unlink(missing_ok=True)
    for old in folder.glob("access-*.log.gz"):
        old.unlink()
    each = lines // files
    with ThreadPoolExecutor(2) as pool:
        writing = [
            pool.submit(
                write, folder / f"access-{number:02}.log.gz", seed * 1000 + number, each, number * each
            )
            for number in range(files)
        ]
        for future in writing:
            future.result()
    done.write_text(wanted)


def main():
    """Writes logs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--lines", type=int, default=2_000_000)
    parser.add_argument("--files", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    make(options.folder, options.lines, options.files, options.seed)


if __name__ == "__main__":
    main()
