"""What `ropewalk_start.pth` calls at the start of an interpreter.

`ROPEWALK=1` in the environment means: this interpreter, and those it starts, install ropewalk before the program
begins. Any other value, or none, means stock. The runner sets it; setting it by hand does the same for any
command. `-E` and `-I` turn off `PYTHON*` variables only, so such children inherit too. `-S` keeps `site` from
running: such a child is stock, as is one of another Python or virtual environment without ropewalk.

`ROPEWALK_PROGRAM` holds the process id of the one program that the runner itself starts. It is removed here, so
no program sees it. That program must not run on the standard library in silence: if ropewalk cannot be
installed, it ends with one line and exit code 2. A child runs stock instead.
"""

from __future__ import annotations

import os

SWITCH = "ROPEWALK"
DIRECT = "ROPEWALK_PROGRAM"


def begin() -> None:
    """Install ropewalk in this interpreter, and the answer to SIGQUIT.

    A defect of ours is raised in a child: `site` prints it, and the child goes on.
    """
    direct = os.environ.pop(DIRECT, "") == str(os.getpid())
    try:
        refusal = install()
    except Exception as error:
        if not direct:
            raise
        refusal = f"ropewalk: {type(error).__name__}: {error}\n"
    if not refusal:
        from ropewalk.cli import quit_signal

        quit_signal.listen()
    elif direct:
        os.write(2, refusal.encode(errors="backslashreplace"))
        os._exit(2)


def install() -> str:
    """Install ropewalk; one line that says why it cannot be had here, empty if it is installed."""
    import warnings

    import ropewalk
    from ropewalk.errors import RopewalkError

    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            if ropewalk.install():
                return ""
        reason = "; ".join(str(warning.message) for warning in said)
    except (ImportError, RopewalkError) as error:
        reason = str(error)
    return f"ropewalk: {' '.join(reason.split())}\n"
