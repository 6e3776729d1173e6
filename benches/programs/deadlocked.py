"""Closes a certain deadlock of two RLocks; ends well if ropewalk raises, as absent if it hangs."""

import os
import threading

import side

which, _ = side.enter()
side.require(which, threading.RLock)

LIMIT = 5.0
one, two = threading.RLock(), threading.RLock()
both_hold_one = threading.Barrier(2)
raised = threading.Event()


def take(first, second):
    """Takes two locks with a meeting in between."""
    try:
        with first:
            both_hold_one.wait()
            with second:
                pass
    except Exception:
        raised.set()


for pair in ((one, two), (two, one)):
    threading.Thread(target=take, args=pair, daemon=True).start()
if not raised.wait(LIMIT):
    os.write(2, b"a certain deadlock raised nothing\n")
    os._exit(side.ABSENT)
