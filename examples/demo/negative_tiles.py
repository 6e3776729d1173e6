"""Make the negative of a large picture, tile by tile, in a pool of processes.

    python negative_tiles.py [--megabytes N] [--tile KIBIBYTES] [--workers N]

The work for a tile is small, so what counts is how the tiles get to the workers and back.
"""

import argparse
import hashlib
from concurrent.futures import ProcessPoolExecutor

NEGATIVE = bytes(range(255, -1, -1))


def negative(tile):
    """The tile with every byte turned over."""
    return tile.translate(NEGATIVE)


def paint(size):
    """A picture of so many bytes, the same every time."""
    block = b"".join(hashlib.sha512(str(number).encode()).digest() for number in range(1 << 14))
    return (block * (size // len(block) + 1))[:size]


def main():
    """Paints, cuts, turns over, puts together, reports."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=256)
    parser.add_argument("--tile", type=int, default=1024)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    picture, step = paint(options.megabytes << 20), options.tile << 10
    tiles = [picture[start : start + step] for start in range(0, len(picture), step)]
    with ProcessPoolExecutor(options.workers) as pool:
        turned = list(pool.map(negative, tiles))
    print(f"{len(turned)} tiles, {sum(map(len, turned))} bytes")
    print(f"digest {hashlib.sha256(b''.join(turned)).hexdigest()}")


if __name__ == "__main__":
    main()
