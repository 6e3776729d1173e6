"""Add up the prime factors of many small numbers, one task of a pool of processes for each.

    python prime_sums.py [--numbers N] [--workers N]

The tasks are many and short: what counts is how they are handed out.
"""

import argparse
import hashlib
from multiprocessing import Pool


def factors(number):
    """The sum of the prime factors of a number."""
    total, divisor = 0, 2
    while divisor * divisor <= number:
        while number % divisor == 0:
            total += divisor
            number //= divisor
        divisor += 1
    return total + (number if number > 1 else 0)


def main():
    """Hands out, collects, reports."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--numbers", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    with Pool(options.workers) as pool:
        sums = list(pool.imap(factors, range(2, options.numbers + 2)))
    print(f"{len(sums)} numbers, {sum(sums)} in all")
    print(f"digest {hashlib.sha256(str(sums).encode()).hexdigest()}")


if __name__ == "__main__":
    main()
