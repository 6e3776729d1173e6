"""The thread that notices workers which end, and what waits for them beside it."""

from __future__ import annotations

import multiprocessing
import multiprocessing.process
import os
import signal
import threading
import time

import pytest
from ropewalk.errors import WorkerDied
from ropewalk.processes import kinds
from ropewalk.processes.watcher import Watcher, reap

from tests.processes import tasks
from tests.processes.test_deaths import LONG, crew, side  # noqa: F401  # fixtures


def ended(by=signal.SIGKILL):
    """A child that has ended, for which nobody has waited."""
    process = multiprocessing.get_context("fork").Process(target=time.sleep, args=(LONG,))
    process.start()
    os.kill(process.pid, by)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    return process


def test_an_exit_code_that_another_thread_was_told_is_waited_for_until_it_is_written_down():
    process = ended()
    popen = process._popen
    looks = threading.Semaphore(0)
    poll = popen.poll

    def counted(*arguments):
        looks.release()
        return poll(*arguments)

    popen.poll = counted
    os.waitpid(process.pid, 0)  # as another thread that is not yet back in the interpreter
    found = []
    reaper = threading.Thread(target=lambda: found.append(reap(process)))
    reaper.start()
    for _ in range(300):
        assert looks.acquire(timeout=LONG)
    popen.returncode = -signal.SIGKILL
    reaper.join(LONG)
    assert found == [-signal.SIGKILL]
    assert process not in multiprocessing.process._children
    del popen.poll


def test_an_exit_code_that_nobody_was_told_is_none():
    process = ended()
    os.waitpid(process.pid, 0)
    assert reap(process) is None
    assert process not in multiprocessing.process._children


def test_a_dead_worker_is_noticed_though_a_child_of_its_own_has_its_sentinel(crew, tmp_path):  # noqa: F811
    note = tmp_path / "note"
    with pytest.raises(WorkerDied) as caught:
        crew.get(crew.submit(tasks.leave_a_child_and_die, str(note)))
    assert caught.value.exitcode == -signal.SIGKILL
    os.kill(int(note.read_text()), signal.SIGKILL)
    assert crew.get(crew.submit(tasks.double, 2)) == 4


def test_news_that_find_the_queue_full_are_brought_later():
    told = threading.Event()

    class Engine:
        refusals = 3

        def notify(self, kind, body):
            if self.refusals:
                self.refusals -= 1
                raise BlockingIOError
            assert (kind, int.from_bytes(body, "little")) == (kinds.GONE, process.pid)
            told.set()

    process = ended()
    watcher = Watcher(Engine(), daemon=True)
    watcher.start()
    watcher.watch(process)
    assert told.wait(LONG)
    watcher.stop()
    watcher.join(LONG)
    assert reap(process) == -signal.SIGKILL
