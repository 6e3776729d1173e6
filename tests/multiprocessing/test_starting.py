"""What the start of a forked process leaves of the objects that it was given, and of the descriptors that it took."""

from __future__ import annotations

import inspect
import os
import threading
import weakref
from multiprocessing import popen_fork as original
from multiprocessing import util

import pytest
from ropewalk.multiprocessing import popen_fork
from ropewalk.threading import PATCHES

from tests.multiprocessing.processes import LIMIT, context, end

FORK = context("fork")


def _exits(code):
    raise SystemExit(code)


class Sevens(FORK.Process):
    """Its objects may not lose a method."""

    def run(self):
        raise SystemExit(7)

    def eights(self):
        raise SystemExit(8)

    def __delattr__(self, name):
        if name == "run":
            raise TypeError(f"{name} stays")
        super().__delattr__(name)


def _started(process):
    process.start()
    process.join(LIMIT)
    return process


def test_a_process_object_has_nothing_of_ours_after_its_start():
    process = _started(FORK.Process(target=_exits, args=(3,)))
    assert "run" not in vars(process)
    assert process.run.__func__ is FORK.Process.run
    end(process, 3)


def test_a_class_may_forbid_to_delete_attributes():
    process = _started(Sevens())
    assert "run" not in vars(process)
    end(process, 7)


@pytest.mark.parametrize("own", ["another method", "a function", "the method itself"])
def test_a_run_of_the_objects_own_runs_and_stays(own):
    process = Sevens()
    mine, code = {
        "another method": (process.eights, 8),
        "a function": (lambda: _exits(9), 9),
        "the method itself": (process.run, 7),
    }[own]
    process.run = mine
    _started(process)
    assert process.run == mine
    end(process, code)


@pytest.mark.parametrize("daemon", [False, True])
def test_a_class_says_itself_whether_it_is_daemonic(daemon, monkeypatch):
    class Fixed(FORK.Process):
        """As programs have it whose pool's workers start processes."""

        daemon = property(lambda self: said.append(1) or daemon)

    said = []
    held = []
    next_line = popen_fork.lifeline_forked

    def forked(popen, process, line):
        next_line(popen, process, line)
        try:
            os.fstat(line)
        except OSError:
            held.append(False)
        else:
            held.append(True)

    monkeypatch.setattr(popen_fork, "lifeline_forked", forked)
    process = _started(Fixed(target=_exits, args=(0,)))
    assert said, "it was asked"
    assert held == [not daemon], "what a daemonic child holds on to is not kept"
    end(process)


@pytest.mark.parametrize("keep", ["", "keep"])
@pytest.mark.parametrize("daemon", [False, True])
def test_a_process_that_is_closed_leaves_no_descriptor(daemon, keep, monkeypatch):
    monkeypatch.setenv("ROPEWALK_ORPHANS", keep)
    end(_started(FORK.Process(target=_exits, args=(0,), daemon=daemon)))
    before = os.listdir("/proc/self/fd")
    processes = [FORK.Process(target=_exits, args=(0,), daemon=daemon) for _ in range(3)]
    for process in processes:
        process.start()
    for process in reversed(processes):  # in another order
        process.join(LIMIT)
        end(process)
    assert len(os.listdir("/proc/self/fd")) == len(before)


def test_a_fork_that_fails_leaves_nothing_behind(monkeypatch):
    def refused():
        raise BlockingIOError("no more processes")

    process = FORK.Process(target=_exits, args=(4,))
    with monkeypatch.context() as patch:
        patch.setattr(os, "fork", refused)
        before = set(os.listdir("/proc/self/fd"))
        with pytest.raises(BlockingIOError):
            process.start()
        # The original's two pipes are its own affair.
        assert len(set(os.listdir("/proc/self/fd")) - before) == 4
        for fd in set(map(int, os.listdir("/proc/self/fd"))) - set(map(int, before)):
            if _is_a_pipe(fd):
                os.close(fd)
    assert "run" not in vars(process)
    end(_started(process), 4)


def _is_a_pipe(fd):
    try:
        return os.readlink(f"/proc/self/fd/{fd}").startswith("pipe:")
    except OSError:  # the descriptor by which the folder was read
        return False


def test_what_leaves_on_purpose_looks_like_the_original():
    for name, function in popen_fork.LEAVING.items():
        before = inspect.unwrap(function)
        assert (function.__name__, function.__doc__) == (name, before.__doc__)
        assert inspect.signature(function) == inspect.signature(before)
        with pytest.raises(TypeError):
            function()


def test_a_wait_for_a_process_that_has_ended_is_the_originals():
    process = _started(FORK.Process(target=_exits, args=(5,)))
    popen = process._popen
    assert isinstance(popen, original.Popen)
    assert (popen.wait(), popen.wait(0.0), popen.poll()) == (5, 5, 5)
    end(process, 5)


def _weak(container, changed):
    """A container of the same kind as `container`, as install() leaves that."""
    made = type(container)()
    made.__class__ = changed["__class__"]
    return made


def test_a_look_through_the_threads_sees_the_living_and_no_others():
    class Thing:
        pass

    container = _weak(weakref.WeakSet(), PATCHES["threading._dangling"])
    kept, lost = [Thing() for _ in range(3)], Thing()
    for thing in (*kept, lost):
        container.add(thing)
    del lost, thing
    assert set(container) == set(kept)
    assert len(container) == 3
    for thing in container:  # what happens meanwhile is no matter
        container.discard(thing)
    assert not set(container)
    assert isinstance(container, weakref.WeakSet)


def test_a_look_through_what_asked_to_be_told_of_forks_sees_the_living_and_no_others():
    class Thing:
        pass

    changed = popen_fork.PATCHES["multiprocessing.util._afterfork_registry"]
    container = _weak(weakref.WeakValueDictionary(), changed)
    kept, lost = Thing(), Thing()
    container[2, id(kept), print] = kept
    container[1, id(lost), print] = lost
    del lost
    assert list(container.items()) == [((2, id(kept), print), kept)]


def test_a_forked_child_tells_whoever_asked():
    reading, writing = os.pipe()

    class Asks:
        pass

    asks = Asks()
    util.register_after_fork(asks, lambda it: os.write(writing, b"told"))
    end(_started(FORK.Process(target=_exits, args=(0,))))
    os.close(writing)
    assert os.read(reading, 100) == b"told"
    os.close(reading)


def test_a_forked_child_has_the_locks_of_its_parents_threads_anew():
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait, daemon=True)
    thread.start()
    process = FORK.Process(target=lambda: _exits(int(thread.is_alive()) + 2 * threading.active_count()))
    _started(process)
    stop.set()
    thread.join(LIMIT)
    end(process, 2)
