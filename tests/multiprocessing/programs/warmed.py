"""A program that warms the fork server; its child tells which modules it began with."""

import colorsys  # what only the program imports
import multiprocessing
import sys

from ropewalk.multiprocessing import zygote


class Late:
    """Unpickled in the child before the program's code begins."""

    def __reduce__(self):
        return look, ()


def look():
    return sorted({"colorsys", "wave", "ropewalk.multiprocessing.reseed"} & set(sys.modules))


def work(seen, end):
    end.send(seen)


def main(names):
    multiprocessing.set_start_method("forkserver")
    assert zygote.warm(names or None) is True
    assert zygote.warm() is False
    ours, theirs = multiprocessing.Pipe()
    child = multiprocessing.Process(target=work, args=(Late(), theirs))
    child.start()
    print(*ours.recv())
    child.join()


if __name__ == "__main__":
    assert colorsys
    main(sys.argv[1:])
