"""The prompt on a terminal, and on a pipe."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import time

import pytest

from tests.cli.place import INSIDE, PROBE, RUNNER, WATCHDOG, Place, environment


class Terminal:
    """A process on a terminal of its own."""

    def __init__(self, command: list[str], place: Place) -> None:
        self.ours, theirs = pty.openpty()
        variables = environment(TERM="dumb", PYTHON_BASIC_REPL="1")
        self.process = subprocess.Popen(
            command,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=place.folder,
            env=variables,
            start_new_session=True,
        )
        os.close(theirs)
        self.shown = ""

    def expect(self, text: str) -> None:
        """Read until `text` was shown; what comes up to its end is dropped."""
        end = time.monotonic() + WATCHDOG
        while text not in self.shown:
            assert select.select([self.ours], [], [], max(0, end - time.monotonic()))[0], self.shown
            self.shown += os.read(self.ours, 4096).decode()
        self.shown = self.shown[self.shown.index(text) + len(text) :]

    def type(self, line: str) -> None:
        os.write(self.ours, line.encode() + b"\n")

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.ours)


@pytest.mark.parametrize("runner", [RUNNER, INSIDE], ids=["become", "inside"])
def test_without_a_program_there_is_a_prompt_with_ropewalk(place: Place, runner: list[str]) -> None:
    with Terminal(runner, place) as terminal:
        terminal.expect(">>> ")
        terminal.type(PROBE)
        terminal.expect("\nropewalk")
        terminal.expect(">>> ")
        terminal.type("import sys; print(sys.argv, __name__)")
        terminal.expect("\n[''] __main__")
        terminal.expect(">>> ")
        terminal.type("raise SystemExit(7)")
        assert terminal.process.wait(WATCHDOG) == 7


def test_a_pipe_in_interactive_mode_shows_what_python_shows(place: Place) -> None:
    shown = place.run([*RUNNER, "-iq"], "x = 20\nx + 1\nundefined\n")
    assert shown.output == "21\n"
    assert "NameError: name 'undefined' is not defined" in shown.errors
    assert "ropewalk" not in shown.errors
    assert shown.code == 0
