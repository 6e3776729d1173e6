"""A /dev/shm of the test run's own, so that what is left there is what the run has left.

The standard library's semaphores have random names, and stay when their processes are killed. So a file in the common
/dev/shm may be anybody's: other programs of the same machine, another test run or a benchmark, leave theirs too.
"""

from __future__ import annotations

import ctypes
import os

_NEW_MOUNTS = 0x20000
_RECURSIVE, _PRIVATE = 0x4000, 0x40000
_SHM = b"/dev/shm"


def take() -> bool:
    """Gives this process and those that it will start an empty /dev/shm, if it may. It has no other threads yet."""
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "unshare") or not os.path.isdir(_SHM) or libc.unshare(_NEW_MOUNTS):
        return False
    # First: nothing that is mounted from now on is seen by others.
    if libc.mount(None, b"/", None, ctypes.c_ulong(_RECURSIVE | _PRIVATE), None):
        return False
    return not libc.mount(b"tmpfs", _SHM, b"tmpfs", ctypes.c_ulong(0), b"mode=1777")
