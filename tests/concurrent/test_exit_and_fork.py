"""Executors at the interpreter's exit, and in the child of a fork."""

from __future__ import annotations

import subprocess
import sys

import pytest

PRELUDE = """
import faulthandler; faulthandler.dump_traceback_later(240, exit=True)
import os, signal, sys, threading, time
from ropewalk.concurrent.futures import Future, ThreadPoolExecutor, wait
"""


def run(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", PRELUDE + program],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_at_exit_what_is_in_line_is_done_first() -> None:
    assert (
        run("""
pool = ThreadPoolExecutor(2)
for n in range(50):
    pool.submit(print, n)
print("main ends", flush=True)
""").count("\n")
        == 51
    )


def test_a_submit_during_the_exit_is_refused() -> None:
    assert run("""
pool = ThreadPoolExecutor(1)
def late():
    threading.main_thread().join()
    try:
        while True:
            pool.submit(int).result()
    except RuntimeError as error:
        print(error)
threading.Thread(target=late).start()
pool.submit(int).result()
""") in (
        "cannot schedule new futures after interpreter shutdown\n",
        "cannot schedule new futures after shutdown\n",
    )


def test_a_forgotten_and_a_shut_down_pool_do_not_hold_up_the_exit() -> None:
    assert (
        run("""
ThreadPoolExecutor(1).submit(int).result()
pool = ThreadPoolExecutor(1)
pool.submit(int)
pool.shutdown(wait=False)
""")
        == ""
    )


@pytest.mark.parametrize("rounds", [20])
def test_exits_with_daemon_threads_in_pools_are_clean(rounds: int) -> None:
    for _ in range(rounds):
        run("""
pool = ThreadPoolExecutor(2)
def churn():
    while True:
        try:
            pool.submit(int).result()
        except RuntimeError:
            Future().result()
for _ in range(3):
    threading.Thread(target=churn, daemon=True).start()
threading.Thread(target=Future().result, daemon=True).start()
threading.Thread(target=wait, args=([Future()],), daemon=True).start()
pool.submit(int).result()
""")


def test_a_pool_inherited_by_fork_hires_threads_of_its_own() -> None:
    assert (
        run("""
pool = ThreadPoolExecutor(2)
pool.submit(int).result()
if os.fork() == 0:
    print(pool.submit(os.getpid).result() == os.getpid(), len(pool._threads))
    pool.shutdown()
    sys.stdout.flush()
    os._exit(0)
os.wait()
assert pool.submit(os.getpid).result() == os.getpid()
""")
        == "True 1\n"
    )


def test_a_future_left_behind_by_fork_says_so() -> None:
    out = run("""
pool = ThreadPoolExecutor(1)
gate = threading.Event()
running = pool.submit(gate.wait)
while not running.running():
    time.sleep(0.001)
waiting = pool.submit(int)
if os.fork() == 0:
    for future in (running, waiting):
        for ask in (future.result, future.exception, lambda: wait([future])):
            try:
                ask()
            except RuntimeError as error:
                print(error)
    print(pool._work_queue.qsize(), pool.submit(int).result())
    sys.stdout.flush()
    os._exit(0)
os.wait()
gate.set()
assert waiting.result() == 0 and running.result()
""")
    lines = out.splitlines()
    assert len(set(lines[:6])) == 1
    assert "left behind in the parent process by fork()" in lines[0]
    assert lines[6:] == ["0 0"]


def test_a_hundred_forks_from_a_busy_pool_leave_no_child_hanging() -> None:
    assert (
        run("""
pool = ThreadPoolExecutor(4)
stop = threading.Event()
def churn():
    while not stop.is_set():
        pool.submit(int).result()
churners = [threading.Thread(target=churn) for _ in range(3)]
for churner in churners:
    churner.start()
for _ in range(100):
    child = os.fork()
    if child == 0:
        signal.alarm(120)
        os._exit(pool.submit(int).result())
    assert os.waitpid(child, 0)[1] == 0
stop.set()
for churner in churners:
    churner.join()
print("all came home")
""")
        == "all came home\n"
    )


def test_a_task_that_forks_and_returns_in_the_child_ends_the_child() -> None:
    assert (
        run("""
pool = ThreadPoolExecutor(1)
child = pool.submit(os.fork).result()
if child:
    print(os.waitpid(child, 0)[1])
""")
        == "0\n"
    )
