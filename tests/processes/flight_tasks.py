"""Tasks of workers that are looked at meanwhile. They stand in a module so that every start method finds them."""

from __future__ import annotations

import asyncio
import ctypes
import faulthandler
import multiprocessing
import os
import queue
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from functools import partial

#: Seconds that what must not be disturbed takes: it is looked at four times meanwhile.
WHILE = 0.5


def outer(how, *arguments):
    return inner(how, *arguments)


def inner(how, *arguments):
    return how(*arguments)


def wait_to_be_killed():
    while True:
        time.sleep(60)


def compute_for_ever():
    number = 0
    while True:
        number += 1


def descend(depth, then):
    return then() if depth == 0 else descend(depth - 1, then)


class Method:
    def run(self):
        wait_to_be_killed()


class Built:
    """Made so often that the interpreter does it without a call; a sort calls back from C, and there is a generator."""

    def __init__(self, then):
        sorted([then], key=lambda then: then and next(self.pause()))

    def pause(self):
        yield wait_to_be_killed()


def build():
    for number in range(1000):
        Built(number == 999)


def fault():
    faulthandler.enable(open(os.devnull, "w"))  # noqa: SIM115  # as a program that wants it
    ctypes.string_at(8)


def quiet_fault():
    hush()
    ctypes.string_at(8)


def abort():
    hush()
    os.abort()


def hush():
    """What a forked worker has from the tests' own interpreter would print where it crashed."""
    if faulthandler.is_enabled():
        faulthandler.enable(open(os.devnull, "w"))  # noqa: SIM115


def fault_in_a_thread():
    thread = threading.Thread(target=quiet_fault)
    thread.start()
    thread.join()


def child_that_faults_and_then_wait(where):
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGURG, signal.SIG_IGN)
        quiet_fault()
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGSEGV
    with open(where, "w") as note:
        note.write("done")
    wait_to_be_killed()


def exit_soon(code, where):
    """Leaves when a file is there; it is looked for in no frame of its own, which a sample could meet."""
    while not os.access(where, os.F_OK):
        time.sleep(0.001)
    os._exit(code)


def nothing():
    return None


# --- What must not be disturbed


def sleeps():
    begun = time.monotonic()
    time.sleep(WHILE)
    assert time.monotonic() - begun >= WHILE


def selects():
    ours, theirs = socket.socketpair()
    begun = time.monotonic()
    assert select.select([ours], [], [], WHILE) == ([], [], [])
    poll = select.poll()
    poll.register(ours, select.POLLIN)
    assert poll.poll(WHILE * 1000) == []
    assert time.monotonic() - begun >= 2 * WHILE * 0.99  # poll counts in milliseconds
    ours.close()
    theirs.close()


def receives():
    ours, theirs = socket.socketpair()
    ours.settimeout(WHILE)
    try:
        ours.recv(1)
    except TimeoutError:
        pass
    else:
        raise AssertionError("nothing was sent")
    ours.settimeout(None)
    child = os.fork()
    if child == 0:
        time.sleep(WHILE)
        theirs.sendall(b"!")
        os._exit(0)
    assert ours.recv(1) == b"!"
    os.waitpid(child, 0)
    ours.close()
    theirs.close()


def waits_for_threads():
    lock = threading.Lock()
    lock.acquire()
    assert not lock.acquire(timeout=WHILE)
    assert not threading.Event().wait(WHILE)
    try:
        queue.Queue().get(timeout=WHILE)
    except queue.Empty:
        pass
    else:
        raise AssertionError("nothing was put")


def has_timers_of_its_own():
    rung = []
    before = signal.signal(signal.SIGALRM, lambda *_: rung.append("alarm"))
    signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
    begun = time.monotonic()
    while time.monotonic() - begun < WHILE or len(rung) < 5:
        pass
    signal.setitimer(signal.ITIMER_REAL, 0)
    rung.clear()
    signal.alarm(1)
    while not rung:
        signal.pause()
    signal.signal(signal.SIGALRM, before)


def blocks_all_signals():
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    time.sleep(WHILE)
    assert signal.sigtimedwait([signal.SIGUSR1], 0) is None
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    time.sleep(WHILE)


def starts_programs():
    done = subprocess.run(
        [sys.executable, "-c", f"import time; time.sleep({WHILE}); print('done')"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout == "done\n"


def forks():
    child = os.fork()
    if child == 0:
        time.sleep(WHILE)
        os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


def has_processes():
    process = multiprocessing.get_context("fork").Process(target=time.sleep, args=(WHILE,), daemon=False)
    multiprocessing.current_process()._config["daemon"] = False
    process.start()
    process.join()
    assert process.exitcode == 0


def uses_faulthandler():
    import tempfile

    with tempfile.TemporaryFile() as file:
        faulthandler.register(signal.SIGUSR2, file=file, chain=False)
        os.kill(os.getpid(), signal.SIGUSR2)
        faulthandler.unregister(signal.SIGUSR2)
        faulthandler.dump_traceback_later(WHILE / 2, file=file)
        time.sleep(WHILE)
        faulthandler.cancel_dump_traceback_later()
        file.seek(0)
        assert file.read().count(b"in uses_faulthandler") == 2


def runs_coroutines():
    async def both():
        await asyncio.gather(asyncio.sleep(WHILE), asyncio.to_thread(time.sleep, WHILE))

    begun = time.monotonic()
    asyncio.run(both())
    assert time.monotonic() - begun >= WHILE * 0.99  # its clock is coarse


def takes_the_signal_for_itself():
    seen = []
    before = signal.signal(signal.SIGURG, lambda *_: seen.append("urgent"))
    os.kill(os.getpid(), signal.SIGURG)
    time.sleep(WHILE)
    assert seen
    signal.signal(signal.SIGURG, before)


def sets_all_signals_back():
    kept = {signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ}
    for number in signal.valid_signals() - kept - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_DFL)
    time.sleep(WHILE)


UNDISTURBED = [
    sleeps,
    selects,
    receives,
    waits_for_threads,
    has_timers_of_its_own,
    blocks_all_signals,
    starts_programs,
    forks,
    has_processes,
    uses_faulthandler,
    runs_coroutines,
    takes_the_signal_for_itself,
    sets_all_signals_back,
]


def storm(seconds):
    """Frames of all kinds, made and thrown away as fast as that goes; gives how many rounds."""

    class Dying:
        def __del__(self):
            self.gone = sum(numbers(3))

        def __getattr__(self, name):
            return len(name)

    def numbers(count):
        yield from range(count)

    def recurse(depth, value):
        try:
            return value if depth == 0 else recurse(depth - 1, value) + 1
        finally:
            value += 1

    rounds = 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert recurse(rounds % 60, 0) == rounds % 60
        assert [Dying().anything for _ in range(3)] == [8, 8, 8]
        scope = {}
        exec("def f(x):\n return [y for y in range(x)]\nr = f(4)\n", scope)
        assert scope["r"] == [0, 1, 2, 3]
        assert sorted(range(9), key=lambda x: -x)[0] == 8
        assert partial(max, 1)(2) == 2
        try:
            {}[rounds]
        except KeyError:
            pass
        rounds += 1
    return rounds
