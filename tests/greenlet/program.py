"""Programs of their own: what a test does to an interpreter that it must not do to pytest's."""

import subprocess
import sys
import textwrap


def python(program, *options, status=0):
    """Runs a program in a fresh interpreter, and returns the lines that it printed."""
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", *options, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == status, done.stderr
    return done.stdout.split("\n")[:-1]
