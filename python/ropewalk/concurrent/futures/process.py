"""``ProcessPoolExecutor`` on a crew of worker processes that a killed worker can neither hang nor break."""

from __future__ import annotations

import itertools
import multiprocessing
import multiprocessing.connection
import os
import threading
import weakref
from concurrent.futures import _base, process
from functools import partial

from ropewalk.concurrent.futures.future import Future
from ropewalk.concurrent.futures.mapping import check_buffersize, results
from ropewalk.concurrent.futures.options import KEEP, Assignment, Options, OptionsView
from ropewalk.concurrent.futures.process_employer import Bell, CallQueue, ExecutorEmployer
from ropewalk.concurrent.futures.progress import Progress
from ropewalk.original import OneOfBoth
from ropewalk.processes.crew import wake
from ropewalk.processes.encoding import CALL, KEYWORDS, enlist
from ropewalk.processes.undisturbed import undisturbed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any, Literal

__all__ = ["ProcessPoolExecutor"]

_Original = process.ProcessPoolExecutor
_process: Any = process  # its private names


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
        timeout: float | None = None,
        grace: float | None = 1.0,
        retries: int = 0,
        retry_on: type[BaseException] | tuple[type[BaseException], ...] = Exception,
        priority: int = 0,
        max_pending: int | None = None,
        seed: int | None = None,
        memory_limit: int | None = None,
        exit: Callable[[], object] | None = None,
        forward: bool | str | Iterable[str] = False,
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
            timeout: The seconds that a call may take, from when a worker
                begins it. Then TaskTimeout is raised in it.
            grace: The seconds from then, or from cancel(running=True), until
                the worker of a call that goes on is killed. None: it is not.
            retries: How often a call is tried again.
            retry_on: For which exceptions. WorkerDied has to be named.
            priority: Calls with a higher one begin first.
            max_pending: The number of calls in line at which submit() waits
                until a worker takes one. Callbacks of futures never wait there.
            seed: For random numbers (random; NumPy if it is imported) that are
                the same in each run, and others in each worker.
            memory_limit: The bytes that a worker may have of its own. With
                more it is replaced after its call, or killed during it.
            exit: A callable that a worker calls when it ends in good order.
            forward: What of "logging", "warnings", "stdout" and "stderr" goes
                from the workers to this process. True: all of it.

        timeout, grace, retries, retry_on and priority are for each call; see
        with_options().
        """
        self._options = Options(timeout, grace, retries, retry_on, priority)
        if max_pending is not None and max_pending <= 0:
            raise ValueError("max_pending must be greater than 0")
        if seed is not None and not isinstance(seed, int):
            raise TypeError("seed must be an integer")
        if memory_limit is not None and memory_limit <= 0:
            raise ValueError("memory_limit must be greater than 0")
        if exit is not None and not callable(exit):
            raise TypeError("exit must be a callable")
        self._max_pending = max_pending
        self._seed = seed
        self._memory_limit = memory_limit
        self._exit = exit
        self._forward = _forwarded(forward)
        #: Whether calls have options, or wait for room.
        self._assigns = max_pending is not None or not self._options.is_plain()
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
        if self._assigns:
            return self._submit_on(self._options, fn, args, kwargs)
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

    def _submit_on(self, options: Options, fn: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The same with options, and a line that may be full."""
        future = Future()
        assignment = Assignment(fn, args, kwargs, options)
        while True:
            if not self._ready or _process._global_shutdown:
                with self._shutdown_lock:
                    self._get_ready()
            engine = self._engine
            try:
                # Who makes the room must not wait for it.
                bounded = (
                    self._max_pending is not None
                    and threading.current_thread() is not self._executor_manager_thread
                )
                if bounded:
                    engine.wait_for_room()
                if self._employer.enlist(engine, future, assignment, bounded, False):
                    return future
            except Exception as error:
                if engine is None or engine.closed:
                    raise RuntimeError("cannot schedule new futures after shutdown") from None
                future.set_exception(error)
                return future

    def with_options(
        self,
        *,
        timeout: float | None = KEEP,
        grace: float | None = KEEP,
        retries: int = KEEP,
        retry_on: type[BaseException] | tuple[type[BaseException], ...] = KEEP,
        priority: int = KEEP,
    ) -> OptionsView:
        """A view of this executor with other options for the calls that are submitted there.

        Args:
            timeout: The seconds that a call may take, from when a worker
                begins it; then TaskTimeout is raised in it. None: as long as
                it takes.
            grace: The seconds from then, or from cancel(running=True), until
                the worker of a call that goes on is killed; the future has
                TaskTimeout all the same. None: it is not killed.
            retries: How often a call that has failed is tried again.
            retry_on: The exceptions after which it is: a class or a tuple of
                them. For calls whose worker has died WorkerDied has to be
                named, or one of its bases up to BrokenExecutor.
            priority: Calls with a higher one begin first, equals in their order.

        Options that are not given are those of the executor. The view has
        submit(), map(), with_options() and shutdown(), and costs nothing.
        """
        return OptionsView(self, self._options).with_options(
            timeout=timeout, grace=grace, retries=retries, retry_on=retry_on, priority=priority
        )

    def resize(self, max_workers: int) -> None:
        """Changes the number of workers while the executor is at work.

        Args:
            max_workers: How many there shall be. If there are more, some end
                as soon as they have nothing in hand: no call is lost.
        """
        if max_workers <= 0:
            raise ValueError("max_workers must be greater than 0")
        with self._shutdown_lock:
            if self._engine is not None:
                self._get_ready()
            elif self._shutdown_thread:
                raise RuntimeError("cannot resize after shutdown")
            self._max_workers = max_workers
            self._ready = False
            if self._crew is not None:
                self._crew.resize(max_workers)
                self._crew.hire(max_workers)

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
        employer = ExecutorEmployer(self)
        crew = employer.crew
        with undisturbed():
            crew.hire(1 if self._safe_to_dynamically_spawn_children else self._max_workers)
            try:
                crew.start()
            except RuntimeError as error:
                self._broken = f"cannot start the threads of the pool: {error}"
                self._shutdown_thread = True
                crew.terminate()
                raise process.BrokenProcessPool(self._broken) from error
            self._executor_manager_thread = crew.collector
            self._executor_manager_thread_wakeup = _process._threads_wakeups[crew.collector] = Bell(
                crew.engine
            )
            self._call_queue = CallQueue(crew.engine)
            self._employer, self._crew, self._engine = employer, crew, crew.engine

    def map(
        self,
        fn: Callable[..., Any],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
        buffersize: int | None = None,
        progress: Any = None,
    ) -> Iterator[Any]:
        """Returns an iterator equivalent to map(fn, iter).

        Args:
            fn: A callable that will take as many arguments as there are
                passed iterables.
            timeout: The maximum number of seconds to wait. If None, then there
                is no limit on the wait time.
            chunksize: If greater than one, the iterables will be chopped into
                chunks of size chunksize and submitted to the process pool.
                If set to one, the items in the list will be sent one at a time.
            buffersize: The number of submitted calls, or chunks of them, whose
                results have not yet been yielded, at most. If None, all calls
                are submitted at once.
            progress: Shows how many calls are done: True (a bar of tqdm), a
                bar or its class, or a function that is called with how many
                are done and of how many (None if that is not known).

        Returns:
            An iterator equivalent to: map(func, *iterables) but the calls may
            be evaluated out-of-order.

        Raises:
            TimeoutError: If the entire result iterator could not be generated
                before the given timeout.
            Exception: If fn(*args) raises for any values.
        """
        options = self._options if self._assigns else None
        return self._map_on(options, fn, iterables, timeout, chunksize, buffersize, progress)

    def _map_on(
        self,
        options: Options | None,
        fn: Callable[..., Any],
        iterables: tuple[Iterable[Any], ...],
        timeout: float | None,
        chunksize: int,
        buffersize: int | None,
        progress: Any,
    ) -> Iterator[Any]:
        if chunksize < 1:
            raise ValueError("chunksize must be >= 1.")
        check_buffersize(buffersize)
        shown = Progress.of(progress, iterables)
        calls: Iterator[tuple[Any, ...]] = zip(*iterables)  # noqa: B905  # strict=False, as the original
        if chunksize > 1:
            items, fn = calls, partial(_process._process_chunk, fn)
            calls = ((chunk,) for chunk in iter(lambda: tuple(itertools.islice(items, chunksize)), ()))
        reference = weakref.ref(self)

        def submit(arguments: tuple[Any, ...]) -> Any:
            executor = reference()
            if executor is None:
                return None
            if options is None:
                future = executor.submit(fn, *arguments)
            else:
                future = executor._submit_on(options, fn, arguments, {})
            if shown is not None:
                shown.watch(future, len(arguments[0]) if chunksize > 1 else 1)
            return future

        found = results(submit, submit, calls, timeout, buffersize)
        if chunksize > 1:
            found = _process._chain_from_iterable_of_lists(found)
        return found if shown is None else shown.through(found)

    def shutdown(
        self, wait: bool = True, *, cancel_futures: bool = False, timeout: float | None = None
    ) -> None:
        """Clean-up the resources associated with the Executor.

        It is safe to call this method several times. Otherwise, no other
        methods can be called after this one.

        Args:
            wait: If True then shutdown will not return until all running
                futures have finished executing and the resources used by the
                executor have been reclaimed.
            cancel_futures: If True then shutdown will cancel all pending
                futures. Futures that are completed or running will not be
                cancelled.
            timeout: The number of seconds that shutdown waits at most.

        Raises:
            TimeoutError: If workers were still busy after that time. The
                executor stays shut down; shutdown can be called again.
        """
        with self._shutdown_lock:
            self._shutdown_thread = True
            self._ready = False
            employer, crew, collector = self._employer, self._crew, self._executor_manager_thread
            if employer is not None:
                employer.closing = True
        if employer is not None:
            if cancel_futures:
                for future, detail in crew.engine.withdraw_all():
                    if future.cancel():
                        future.set_running_or_notify_cancel()
                    else:
                        employer.cancelled(future, detail)  # between two attempts
            wake(crew.engine)
        if collector is not None and wait:
            if not crew.wait(timeout):
                raise _base.TimeoutError(
                    f"{crew.engine.unfinished} calls of the executor were unfinished after {timeout} seconds"
                )
        self._executor_manager_thread = None
        self._call_queue = None
        self._result_queue = None
        self._processes = None
        self._executor_manager_thread_wakeup = None
        self._employer = self._crew = self._engine = None

    def terminate_workers(self) -> None:
        """Terminates the workers of the executor, by SIGTERM, without waiting for what they do.

        Calls that are in line are cancelled, those that are with the workers
        fail with BrokenProcessPool. The executor is shut down.
        """
        self._force_shutdown("terminate_workers")

    def kill_workers(self) -> None:
        """Kills the workers of the executor, by SIGKILL.

        As terminate_workers(), for workers that do not heed SIGTERM.
        """
        self._force_shutdown("kill_workers")

    def _force_shutdown(self, operation: str) -> None:
        crew = self._crew
        self.shutdown(wait=False, cancel_futures=True)
        if crew is not None:
            crew.give_up(f"the workers were ended by {operation}()", kill=operation == "kill_workers")

    def __exit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> Literal[False]:
        """As the original's; but after Ctrl-C nothing is waited for."""
        if exc_type is not None and issubclass(exc_type, KeyboardInterrupt) and self._crew is not None:
            self._crew.give_up("the program was interrupted")
        self.shutdown(wait=True)
        return False

    def __getstate__(self) -> Any:
        raise TypeError("cannot pickle '_thread.lock' object")


def _forwarded(forward: bool | str | Iterable[str]) -> frozenset[str] | None:
    """What is forwarded; ``None`` for nothing."""
    if forward is False:
        return None
    from ropewalk.processes.forwarding import KINDS

    if forward is True:
        return frozenset(KINDS)
    what = frozenset({forward} if isinstance(forward, str) else forward)
    if not what <= set(KINDS):
        raise ValueError(
            f"forward can be True or some of {', '.join(KINDS)}, not {sorted(what - set(KINDS))}"
        )
    return what or None


_executors: weakref.WeakSet[ProcessPoolExecutor] = weakref.WeakSet()


def _renew() -> None:
    """In the child of a fork: the workers are the parent's, and so are the tasks."""
    for executor in list(_executors):
        if executor.__dict__.get("_employer") is not None:
            executor._begin_anew()


os.register_at_fork(after_in_child=_renew)

ProcessPoolExecutor.submit.__doc__ = _Original.submit.__doc__

#: What install() puts into the real modules. The package first: it takes its own from the module when it is asked.
PATCHES: dict[str, dict[str, Any]] = {
    "concurrent.futures": {"ProcessPoolExecutor": ProcessPoolExecutor},
    "concurrent.futures.process": {"ProcessPoolExecutor": ProcessPoolExecutor},
}
