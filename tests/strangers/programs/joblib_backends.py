"""joblib's own backends of processes: loky, which has queues and locks of its own over the library's, and a Pool."""

import math

from joblib import Parallel, delayed, parallel_config


def root(number, load=b""):
    return math.sqrt(number) + len(load)


def fail(number):
    raise LookupError(number)


if __name__ == "__main__":
    for backend in ("loky", "multiprocessing", "threading"):
        with parallel_config(backend=backend, n_jobs=2):
            print(backend, Parallel()(delayed(root)(n * n) for n in range(10)))
            print(sum(Parallel(batch_size=1)(delayed(root)(n * n, b"x" * 100_000) for n in range(10))))
            try:
                Parallel()(delayed(fail)(n) for n in range(3))
            except LookupError as error:
                print(type(error).__name__)
