"""A command line in python's own grammar, as data.

The same grammar is read twice: in `sys.orig_argv`, to learn which options this interpreter was started with, and
in the runner's own arguments. Clusters (`-OO`, `-uW`), attached values (`-Wignore`, `-Xdev`) and `--` are as under
`python`.
"""

from __future__ import annotations

import sys

# Options without a value, those with one, and those that end the options, of the Pythons that we support.
PLAIN = "bBdEhiIOPqRsStuvVx?"
VALUED = "WX"
ENDING = "cm"
LONG_VALUED = "--check-hash-based-pycs"


class UsageError(Exception):
    """The command line makes no sense; the text says why."""


class CommandLine:
    """One command line, taken apart.

    `options`: the interpreter's options, word for word.
    `names`: which options these are: `"-O"`, `"-X"`, `"--help"`...
    `kind`: `"-c"`, `"-m"`, `"file"` (also a folder, a zip or `-`), or `"prompt"` when nothing is to be run.
    `target`: the code, the module or the path; empty for the prompt.
    `arguments`: what the program finds in `sys.argv[1:]`.
    """

    __slots__ = ("arguments", "kind", "names", "options", "target")

    def __init__(self) -> None:
        self.options: list[str] = []
        self.names: list[str] = []
        self.kind = "prompt"
        self.target = ""
        self.arguments: list[str] = []

    def words(self) -> list[str]:
        """The arguments that make `python` do this."""
        words = list(self.options)
        if self.kind == "file":
            if self.target.startswith("-") and self.target != "-":
                words.append("--")
            words.append(self.target)
        elif self.kind != "prompt":
            words += [self.kind, self.target]
        return words + self.arguments


def parse(words: list[str]) -> CommandLine:
    """Take `words` apart (a command line without the program's own name).

    Raises UsageError for a letter that python does not have, and for an option whose value is missing.
    """
    line = CommandLine()
    left = list(words)
    while left:
        word = left[0]
        if word == "-" or not word.startswith("-"):
            break
        del left[0]
        if word == "--":
            break
        if word.startswith("--"):
            line.names.append(word)
            line.options.append(word)
            if word == LONG_VALUED:
                line.options.append(_value_of(word, left))
        elif _read_cluster(line, word, left):
            line.arguments = left
            return line
    if left:
        line.kind, line.target, line.arguments = "file", left[0], left[1:]
    return line


def of_this_interpreter() -> CommandLine | None:
    """The command line that this interpreter was started with; None where it cannot be known."""
    try:
        return parse(sys.orig_argv[1:])
    except UsageError:
        return None


def _read_cluster(line: CommandLine, word: str, left: list[str]) -> bool:
    """Read one word such as `-uOWignore`; whether it ended the options, as `-c` and `-m` do."""
    for place, letter in enumerate(word[1:], 1):
        name, attached = "-" + letter, word[place + 1 :]
        if letter in ENDING:
            if place > 1:
                line.options.append(word[:place])
            line.kind, line.target = name, attached or _value_of(name, left)
            return True
        line.names.append(name)
        if letter in VALUED:
            line.options.append(word)
            if not attached:
                line.options.append(_value_of(name, left))
            return False
        if letter not in PLAIN:
            raise UsageError(f"Unknown option: {name}")
    line.options.append(word)
    return False


def _value_of(name: str, left: list[str]) -> str:
    if not left:
        raise UsageError(f"Argument expected for the {name} option")
    return left.pop(0)
