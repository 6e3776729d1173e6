"""The usual way to run a program: this process becomes `python program.py`, ropewalk installed at its start.

Nothing of the runner stands below the program then. Tracebacks, frames, `__main__`, the prompt, exit codes and
the order of things at exit are the interpreter's own, because the interpreter itself runs the program. The price
is one more interpreter start, some ten milliseconds; process id, descriptors and environment stay.

The new start of the interpreter meets `ROPEWALK=1` in its environment and installs ropewalk from
`ropewalk_start.pth`, as every child interpreter will.
"""

from __future__ import annotations

import os
import sys

from ropewalk.cli import options
from ropewalk.cli.options import CommandLine
from ropewalk.cli.start import DIRECT, SWITCH

START_FILE = "ropewalk_start.pth"


def own_command_line() -> CommandLine | None:
    """The command line of this interpreter, if the runner is all that it was started for; else None.

    It is not under a profiler, a coverage tool or a debugger (`python -m cProfile -m ropewalk ...`): they would
    be lost with the process's old image.
    """
    line = options.of_this_interpreter()
    if line is None or line.arguments != sys.argv[1:] or not sys.executable:
        return None
    ours = {"-m": ("ropewalk", "ropewalk.__main__"), "file": (sys.argv[0],)}
    return line if line.target in ours.get(line.kind, ()) else None


def start_file() -> str | None:
    """The start-up file that this interpreter's `site` reads; None if there is none, or `-S` turned it off."""
    if sys.flags.no_site:
        return None
    import site

    folders = site.getsitepackages()
    if site.ENABLE_USER_SITE:
        folders.append(site.getusersitepackages())
    for folder in folders:
        path = os.path.join(folder, START_FILE)
        if os.path.isfile(path):
            return path
    return None


def program(started_with: CommandLine, line: CommandLine) -> int:
    """Become the program of `line`, under the options of `started_with` and its own. Returns only a failure, 2."""
    # The name by which python was called finds the same python again, and is what its messages begin with.
    words = [sys.orig_argv[0], *started_with.options, *line.words()]
    environment = {**os.environ, SWITCH: "1", DIRECT: str(os.getpid())}
    try:
        os.execve(sys.executable, words, environment)
    except OSError as error:
        sys.stderr.write(f"ropewalk: cannot start {sys.executable}: {error}\n")
        return 2
