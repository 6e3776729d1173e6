"""Children that sleep, a parent that waits for them, and Ctrl-C for all."""

import multiprocessing
import os
import sys
import time


def work(kind):
    if kind == "tidy":
        try:
            os.write(1, b"begun ")
            time.sleep(10_000)
        except KeyboardInterrupt:
            os.write(1, b"tidied ")
            raise
    os.write(1, b"begun ")
    time.sleep(10_000)


def main(method, kind, daemon):
    multiprocessing.set_start_method(method)
    children = [
        multiprocessing.Process(target=work, args=(kind,), daemon=daemon == "daemon") for _ in range(3)
    ]
    for child in children:
        child.start()
    os.write(1, b"begun ")  # a start that is interrupted says more, as on the original
    for child in children:
        child.join()


if __name__ == "__main__":
    main(*sys.argv[1:])
