#!/usr/bin/env python3
"""What happens when things go wrong: every pool through the same nine misfortunes, many times, in one table.

    python benches/failures [--quick] [--only POOL ...] [--times N] [--jobs N] [--markdown FILE] [--json FILE]

Each cell is played in a process of its own, and all that it starts is removed behind it. Nothing is averaged: a cell
says how often it ended in which way. The peers come with `pip install -r benches/requirements.txt`; one that is not
installed has an empty row.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(1, str(Path(__file__).resolve().parent.parent))

from board import markdown, words
from cell import play
from pools import POOLS
from scenes import SCENES


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="2 times a cell, and 4 s are a hang: a look")
    parser.add_argument("--only", nargs="+", default=[], metavar="POOL", help="pools with this in their name")
    parser.add_argument("--scene", nargs="+", choices=list(SCENES), default=list(SCENES), metavar="SCENE")
    parser.add_argument("--times", type=int, help="times a cell (default 20)")
    parser.add_argument("--jobs", type=int, default=4, help="cells at once (default 4): most of them wait")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table there too")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every single outcome there")
    parser.add_argument(
        "--strict", action="store_true", help="exit code 1 unless ropewalk passes every column"
    )
    return parser


def main() -> int:
    options = arguments().parse_args()
    times = options.times or (2 if options.quick else 20)
    patience = 4.0 if options.quick else 8.0
    chosen = [pool for pool in POOLS if not options.only or any(word in pool for word in options.only)]
    seen: dict[str, dict[str, Counter[str]]] = {pool: defaultdict(Counter) for pool in chosen}
    plays = [(scene, pool) for _ in range(times) for pool in chosen for scene in options.scene]

    def one(turn: tuple[str, str]) -> None:
        scene, pool = turn
        if seen[pool]["absent"]:
            return
        found = play(scene, pool, patience)
        if "failed" in found:
            print(f"{pool}, {scene}: {found['failed']}", file=sys.stderr)
        for column, word in found.items():
            key = f"{column} {scene.rpartition(', ')[2]}" if column == "idle" else column
            seen[pool][key][word] += 1

    with ThreadPoolExecutor(options.jobs) as threads:
        for done, _ in enumerate(threads.map(one, plays), 1):
            if sys.stderr.isatty():
                print(f"\r{done} of {len(plays)}", end="", file=sys.stderr, flush=True)
    text = markdown(seen, times, patience)
    print(text)
    if options.markdown:
        options.markdown.write_text(text, encoding="utf-8")
    if options.json:
        options.json.write_text(json.dumps(seen, indent=1), encoding="utf-8")
    bad = [
        pool for pool in chosen if pool.startswith("ropewalk") and not all(ok for _, ok in words(seen[pool]))
    ]
    return 1 if options.strict and bad else 0


if __name__ == "__main__":
    sys.exit(main())
