"""How soon a new pool has its first result: with the fork server, warmed on ropewalk's side, and with fork."""

from functools import partial

from rig.case import Reading, figure
from rig.children import answer


def first_result(kind, method, setting):
    stock, ours = (
        float(answer("first_result.py", side, kind, method, str(setting.scaled(30))))
        for side in setting.sides
    )
    return Reading("ms", stock, ours, ours, note="from the constructor on, median")


for kind in ("Pool", "ProcessPoolExecutor"):
    figure(f"first result of a warm {kind}", at_most=50)(partial(first_result, kind, "forkserver"))
    figure(f"first result of a forked {kind}", at_most=50)(partial(first_result, kind, "fork"))
