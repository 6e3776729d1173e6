"""Takes two locks, one inside the other, as often as each line says; writes the nanoseconds of
processor time that took.

With ROPEWALK_LOCK_ORDER=1 it first makes sure that an inversion is noticed, so that nothing idle is timed.
"""

import os
import sys
import tempfile
import threading
import time
from itertools import repeat

import side

which, (kind,) = side.enter()

make = getattr(threading, kind)
side.require(which, make)


def inversion_is_noticed():
    """Takes two locks in both orders; tells whether that was reported or refused."""
    one, two = make(), make()
    with tempfile.TemporaryFile() as report:
        stderr = os.dup(2)
        os.dup2(report.fileno(), 2)
        try:
            with one, two:
                pass
            with two, one:
                pass
            sys.stderr.flush()
        except Exception:
            return True
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
        return report.seek(0, os.SEEK_END) > 0


if os.environ.get("ROPEWALK_LOCK_ORDER") == "1" and not inversion_is_noticed():
    side.absent("ROPEWALK_LOCK_ORDER=1 notices no inversion")

outer, inner = make(), make()
for line in sys.stdin:
    n = int(line)
    start = time.thread_time_ns()
    for _ in repeat(None, n):
        with outer, inner:
            pass
    print(time.thread_time_ns() - start, flush=True)
