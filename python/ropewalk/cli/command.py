"""The command line of the runner: subcommands, usage, exit codes."""

from __future__ import annotations

import sys

from ropewalk.cli import options
from ropewalk.cli.options import CommandLine, UsageError

USAGE = """\
usage: ropewalk [run] [option] ... [-c code | -m module | file | -] [argument] ...
       ropewalk env [--json]
       ropewalk ps [--json] [pid]
       ropewalk doctor [--json] [pid]
"""

HELP = f"""{USAGE}
Runs a Python program, unchanged, with ropewalk's locks, queues and thread pools in the place of the standard
library's. `python -m ropewalk` is the same command.

what to run, as under python:
  file           a script, a folder or a zip file with a __main__.py
  -m module      a module or a package
  -c code        the code itself
  -              the program on standard input
  nothing        the prompt, or the program on standard input if that is not a terminal

options, as under python; single letters may be joined, values attached:
  -u -O -OO -W filter -X name[=value] -b -B -d -i -q -v -x -P --check-hash-based-pycs mode
  -E, -I, -s and -S decide from where ropewalk itself is loaded: give them to python (python -I -m ropewalk ...).

subcommands (they win over a file of the same name; `ropewalk run env` runs the file env):
  run            runs a program; the word can be left out
  env            prints versions and effective settings; --json for programs
  ps             prints the running programs of this user, or the one at this pid: processes, queues; --json
  doctor         prints who waits for whom in them, over all processes; --json; exits with 3 if that is a deadlock

  -h, --help     prints this and ends
  -V, --version  prints the version and ends

Child interpreters inherit ropewalk: the program's environment holds ROPEWALK=1, and a start-up file in
site-packages heeds it. A program that removes the variable from a child's environment gets a stock child.
Ctrl-\\ or `kill -QUIT` prints what every thread does and waits for.
"""

PASSED_ON = {"-" + letter for letter in "bBdiOqRuvxPWX"} | {options.LONG_VALUED}
PYTHONS_OWN = {"-E", "-I", "-s", "-S"}


def main(argv: list[str] | None = None) -> int:
    """Do what `argv` says, by default the arguments of the process; see `ropewalk.__main__.main`."""
    words = sys.argv[1:] if argv is None else argv
    try:
        line = options.parse(words)
        if "-h" in line.names or "-?" in line.names or "--help" in line.names:
            sys.stdout.write(HELP)
            return 0
        if "-V" in line.names or "--version" in line.names:
            from ropewalk import __version__

            print(f"ropewalk {__version__}")
            return 0
        if line.kind == "file" and line.target == "env":
            return _env(line)
        if line.kind == "file" and line.target in ("ps", "doctor"):
            return _look(line)
        if line.kind == "file" and line.target == "run":
            before = line
            line = options.parse(before.arguments)
            line.options[:0], line.names[:0] = before.options, before.names
        _refuse_what_cannot_be_passed_on(line)
        return _run(line, of_the_process=argv is None)
    except UsageError as error:
        sys.stderr.write(f"{error}\n{USAGE}Try `ropewalk --help' for more information.\n")
        return 2


def _run(line: CommandLine, of_the_process: bool) -> int:
    from ropewalk.cli import become

    started_with = become.own_command_line() if of_the_process else None
    if started_with is not None and become.start_file() is not None:
        return become.program(started_with, line)
    from ropewalk.cli import inside

    return inside.run(line)


def _refuse_what_cannot_be_passed_on(line: CommandLine) -> None:
    for name in line.names:
        if name in PYTHONS_OWN:
            raise UsageError(
                f"The {name} option decides from where ropewalk is loaded: use python {name} -m ropewalk"
            )
        if name not in PASSED_ON or (name == "-P" and sys.version_info < (3, 11)):
            raise UsageError(f"Unknown option: {name}")


def _env(line: CommandLine) -> int:
    if line.options:
        raise UsageError("env takes none of python's options")
    unknown = [word for word in line.arguments if word != "--json"]
    if unknown:
        raise UsageError(f"Unknown argument of env: {unknown[0]}")
    from ropewalk.cli import env

    sys.stdout.write(env.as_json() if line.arguments else env.as_text())
    return 0


def _look(line: CommandLine) -> int:
    name = line.target
    if line.options:
        raise UsageError(f"{name} takes none of python's options")
    words = [word for word in line.arguments if word != "--json"]
    wrong = [word for word in words if not (word.isascii() and word.isdigit() and 0 < int(word) < 1 << 31)]
    if wrong or len(words) > 1:
        raise UsageError(f"{name} takes one process id, a number: {' '.join(words)} is not")
    from ropewalk.cli import doctor, ps

    show = ps.show if name == "ps" else doctor.show
    return show(int(words[0]) if words else None, as_json="--json" in line.arguments)
