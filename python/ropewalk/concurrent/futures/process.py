"""``ProcessPoolExecutor`` on a crew of worker processes that a killed worker can neither hang nor break."""

from __future__ import annotations

import itertools
import multiprocessing
import multiprocessing.connection
import os
import sys
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import _base, process
from functools import partial
from typing import Any, Literal

from ropewalk import _ropewalk
from ropewalk.concurrent.futures.future import Future
from ropewalk.original import OneOfBoth
from ropewalk.processes import kinds, nesting
from ropewalk.processes.crew import Crew, wake
from ropewalk.processes.encoding import CALL, KEYWORDS, enlist
from ropewalk.processes.worker import Failure, Manner, work

__all__ = ["ProcessPoolExecutor"]

_Original = process.ProcessPoolExecutor
_process: Any = process  # its private names


class ExecutorManner(Manner):
    """Workers of an executor survive whatever a task raises."""

    def unfit(self) -> None:
        _base.LOGGER.critical("Exception in initializer:", exc_info=True)


class _Employer:
    """The executor as its crew sees it, which does not keep it alive."""

    def __init__(self, executor: ProcessPoolExecutor) -> None:
        self.reference = weakref.ref(executor, self._left_alone)
        self.processes = executor._processes
        self.start: Any = executor._mp_context.Process  # type: ignore[union-attr]
        self.initializer = executor._initializer
        self.initargs = executor._initargs
        self.limit = executor._max_tasks_per_child
        self.lock = executor._shutdown_lock
        self.closing = False
        self.crew = Crew(self, executor._max_workers, _raised)

    def _left_alone(self, _: Any) -> None:
        # Called by the garbage collector, anywhere: takes no lock.
        self.closing = True
        wake(self.crew.engine)

    def hire(self) -> Any:
        arguments = (self.crew.link, ExecutorManner(), self.initializer, self.initargs, self.limit)
        with nesting.allowed():
            worker = self.start(target=work, args=arguments)
            worker.start()
        self.processes[worker.pid] = worker
        return worker

    def fire(self, worker: Any) -> None:
        self.processes.pop(worker.pid, None)

    def settle(self, owner: Any, detail: Any, failed: bool, value: Any, took: float) -> None:
        try:
            if failed:
                owner.set_exception(value)
            else:
                owner.set_result(value)
        except _base.InvalidStateError:
            pass  # somebody has cancelled or finished it himself

    def harvested(self, harvest: Any) -> None:
        """An executor has none."""

    def call(self, detail: Any) -> Any:
        return detail

    def is_over(self) -> bool:
        return self.closing or _process._global_shutdown

    def broken(self, why: str) -> BaseException:
        executor = self.reference()
        with self.lock:
            self.closing = True
            if executor is not None:
                executor._ready = False
                executor._broken = f"{why}: the process pool is not usable anymore"
                executor._shutdown_thread = True
        return process.BrokenProcessPool(why)

    def ended(self) -> None:
        self.initializer, self.initargs = None, ()


def _raised(failure: Failure) -> BaseException:
    _, text, pickled = failure
    error: BaseException = _ropewalk.loads(pickled)
    if text:
        error.__cause__ = _process._RemoteTraceback(f'\n"""\n{text}"""')
    return error


class _Bell:
    """What the original's hook at exit rings, so that the collector looks whether it is over.

    That hook keeps it in a table by the collector's thread, weakly: it must not keep the thread alive.
    """

    def __init__(self, engine: _ropewalk.Crew) -> None:
        self._engine = engine

    def wakeup(self) -> None:
        if _process._global_shutdown and issubclass(
            getattr(sys, "last_type", None) or Exception, KeyboardInterrupt
        ):
            # The program has ended by Ctrl-C: nobody waits for what is left.
            self._engine.notify(kinds.INTERRUPTED, b"")
        wake(self._engine)

    def clear(self) -> None:
        """Nothing to clear."""

    def close(self) -> None:
        """Nothing to close."""


class _CallQueue:
    """``_call_queue``, for programs that join or count it."""

    def __init__(self, engine: _ropewalk.Crew) -> None:
        self._engine = engine

    def qsize(self) -> int:
        return self._engine.unfinished - self._engine.in_line

    def empty(self) -> bool:
        return self.qsize() == 0

    def close(self) -> None:
        """It has no thread and no pipe to close."""

    join_thread = cancel_join_thread = close


class ProcessPoolExecutor(_Original, metaclass=OneOfBoth):
    __module__ = "concurrent.futures.process"
    __doc__ = _Original.__doc__
    __ropewalk__ = True
    __original__ = _Original
    __hooks__ = frozenset(
        {
            "_adjust_process_count",
            "_launch_processes",
            "_spawn_process",
            "_start_executor_manager_thread",
            "_start_queue_management_thread",
        }
    )

    def __init__(
        self,
        max_workers: int | None = None,
        mp_context: Any = None,
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
        *,
        max_tasks_per_child: int | None = None,
    ) -> None:
        """Initializes a new ProcessPoolExecutor instance.

        Args:
            max_workers: The maximum number of processes that can be used to
                execute the given calls. If None or not given then as many
                worker processes will be created as the machine has processors.
            mp_context: A multiprocessing context to launch the workers.
            initializer: A callable used to initialize worker processes.
            initargs: A tuple of arguments to pass to the initializer.
            max_tasks_per_child: The maximum number of tasks a worker process
                can complete before it will exit and be replaced with a fresh
                worker process.
        """
        _process._check_system_limits()
        if max_workers is None:
            max_workers = getattr(os, "process_cpu_count", os.cpu_count)() or 1
        elif max_workers <= 0:
            raise ValueError("max_workers must be greater than 0")
        if mp_context is None:
            mp_context = multiprocessing.get_context("spawn" if max_tasks_per_child is not None else None)
        forks = mp_context.get_start_method(allow_none=False) == "fork"
        if initializer is not None and not callable(initializer):
            raise TypeError("initializer must be a callable")
        if max_tasks_per_child is not None:
            if not isinstance(max_tasks_per_child, int):
                raise TypeError("max_tasks_per_child must be an integer")
            if max_tasks_per_child <= 0:
                raise ValueError("max_tasks_per_child must be >= 1")
            if forks:
                raise ValueError(
                    "max_tasks_per_child is incompatible with the 'fork' multiprocessing start method; "
                    "supply a different mp_context."
                )
        self._max_workers = max_workers
        self._mp_context = mp_context
        self._safe_to_dynamically_spawn_children = not forks
        self._initializer: Any = initializer
        self._initargs = initargs
        self._max_tasks_per_child = max_tasks_per_child
        self._shutdown_thread = False
        self._broken: Any = False
        self._begin_anew()
        _executors.add(self)

    def _begin_anew(self) -> None:
        """Nobody is hired: that happens with the first task."""
        self._shutdown_lock = threading.Lock()
        self._ready = False  # a task needs nothing but a place in line
        self._processes: Any = {}
        self._executor_manager_thread: Any = None
        self._executor_manager_thread_wakeup: Any = None
        self._call_queue: Any = None
        self._result_queue: Any = None
        self._employer: Any = None
        self._crew: Any = None
        self._engine: Any = None

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        if not self._ready or _process._global_shutdown:
            with self._shutdown_lock:
                self._get_ready()
        future = Future()
        engine = self._engine
        try:
            if kwargs:
                enlist(engine, future, (fn, args, kwargs), KEYWORDS, fn, (args, kwargs))
            else:
                enlist(engine, future, (fn, args, kwargs), CALL, fn, args)
        except Exception as error:
            if engine is None or engine.closed:
                raise RuntimeError("cannot schedule new futures after shutdown") from None
            future.set_exception(error)
        return future

    def _get_ready(self) -> None:
        """Raises if no task can be submitted; else there are workers, under the lock."""
        if self._broken:
            raise process.BrokenProcessPool(self._broken)
        if self._shutdown_thread:
            raise RuntimeError("cannot schedule new futures after shutdown")
        if _process._global_shutdown:
            raise RuntimeError("cannot schedule new futures after interpreter shutdown")
        if self._engine is None:
            self._begin()
        elif self._safe_to_dynamically_spawn_children and not self._engine.count_off():
            self._crew.hire()
        self._ready = len(self._processes) >= self._max_workers

    def _begin(self) -> None:
        employer = _Employer(self)
        crew = employer.crew
        crew.hire(1 if self._safe_to_dynamically_spawn_children else self._max_workers)
        try:
            crew.start()
        except RuntimeError as error:
            self._broken = f"cannot start the threads of the pool: {error}"
            self._shutdown_thread = True
            crew.terminate()
            raise process.BrokenProcessPool(self._broken) from error
        self._executor_manager_thread = crew.collector
        self._executor_manager_thread_wakeup = _process._threads_wakeups[crew.collector] = _Bell(crew.engine)
        self._call_queue = _CallQueue(crew.engine)
        self._employer, self._crew, self._engine = employer, crew, crew.engine

    def map(
        self,
        fn: Callable[..., Any],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
    ) -> Iterator[Any]:
        if chunksize < 1:
            raise ValueError("chunksize must be >= 1.")
        calls = zip(*iterables)  # noqa: B905  # strict=False, as the original
        if chunksize == 1:
            return _base.Executor.map(self, fn, *iterables, timeout=timeout)
        chunks = iter(lambda: tuple(itertools.islice(calls, chunksize)), ())
        results = _base.Executor.map(self, partial(_process._process_chunk, fn), chunks, timeout=timeout)
        return _process._chain_from_iterable_of_lists(results)  # type: ignore[no-any-return]

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        with self._shutdown_lock:
            self._shutdown_thread = True
            self._ready = False
            employer, crew, collector = self._employer, self._crew, self._executor_manager_thread
            if employer is not None:
                employer.closing = True
        if employer is not None:
            if cancel_futures:
                for future, _ in crew.engine.withdraw_all():
                    if future.cancel():
                        future.set_running_or_notify_cancel()
            wake(crew.engine)
        if collector is not None and wait:
            collector.join()
        self._executor_manager_thread = None
        self._call_queue = None
        self._result_queue = None
        self._processes = None
        self._executor_manager_thread_wakeup = None
        self._employer = self._crew = self._engine = None

    def __exit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> Literal[False]:
        """As the original's; but after Ctrl-C nothing is waited for."""
        if exc_type is not None and issubclass(exc_type, KeyboardInterrupt) and self._crew is not None:
            self._crew.give_up("the program was interrupted")
        self.shutdown(wait=True)
        return False

    def __getstate__(self) -> Any:
        raise TypeError("cannot pickle '_thread.lock' object")


_executors: weakref.WeakSet[ProcessPoolExecutor] = weakref.WeakSet()


def _renew() -> None:
    """In the child of a fork: the workers are the parent's, and so are the tasks."""
    for executor in list(_executors):
        if executor.__dict__.get("_employer") is not None:
            executor._begin_anew()


os.register_at_fork(after_in_child=_renew)

ProcessPoolExecutor.submit.__doc__ = _Original.submit.__doc__
ProcessPoolExecutor.map.__doc__ = _Original.map.__doc__
ProcessPoolExecutor.shutdown.__doc__ = _Original.shutdown.__doc__

#: What install() puts into the real modules.
PATCHES: dict[str, dict[str, Any]] = {
    "concurrent.futures.process": {"ProcessPoolExecutor": ProcessPoolExecutor},
    "concurrent.futures": {"ProcessPoolExecutor": ProcessPoolExecutor},
}
