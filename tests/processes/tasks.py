"""What workers do in the tests. It stands in a module so that workers of every start method find it."""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import time
from pathlib import Path


class Unreadable(Exception):
    """Goes out of a process, but into none."""

    def __init__(self, first, second):
        super().__init__(first)


class CanNotBeRead:
    """Its pickle raises when it is read."""

    def __reduce__(self):
        return explode, ()


class CanNotBeWritten:
    def __reduce__(self):
        raise RuntimeError("not to be written")


class DiesWhenRead:
    def __init__(self, where):
        self.where = where

    def __reduce__(self):
        return die_unless_parent, (os.getpid(),)


class DiesWhenWritten:
    """Returned by a task: its worker dies while it writes the answer."""

    def __reduce__(self):
        return kill_self, ()  # never read

    def __getstate__(self):
        kill_self()


def explode():
    raise ValueError("not to be read")


def double(x):
    return 2 * x


def add(x, y=0):
    return x + y


def pid(_=None):
    return os.getpid()


def parent_pid(_=None):
    return os.getppid()


def kill_self(number=signal.SIGKILL):
    faulthandler.disable()
    os.kill(os.getpid(), number)
    time.sleep(60)


def die_unless_parent(parent):
    if os.getpid() != parent:
        kill_self()


def die_on(x, bad):
    if x == bad:
        kill_self()
    return x


def leave(code):
    os._exit(code)


def exit_by_exception(code):
    sys.exit(code)


def raise_unreadable():
    raise Unreadable("one", "two")


def give(make):
    return make()


class DyingValue:
    def __reduce__(self):
        kill_self()


def tell_and_wait(where):
    """Says which process it is in a file, and stays until it is killed."""
    note = Path(where)
    whole = note.with_suffix(".new")
    whole.write_text(str(os.getpid()))
    whole.rename(note)
    time.sleep(600)


def wait_for(where):
    while not Path(where).exists():
        time.sleep(0.001)


def fail_once(where):
    """Dies the first time it is done."""
    note = Path(where)
    if not note.exists():
        note.write_text("tried")
        kill_self()
    return "done"


def pool_in_pool(count):
    from ropewalk.multiprocessing.pool import Pool

    with Pool(2) as pool:
        return pool.map(double, range(count))


def executor_in_executor(count):
    from ropewalk.concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(2) as executor:
        return list(executor.map(double, range(count)))


def bad_initializer():
    raise LookupError("no beginning")


def remember(value):
    os.environ["REMEMBERED"] = value


def recall(_=None):
    return os.environ.get("REMEMBERED")


def hold(where=None, seconds=600):
    """Says that it has begun, and goes on for very long in short steps."""
    if where is not None:
        tell(where)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.01)


def leave_a_child_and_die(where):
    """The child has what a fork gives it, and outlives its parent."""
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        tell(where)
        signal.pause()
    while not Path(where).exists():
        time.sleep(0.001)
    os.kill(os.getpid(), signal.SIGKILL)


def close_everything_and_wait_for(note, go):
    """As one does that becomes a daemon; then its process is of no use any more."""
    os.closerange(3, 1000)
    tell(note)
    while not Path(go).exists():
        time.sleep(0.001)
    os._exit(1)


def hold_stubbornly(where=None):
    """As ``hold``, and takes no notice of what is raised in it."""
    if where is not None:
        tell(where)
    while True:
        try:
            time.sleep(600)
        except Exception:
            continue


def hold_unless_stopped(where, answer):
    """As ``hold``; when it is stopped it answers all the same."""
    tell(where)
    try:
        time.sleep(600)
    except Exception as error:
        return answer, type(error).__name__


def tell(where):
    """The process's number in a file, whole from the first."""
    note = Path(where)
    whole = note.with_suffix(".new")
    whole.write_text(str(os.getpid()))
    whole.rename(note)


def count(where):
    """How often it was called, by a file; this call too."""
    with open(where, "ab") as note:
        note.write(b".")
    return os.path.getsize(where)


def fail_until(where, times, error=ValueError):
    """Raises, or dies if that is no error, until it is called so often."""
    tried = count(where)
    if tried < times:
        if error is None:
            kill_self()
        raise error(f"attempt {tried}")
    return tried


def add_line(where, line):
    with open(where, "a") as note:
        note.write(line + "\n")


def random_numbers(count):
    import random

    return os.getpid(), [random.random() for _ in range(count)]


def numpy_numbers(count):
    import numpy

    return numpy.random.random(count).tolist()


def fill(size):
    """Has so many bytes for a moment."""
    return len(bytearray(b"x") * size)


def keep(size, where=None):
    """Keeps so many bytes for the rest of its process's life, and goes on if a file is given."""
    KEPT.append(bytearray(b"x") * size)
    if where is not None:
        hold(where)
    return os.getpid()


def keep_until(size):
    """Keeps as much as its process needs to have so many bytes of its own."""
    from ropewalk import _ropewalk

    while (missing := size - _ropewalk.unshared_memory()) > 0:
        keep(missing)  # some of it may be what the process has and does not use
    return os.getpid()


KEPT = []


def complain(text):
    print(text, file=sys.stderr, flush=True)


def say(text):
    import logging
    import warnings

    print(text)
    print("to errors", file=sys.stderr, end="")
    logging.getLogger("tests.tasks").warning("logged %s", text)
    logging.getLogger("tests.tasks").debug("nobody wants this")
    warnings.warn(f"warned {text}", UserWarning, stacklevel=1)
    return text


def asks_for_signals_of_its_sentinel():
    import fcntl
    import multiprocessing

    parent = multiprocessing.parent_process()
    return bool(fcntl.fcntl(parent.sentinel, fcntl.F_GETFL) & os.O_ASYNC)


class ExitsWhenRead:
    """Its worker ends while it reads the task."""

    def __reduce__(self):
        return sys.exit, (3,)
