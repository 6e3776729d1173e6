"""The thread that notices workers which end, and what waits for them beside it."""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.process
import os
import signal
import threading
import time

import pytest
from ropewalk.errors import WorkerDied
from ropewalk.processes import kinds, watcher
from ropewalk.processes.watcher import Watcher, reap

from tests.processes import tasks
from tests.processes.sides import LONG


def ended(by=signal.SIGKILL):
    """A child that has ended, for which nobody has waited."""
    process = multiprocessing.get_context("fork").Process(target=time.sleep, args=(LONG,))
    process.start()
    os.kill(process.pid, by)
    with contextlib.suppress(ChildProcessError):  # it has ended, and nobody is told how
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    return process


def watched(process, engine):
    thread = Watcher(engine, daemon=True)
    thread.start()
    thread.watch(process)
    return thread


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
    for _ in range(30):
        assert looks.acquire(timeout=LONG)
    popen.returncode = -signal.SIGKILL
    reaper.join(LONG)
    assert found == [-signal.SIGKILL]
    assert process not in multiprocessing.process._children
    del popen.poll


@pytest.mark.parametrize("who", ["the program ignores SIGCHLD", "a handler waits for all"])
def test_an_exit_code_that_nobody_is_told_is_none_and_costs_patience_once(who, monkeypatch):
    def wait_for_all(*_):
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG) != (0, 0):
                pass

    monkeypatch.setattr(watcher, "_telling", 0.05)
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN if "ignores" in who else wait_for_all)
    try:
        processes = [ended() for _ in range(3)]
        assert [reap(process) for process in processes] == [None] * 3
    finally:
        signal.signal(signal.SIGCHLD, before)
    assert watcher._telling == (0.05 if "ignores" in who else watcher._NOT_TELLING)
    assert not multiprocessing.process._children & set(processes)


def test_a_process_that_does_not_end_stays_among_the_children(monkeypatch):
    monkeypatch.setattr(watcher, "_ENDING", 0.05)
    process = multiprocessing.get_context("fork").Process(target=time.sleep, args=(LONG,))
    process.start()
    assert reap(process) is None
    assert process in multiprocessing.process._children
    process.kill()
    process.join()


def test_a_dead_worker_is_noticed_though_a_child_of_its_own_has_its_sentinel(crew, tmp_path):
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
    thread = watched(process, Engine())
    assert told.wait(LONG)
    thread.stop()
    thread.join(LONG)
    assert reap(process) == -signal.SIGKILL


def test_news_that_nobody_takes_do_not_keep_the_watcher():
    refused = threading.Event()

    class Engine:
        def notify(self, kind, body):
            refused.set()
            raise BlockingIOError

    process = ended()
    thread = watched(process, Engine())
    assert refused.wait(LONG)
    thread.stop()
    thread.join(LONG)
    assert not thread.is_alive()
    assert reap(process) == -signal.SIGKILL


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_worker_that_closes_its_sentinel_and_lives_does_not_hide_the_death_of_another(
    side, method, tmp_path
):
    crew = side(2, method)
    notes = [tmp_path / "living", tmp_path / "dying"]
    living = crew.submit(tasks.close_everything_and_wait_for, str(notes[0]), str(tmp_path / "go"))
    dying = crew.submit(tasks.tell_and_wait, str(notes[1]))
    for note in notes:
        while not note.exists():
            time.sleep(0.001)
    os.kill(int(notes[1].read_text()), signal.SIGKILL)
    with pytest.raises(WorkerDied):
        crew.get(dying)
    (tmp_path / "go").touch()
    with pytest.raises(WorkerDied):
        crew.get(living)
    crew.end()
