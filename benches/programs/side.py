"""The first step of every program here: become the side that is asked for."""

import sys

ABSENT = 3


def absent(reason):
    """Ends the program with the code that means: ropewalk does not have this yet."""
    print(reason, file=sys.stderr)
    sys.stderr.flush()
    raise SystemExit(ABSENT)


def enter():
    """Installs ropewalk if the first argument says so; returns the other arguments."""
    side, *rest = sys.argv[1:]
    if side == "ropewalk":
        try:
            import ropewalk
        except ImportError as error:
            absent(f"ropewalk cannot be imported: {error}")
        ropewalk.install()
    return side, rest


def require(side, *kinds):
    """Ends the program unless every one of `kinds` is ropewalk's, where the side is ropewalk."""
    for kind in kinds:
        if not isinstance(kind, type):  # Lock and RLock are functions, in some versions
            kind = type(kind())
        if side == "ropewalk" and not getattr(kind, "__ropewalk__", False):
            absent(f"{kind.__module__}.{kind.__qualname__} is still the standard library's")
