"""A task of an executor needs more memory than there is: what is told of it, and that the others go on."""

import json
import sys
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor


def grow(size):
    return len(bytearray(b"x") * size)


def main(group, size):
    with open(f"{group}/cgroup.procs", "w") as processes:
        processes.write("0")
    with ProcessPoolExecutor(1) as executor:
        assert executor.submit(abs, -1).result() == 1
        try:
            executor.submit(grow, int(size)).result()
        except BrokenExecutor as error:
            told = {"text": str(error), "out of memory": error.out_of_memory, "limit": error.memory_limit}
        told["after"] = executor.submit(abs, -2).result()
    print(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
