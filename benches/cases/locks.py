"""Lock and RLock: their margin is the cost of a call, so the loops are unrolled to leave little else."""

from itertools import repeat
from threading import Thread

from rig.case import case

NEW = 1.8
"""The bar of a lock on 3.13.0, whose own is a semaphore still."""


@case("Lock acquire+release", bar=2.0, bars={(3, 13): NEW, (3, 14): 1.0}, of=("threading.Lock",), batch=8)
def lock_pair(modules):
    return _pair(modules.threading.Lock())


@case("with Lock", bar=2.0, bars={(3, 13): NEW, (3, 14): 1.0}, of=("threading.Lock",), batch=8)
def lock_with(modules):
    return _with(modules.threading.Lock())


@case("RLock acquire+release", bar=2.0, bars={(3, 13): NEW, (3, 14): 1.0}, of=("threading.RLock",), batch=8)
def rlock_pair(modules):
    return _pair(modules.threading.RLock())


@case("with RLock", bar=2.0, bars={(3, 13): NEW, (3, 14): 1.0}, of=("threading.RLock",), batch=8)
def rlock_with(modules):
    return _with(modules.threading.RLock())


@case("RLock, taken again by its owner", of=("threading.RLock",), batch=8)
def rlock_again(modules):
    lock = modules.threading.RLock()
    pair = _pair(lock)

    def run(n):
        with lock:
            pair(n)

    return run


@case("Lock.acquire(False) of a held lock", of=("threading.Lock",))
def lock_refused(modules):
    lock = modules.threading.Lock()
    lock.acquire()

    def run(n):
        for _ in repeat(None, n):
            lock.acquire(False)

    return run


@case("Lock.acquire(timeout=1)+release", of=("threading.Lock",))
def lock_timed(modules):
    lock = modules.threading.Lock()

    def run(n):
        for _ in repeat(None, n):
            lock.acquire(timeout=1)
            lock.release()

    return run


@case("Lock.locked", of=("threading.Lock",))
def lock_locked(modules):
    lock = modules.threading.Lock()

    def run(n):
        for _ in repeat(None, n):
            lock.locked()

    return run


@case("create Lock", of=("threading.Lock",))
def lock_new(modules):
    return _create(modules.threading.Lock)


@case("create RLock", of=("threading.RLock",))
def rlock_new(modules):
    return _create(modules.threading.RLock)


@case("Lock, 4 threads, empty section", of=("threading.Lock",), threads=True, chunk=0.1, batch=4)
def lock_crowd(modules):
    lock = modules.threading.Lock()

    def work(n):
        for _ in repeat(None, n):
            with lock:
                pass

    return _crowd(work)


@case("Lock, 4 threads, the GIL released inside", of=("threading.Lock",), threads=True, chunk=0.2, batch=4)
def lock_crowd_compressing(modules):
    from zlib import crc32

    block = bytes(16 * 1024)  # large enough that crc32 leaves the GIL
    lock = modules.threading.Lock()

    def work(n):
        for _ in repeat(None, n):
            with lock:
                crc32(block)

    return _crowd(work)


@case("RLock, 4 threads, empty section", of=("threading.RLock",), threads=True, chunk=0.1, batch=4)
def rlock_crowd(modules):
    lock = modules.threading.RLock()

    def work(n):
        for _ in repeat(None, n):
            with lock:
                pass

    return _crowd(work)


def _pair(lock):
    def run(n):
        for _ in repeat(None, n // 8):
            lock.acquire()
            lock.release()
            lock.acquire()
            lock.release()
            lock.acquire()
            lock.release()
            lock.acquire()
            lock.release()
            lock.acquire()
            lock.release()
            lock.acquire()
            lock.release()
            lock.acquire()
            lock.release()
            lock.acquire()
            lock.release()

    return run


def _with(lock):
    def run(n):
        for _ in repeat(None, n // 8):
            with lock:
                pass
            with lock:
                pass
            with lock:
                pass
            with lock:
                pass
            with lock:
                pass
            with lock:
                pass
            with lock:
                pass
            with lock:
                pass

    return run


def _create(kind):
    def run(n):
        for _ in repeat(None, n):
            kind()

    return run


def _crowd(work):
    def run(n):
        threads = [Thread(target=work, args=(n // 4,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return run
