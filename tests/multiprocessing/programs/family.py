"""A parent with children that report to standard output and then stay; standard input says how the parent leaves."""

import multiprocessing
import os
import sys
import time


def say(word):
    os.write(1, f"{word} ".encode())


def stay(kind):
    if kind == "worker":
        from ropewalk.multiprocessing.process import watch_parent

        assert watch_parent()
        assert watch_parent(), "again"
    if kind == "deaf":
        import signal

        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    if kind == "parent":
        multiprocessing.Process(target=stay, args=("child",)).start()
    say("stays")
    if kind in ("child", "tidy"):
        multiprocessing.parent_process().join()
        say("noticed")
    time.sleep(0.3 if kind == "survivor" else 10_000)
    say("survived")
    os._exit(0)


def main(method, kind, daemon):
    multiprocessing.set_start_method(method)
    from ropewalk.multiprocessing import process

    if kind == "survivor":
        process.GRACE = 0.01
    for _ in range(2):
        multiprocessing.Process(target=stay, args=(kind,), daemon=daemon == "daemon").start()
    how = sys.stdin.readline().strip()
    if how == "exit":
        os._exit(0)
    if how == "exec":
        os.execv(sys.executable, [sys.executable, "-c", "pass"])


if __name__ == "__main__":
    main(*sys.argv[1:])
