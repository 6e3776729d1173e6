"""Index the interpreter's own standard library: which word stands on which lines, what is defined where and
used how often, and a fingerprint and a compressed size for every file.

    python index_library.py [--root FOLDER] [--readers N] [--tokenisers N]

Three stages joined by bounded queues: readers take paths and hand on lines, tokenisers take lines and hand on
words, one indexer takes words and keeps the index. Files are fingerprinted and compressed by a thread pool
meanwhile, and a semaphore keeps the number of texts in memory small.
"""

import argparse
import hashlib
import re
import sysconfig
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue
from threading import BoundedSemaphore, Event, Lock, Thread

WORD = re.compile(r"[A-Za-z_][A-Za-z_0-9]{2,}")
DEFINITION = re.compile(r"\s*(?:async\s+def|def|class)\s+([A-Za-z_]\w*)")
END = None


class Index:
    """Words with their places, and definitions with theirs; filled by one thread."""

    def __init__(self):
        self.places = {}
        self.definitions = {}
        self.lines = 0

    def add(self, file, number, words, defined):
        """Takes in one line."""
        self.lines += 1
        for word in words:
            place = self.places.get(word)
            if place is None:
                self.places[word] = [(file, number)]
            else:
                place.append((file, number))
        if defined:
            self.definitions.setdefault(defined, []).append((file, number))


def fingerprint(data):
    """The hash of a file, and its size when compressed."""
    return hashlib.sha256(data).hexdigest(), len(zlib.compress(data, 6))


def read(paths, lines, pool, texts, prints, prints_lock):
    """Takes paths, hands on lines, and leaves the fingerprints to the pool."""
    while (item := paths.get()) is not END:
        file, path = item
        with texts:
            data = path.read_bytes()
            future = pool.submit(fingerprint, data)
            with prints_lock:
                prints[file] = future
            for number, line in enumerate(data.decode("utf-8", "replace").split("\n"), 1):
                if line:
                    lines.put((file, number, line))
    paths.put(END)


def tokenise(lines, words):
    """Takes lines, hands on the words in them."""
    while (item := lines.get()) is not END:
        file, number, line = item
        definition = DEFINITION.match(line)
        words.put((file, number, set(WORD.findall(line)), definition and definition.group(1)))
    lines.put(END)


def collect(words, index, ready):
    """Takes words, keeps the index."""
    while (item := words.get()) is not END:
        index.add(*item)
    ready.set()


def build(sources, readers, tokenisers):
    """Runs all stages over `sources`; returns the index and the fingerprints."""
    paths, lines, words = Queue(64), Queue(1000), Queue(1000)
    texts, prints, prints_lock = BoundedSemaphore(readers), {}, Lock()
    index, ready = Index(), Event()
    with ThreadPoolExecutor(2, thread_name_prefix="fingerprint") as pool:
        reading = [
            Thread(target=read, args=(paths, lines, pool, texts, prints, prints_lock)) for _ in range(readers)
        ]
        tokenising = [Thread(target=tokenise, args=(lines, words)) for _ in range(tokenisers)]
        collecting = Thread(target=collect, args=(words, index, ready))
        for thread in (*reading, *tokenising, collecting):
            thread.start()
        for item in enumerate(sources):
            paths.put(item)
        for stage, queue in ((reading, paths), (tokenising, lines), ([collecting], words)):
            queue.put(END)
            for thread in stage:
                thread.join()
        ready.wait()
        return index, {file: future.result() for file, future in prints.items()}


def report(root, sources, index, prints):
    """What the index says, in an order that does not depend on the threads."""
    uses = {name: len(index.places.get(name, ())) for name in index.definitions}
    cited = sorted(uses, key=lambda name: (-uses[name], name))[:5]
    digest = hashlib.sha256()
    for word in sorted(index.places):
        digest.update(f"{word}{sorted(index.places[word])}".encode())
    for file, path in enumerate(sources):
        digest.update(f"{path.relative_to(root)}{prints[file]}".encode())
    packed = sum(size for _, size in prints.values())
    print(f"{len(sources)} files, {index.lines} lines, {len(index.places)} words, {packed} bytes compressed")
    print(
        f"{len(index.definitions)} names defined; used most: {', '.join(f'{n} ({uses[n]})' for n in cited)}"
    )
    print(f"digest {digest.hexdigest()}")


def main():
    """Indexes and reports."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, default=Path(sysconfig.get_path("stdlib")))
    parser.add_argument("--readers", type=int, default=2)
    parser.add_argument("--tokenisers", type=int, default=2)
    options = parser.parse_args()
    sources = sorted(path for path in options.root.rglob("*.py") if "site-packages" not in path.parts)
    report(options.root, sources, *build(sources, options.readers, options.tokenisers))


if __name__ == "__main__":
    main()
