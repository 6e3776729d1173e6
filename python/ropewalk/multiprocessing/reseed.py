"""Imported in a warm fork server, and there alone: each of its processes has random numbers of its own.

What was seeded when the server imported it would give every process the same numbers. The interpreter's ``random``
seeds itself anew after a fork; NumPy's global generator does not.
"""

from __future__ import annotations

import os
import sys


def _in_child() -> None:
    seed = getattr(sys.modules.get("numpy.random"), "seed", None)
    if seed is not None:
        seed()


os.register_at_fork(after_in_child=_in_child)
