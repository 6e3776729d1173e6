"""Greenlets beside the package greenlet, and gevent and SQLAlchemy on both: programs of their own, in turns."""

import sys
from functools import partial

from rig.case import Reading, figure
from rig.children import answer

#: What of `programs/greenlets.py`, its name, and its bar.
CASES = (
    ("switch", "greenlet: switch there and back", 4),
    ("deep", "greenlet: the same, 100 calls deep", 12 if sys.version_info >= (3, 12) else 4),
    ("create", "greenlet: create, run, end", 20),
    ("live", "greenlet: 1,000 alive, each suspended once", 10),
    ("gevent_spawn", "gevent: spawn and joinall", 2.5),
    ("gevent_sleep", "gevent: sleep(0)", 1.6),
    ("gevent_queue", "gevent: Queue there and back", 1.2),
    ("sqlalchemy", "SQLAlchemy: greenlet_spawn", 6),
)


#: What of `programs/served.py`. Where connections stay, a fiftieth of the time goes into switches: nothing to win.
SERVED = (
    ("kept", "gevent.pywsgi: a request, connections stay", 0.95),
    ("fresh", "gevent.pywsgi: a connection and its request", 1.1),
)


def best(what, turns, setting, program="greenlets.py"):
    found = {side: float("inf") for side in setting.sides}
    for turn in range(max(2, setting.scaled(turns))):
        for side in setting.sides[:: 1 if turn % 2 else -1]:
            found[side] = min(found[side], float(answer(program, side, what)))
    return (found[side] for side in setting.sides)


def timed(what, setting):
    stock, ours = best(what, 10, setting)
    return Reading("us", stock, ours, stock / ours, note="processor time, the least of several programs")


def weighed(what, stacks, setting):
    stock, ours = best(what, 2, setting)
    return Reading("B", stock, ours, stock / ours, note=f"resident memory and page tables, {stacks} stacks")


def served(what, setting):
    stock, ours = best(what, 6, setting, "served.py")
    return Reading(
        "us", stock, ours, stock / ours, note="the server's processor time, 20,000 requests a time"
    )


for what, name, bar in SERVED:
    figure(name, at_least=bar)(partial(served, what))
for what, name, bar in CASES:
    figure(name, at_least=bar)(partial(timed, what))
figure("greenlet: memory of each of 100,000 suspended", at_least=1 / 1.5)(partial(weighed, "memory", "8 MiB"))
figure("greenlet: the same, on small stacks", at_least=1 / 0.95)(partial(weighed, "memory small", "256 KiB"))
