"""A parent that is killed leaves no process behind; one that leaves on purpose leaves what it did not mean to end.

Every process of a family, the helpers of multiprocessing too, has the program's standard output. So it is at its end
when all of them have ended.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

FAMILY = Path(__file__).resolve().parent / "programs" / "family.py"
METHODS = ("fork", "spawn", "forkserver")


class Family:
    """A parent, and what its children have said."""

    def __init__(self, method, kind, daemon, *, installed=True, **environment):
        command = [sys.executable, str(FAMILY), method, kind, daemon]
        environment = {**os.environ, "ROPEWALK": str(int(installed)), **environment}
        self.early = []
        self.parent = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
        )

    def wait_for(self, word, times):
        """Until the children have said a word so often."""
        heard = ""
        while heard.split().count(word) < times or not heard.endswith(" "):
            byte = os.read(self.parent.stdout.fileno(), 1)
            assert byte, f"they have ended, having said {heard!r}"
            heard += byte.decode()
        self.early = [other for other in heard.split() if other != word]  # a slow child may be overtaken

    def last_words(self):
        """What they said until the last of them ended."""
        words = self.early + self.parent.stdout.read().decode().split()
        self.parent.stdin.close()
        self.parent.stdout.close()
        self.parent.wait()
        return words

    def tell(self, how):
        self.parent.stdin.write(f"{how}\n".encode())
        self.parent.stdin.flush()


@pytest.mark.parametrize("daemon", ["daemon", "plain"])
@pytest.mark.parametrize("kind", ["idle", "worker"])
@pytest.mark.parametrize("method", METHODS)
def test_a_killed_parent_leaves_no_process(method, kind, daemon):
    family = Family(method, kind, daemon)
    family.wait_for("stays", 2)
    family.parent.kill()
    assert family.last_words() == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGSEGV, signal.SIGHUP])
def test_a_parent_that_any_signal_has_ended_leaves_no_process(number):
    family = Family("fork", "idle", "plain")
    family.wait_for("stays", 2)
    family.parent.send_signal(number)
    assert family.last_words() == []


@pytest.mark.parametrize("method", METHODS)
def test_grandchildren_end_too(method):
    family = Family(method, "parent", "plain")
    family.wait_for("stays", 4)
    family.parent.kill()
    assert set(family.last_words()) <= {"noticed"}


@pytest.mark.parametrize("method", METHODS)
def test_a_daemon_that_takes_no_signals_ends_too(method):
    family = Family(method, "deaf", "daemon")
    family.wait_for("stays", 2)
    family.parent.kill()
    assert family.last_words() == []


@pytest.mark.parametrize("method", METHODS)
def test_a_child_that_is_no_daemon_sees_the_end_of_its_parent_before_its_own(method):
    family = Family(method, "tidy", "plain")
    family.wait_for("stays", 2)
    family.parent.kill()
    assert family.last_words() == ["noticed", "noticed"]


@pytest.mark.parametrize("how", ["exit", "exec"])
@pytest.mark.parametrize("method", METHODS)
def test_a_parent_that_leaves_on_purpose_leaves_its_children_alone(method, how):
    family = Family(method, "survivor", "plain")
    family.wait_for("stays", 2)
    family.tell(how)
    assert family.last_words() == ["survived", "survived"]


@pytest.mark.parametrize("method", METHODS)
def test_workers_end_also_with_a_parent_that_leaves_on_purpose(method):
    family = Family(method, "worker", "plain")
    family.wait_for("stays", 2)
    family.tell("exit")
    assert family.last_words() == []


@pytest.mark.parametrize("method", METHODS)
def test_children_that_are_no_daemons_can_be_kept(method):
    family = Family(method, "survivor", "plain", ROPEWALK_ORPHANS="keep")
    family.wait_for("stays", 2)
    family.parent.kill()
    assert family.last_words() == ["survived", "survived"]


@pytest.mark.parametrize("method", METHODS)
def test_workers_of_the_standard_librarys_processes_end_with_their_parent(method):
    family = Family(method, "worker", "plain", installed=False)
    family.wait_for("stays", 2)
    family.parent.kill()
    assert family.last_words() == []


def test_the_first_process_has_no_parent_to_watch():
    from ropewalk.multiprocessing.process import watch_parent

    assert watch_parent() is False
