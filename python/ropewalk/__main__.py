"""`python -m ropewalk program.py`: any Python program on ropewalk's engine, unchanged."""

from __future__ import annotations

import sys


def main(argv: list[str] | None = None) -> int:
    """Run the command line `argv`, the process's own by default; the console script calls this.

    Returns the exit code of `env`, `--help`, `--version` and usage errors. When a program is started by the
    process's own command line, this does not return: the process becomes that program.
    """
    from ropewalk.cli import command

    return command.main(argv)


if __name__ == "__main__":
    sys.exit(main())
