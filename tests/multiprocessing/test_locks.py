"""Lock, RLock, Semaphore and BoundedSemaphore of ``multiprocessing``."""

from __future__ import annotations

import inspect
import multiprocessing.synchronize as original
import os
import pickle
import signal
import subprocess
import sys
import textwrap
import threading
import warnings
from multiprocessing import current_process
from typing import Any

import pytest
import ropewalk
from ropewalk import OwnerDiedWarning
from ropewalk.multiprocessing import synchronize

from tests.multiprocessing.processes import KILLED, LIMIT, context, end, every_method, kill_me, run, start

NAMES = ("Lock", "RLock", "Semaphore", "BoundedSemaphore")
every_class = pytest.mark.parametrize("name", NAMES)


def make(name: str, method: str = "fork") -> Any:
    return getattr(context(method), name)()


@every_class
def test_it_looks_like_the_original(name: str) -> None:
    ours, theirs = make(name), getattr(original, name)(ctx=context("fork"))
    assert repr(ours) == repr(theirs)
    assert ours.acquire() is theirs.acquire() is True
    assert repr(ours) == repr(theirs)
    cls, original_class = type(ours), getattr(original, name)
    assert (cls.__module__, cls.__qualname__) == ("multiprocessing.synchronize", name)
    assert inspect.signature(cls) == inspect.signature(original_class)
    assert cls.__doc__ == original_class.__doc__
    assert cls.__ropewalk__ is True
    assert isinstance(ours, original_class) and isinstance(theirs, cls)
    for method in ("acquire", "release"):
        mine, its = getattr(ours, method), getattr(theirs, method)
        assert (mine.__doc__, inspect.signature(mine)) == (its.__doc__, inspect.signature(its))


@every_class
def test_what_was_taken_cannot_be_taken_at_once(name: str) -> None:
    lock = make(name)
    assert lock.acquire()
    assert lock.acquire(False) is (name == "RLock")
    taken: list[bool] = []

    def others() -> None:
        taken.extend([lock.acquire(False), lock.acquire(block=False), lock.acquire(timeout=0.01)])
        taken.append(lock.acquire(True, -1))

    thread = threading.Thread(target=others)
    thread.start()
    thread.join(LIMIT)
    assert taken == [False] * 4


def test_a_lock_given_back_too_often_is_an_error() -> None:
    for name in ("Lock", "BoundedSemaphore"):
        with pytest.raises(ValueError, match="^semaphore or lock released too many times$"):
            make(name).release()
    with pytest.raises(AssertionError, match="^attempt to release recursive lock not owned by thread$"):
        make("RLock").release()


def test_a_semaphore_counts_and_a_bounded_one_has_a_bound() -> None:
    semaphore = context("fork").Semaphore(2)
    semaphore.release()
    assert (semaphore.get_value(), repr(semaphore)) == (3, "<Semaphore(value=3)>")
    bounded = context("fork").BoundedSemaphore(2)
    assert bounded.acquire() and bounded.get_value() == 1
    bounded.release()
    with pytest.raises(ValueError):
        bounded.release()
    with pytest.raises(OSError):
        context("fork").Semaphore(-1)


def test_a_reentrant_lock_counts_how_often_it_was_taken() -> None:
    lock = make("RLock")
    with lock, lock:
        assert lock._semlock._count() == 2 and lock._semlock._is_mine()
        assert repr(lock) == f"<RLock({current_process().name}, 2)>"
    assert lock._semlock._get_value() == 1 and not lock._semlock._is_mine()


def test_bad_arguments_are_refused_as_by_the_original() -> None:
    ours, theirs = make("Lock"), original.Lock(ctx=context("fork"))
    for args, kwargs in (((1, 2, 3), {}), ((True, "soon"), {}), ((), {"blocking": True})):
        with pytest.raises(TypeError) as expected:
            theirs.acquire(*args, **kwargs)
        with pytest.raises(TypeError) as seen:
            ours.acquire(*args, **kwargs)
        assert str(seen.value) == str(expected.value)


def test_it_has_the_interface_of_the_original_s_inner_lock() -> None:
    inner, theirs = make("Semaphore")._semlock, original.Semaphore(ctx=context("fork"))._semlock
    for name in ("kind", "maxvalue", "name", "SEM_VALUE_MAX"):
        assert getattr(inner, name) == getattr(theirs, name)
    assert isinstance(inner.handle, int)
    for name in ("_count", "_is_mine", "_get_value", "_is_zero", "_after_fork"):
        assert getattr(inner, name)() == getattr(theirs, name)()


@every_class
def test_it_is_passed_to_processes_that_are_started_and_to_nobody_else(name: str) -> None:
    lock = make(name, "spawn")
    with pytest.raises(RuntimeError, match="should only be shared between processes through inheritance"):
        pickle.dumps(lock)


def test_what_was_made_for_forked_processes_is_not_passed_to_spawned_ones() -> None:
    process = context("spawn").Process(target=take_and_give, args=(make("Lock", "fork"),))
    if hasattr(original.Lock(ctx=context("fork")), "_is_fork_ctx"):
        with pytest.raises(RuntimeError, match="A SemLock created in a fork context"):
            process.start()


def take_and_give(*locks: Any) -> None:
    for lock in locks:
        with lock:
            pass


def leave_held(*locks: Any) -> None:
    for lock in locks:
        assert lock.acquire(timeout=LIMIT)
        lock.left = True


def give_back(*locks: Any) -> None:
    for lock in locks:
        lock.release()


@every_method
def test_a_lock_is_the_same_lock_in_a_child(method: str) -> None:
    ctx = context(method)
    locks = [ctx.Lock() for _ in range(3)]
    for lock in locks:
        assert lock.acquire()
    run(ctx, give_back, *locks)  # any process may give it back
    assert [lock.acquire(False) for lock in locks] == [True] * 3


@every_method
def test_a_semaphore_is_the_same_semaphore_in_a_child(method: str) -> None:
    ctx = context(method)
    semaphore = ctx.Semaphore(0)
    child = start(ctx, give_back, semaphore, semaphore)
    assert semaphore.acquire(timeout=LIMIT) and semaphore.acquire(timeout=LIMIT)
    end(child)


def is_not_mine(lock: Any) -> None:
    assert not lock._semlock._is_mine() and lock._semlock._count() == 0
    assert repr(lock) == "<RLock(SomeOtherProcess, nonzero)>"
    with pytest.raises(AssertionError):
        lock.release()
    assert not lock.acquire(False)


@every_method
def test_a_child_does_not_hold_what_its_parent_holds(method: str) -> None:
    ctx = context(method)
    lock = ctx.RLock()
    with lock:
        run(ctx, is_not_mine, lock)


def pass_on(ctx: Any, lock: Any) -> None:
    run(ctx, give_back, lock)


@pytest.mark.parametrize("method", ("spawn", "forkserver"))
def test_a_child_passes_a_lock_on_to_its_own_child(method: str) -> None:
    ctx = context(method)
    lock = ctx.Lock()
    assert lock.acquire()
    run(ctx, pass_on, ctx, lock)
    assert lock.acquire(False)


def count(lock: Any, value: Any, times: int) -> None:
    for _ in range(times):
        with lock:
            value.value += 1


@every_method
@pytest.mark.parametrize("name", NAMES)
def test_only_one_process_at_a_time_is_inside(method: str, name: str) -> None:
    ctx = context(method)
    lock, value = getattr(ctx, name)(), ctx.Value("i", 0, lock=False)
    children = [start(ctx, count, lock, value, 2000) for _ in range(3)]
    count(lock, value, 2000)
    for child in children:
        end(child)
    assert value.value == 8000


def take_and_die(lock: Any) -> None:
    assert lock.acquire(timeout=LIMIT)
    kill_me()


@every_method
@pytest.mark.parametrize("name", ("Lock", "RLock"))
def test_the_lock_of_a_killed_process_goes_to_the_next(method: str, name: str) -> None:
    ctx = context(method)
    lock = getattr(ctx, name)()
    child = start(ctx, take_and_die, lock)
    pid = child.pid
    end(child, KILLED)
    with pytest.warns(OwnerDiedWarning, match=f"^process {pid} ended while it held this {name}"):
        assert lock.acquire(timeout=LIMIT)
    lock.release()
    with lock:
        pass  # nobody is warned twice


def test_the_lock_of_a_process_that_ended_without_giving_it_back_goes_to_the_next_too() -> None:
    ctx = context("fork")
    lock = ctx.Lock()
    run(ctx, leave_held, lock)
    with pytest.warns(OwnerDiedWarning):
        assert lock.acquire(timeout=LIMIT)


def test_who_only_tries_gets_a_dead_process_s_lock_too() -> None:
    ctx = context("fork")
    lock = ctx.Lock()
    run(ctx, take_and_die, lock, code=KILLED)
    with pytest.warns(OwnerDiedWarning):
        while not lock.acquire(False):
            pass


def test_where_the_warning_is_an_error_the_lock_is_free_again() -> None:
    ctx = context("fork")
    lock = ctx.Lock()
    run(ctx, take_and_die, lock, code=KILLED)
    with warnings.catch_warnings():
        warnings.simplefilter("error", OwnerDiedWarning)
        with pytest.raises(OwnerDiedWarning):
            lock.acquire()
    assert lock.acquire(False)


def test_the_environment_makes_the_warning_an_error(tmp_path: Any) -> None:
    file = tmp_path / "program.py"
    file.write_text(
        textwrap.dedent(
            """
            import multiprocessing, os, ropewalk, signal
            multiprocessing.set_start_method("fork")
            def die(lock):
                lock.acquire()
                os.kill(os.getpid(), signal.SIGKILL)
            if __name__ == "__main__":
                lock = multiprocessing.Lock()
                child = multiprocessing.Process(target=die, args=(lock,))
                child.start()
                child.join()
                try:
                    lock.acquire()
                except ropewalk.OwnerDiedWarning:
                    print("refused", lock.acquire(False))
            """
        )
    )
    done = subprocess.run(
        [sys.executable, "-m", "ropewalk", str(file)],
        env={**os.environ, "ROPEWALK_OWNER_DIED": "error"},
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("refused True\n", "")


def take_two(first: Any, second: Any) -> None:
    assert first.acquire(timeout=LIMIT)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OwnerDiedWarning)
        assert second.acquire(timeout=LIMIT)
    first.release()
    second.release()


def test_waiting_processes_get_a_lock_one_after_the_other_when_its_holder_is_killed() -> None:
    ctx = context("fork")
    lock, gate = ctx.Lock(), ctx.Semaphore(0)
    holder = start(ctx, hold_until_killed, lock, gate)
    assert gate.acquire(timeout=LIMIT)
    waiting = [start(ctx, take_two, ctx.Lock(), lock) for _ in range(4)]
    os.kill(holder.pid, signal.SIGKILL)
    end(holder, KILLED)
    for process in waiting:
        end(process)
    assert lock.acquire(timeout=LIMIT)


def hold_until_killed(lock: Any, gate: Any) -> None:
    with lock:
        gate.release()
        threading.Event().wait(LIMIT)


def test_a_signal_ends_a_wait() -> None:
    lock = make("Lock")
    lock.acquire()

    class Rung(Exception):
        pass

    def ring(*_: Any) -> None:
        raise Rung

    before = signal.signal(signal.SIGALRM, ring)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
        with pytest.raises(Rung):
            lock.acquire()
        signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
        with pytest.raises(Rung):
            context("fork").Semaphore(0).acquire()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    lock.release()
    assert lock.acquire(False)


def test_an_object_that_was_never_begun_says_so() -> None:
    empty = synchronize.Lock.__new__(synchronize.Lock)
    with pytest.raises(AttributeError):
        empty.acquire()
    lock = make("Lock")
    with pytest.raises(RuntimeError):
        lock.__init__(ctx=context("fork"))


def test_memory_that_is_not_ours_is_refused() -> None:
    fd = os.open("/dev/null", os.O_RDWR)
    with pytest.raises(OSError):
        ropewalk._ropewalk.Memory.receive(fd)
    with pytest.raises(ValueError):
        ropewalk._ropewalk.Memory.receive(-1)
    memory = ropewalk._ropewalk.place_of_sem_lock(make("Lock"))[0]
    with pytest.raises(OSError):
        ropewalk._ropewalk.open_sem_lock(synchronize.Lock.__new__(synchronize.Lock), memory, 9999, 1, 1, True)


def test_install_puts_them_into_the_module(installed: None) -> None:
    import multiprocessing

    assert type(multiprocessing.Lock()) is synchronize.Lock is original.Lock
    assert pickle.loads(pickle.dumps(original.Lock)) is synchronize.Lock


def test_many_objects_cost_few_descriptors_and_those_are_given_back() -> None:
    ctx = context("fork")
    before = len(os.listdir("/proc/self/fd"))
    locks = [ctx.Lock() for _ in range(30000)]
    assert len(os.listdir("/proc/self/fd")) <= before + 3
    assert sum(lock.acquire(False) for lock in locks) == 30000
    del locks
    assert len(os.listdir("/proc/self/fd")) <= before + 2


def test_install_reaches_a_module_that_ours_is_the_first_to_import() -> None:
    program = """
        import ropewalk, sys
        ropewalk.install()
        assert "multiprocessing.synchronize" not in sys.modules
        from ropewalk.multiprocessing import synchronize
        import multiprocessing
        print(type(multiprocessing.Lock()) is synchronize.Lock)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=LIMIT
    )
    assert (done.stdout, done.stderr) == ("True\n", "")
