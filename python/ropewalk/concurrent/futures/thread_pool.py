"""``ThreadPoolExecutor`` on the engine's line of tasks.

A submit that needs nothing but a place in line is one call into the engine.  Everything else - closed, broken, full,
one more thread needed - is looked at in Python, under the original's locks.
"""

from __future__ import annotations

import contextvars
import math
import os
import threading
import time
import weakref
from concurrent.futures import _base, thread

from ropewalk.concurrent.futures import after_fork
from ropewalk.concurrent.futures.future import Future
from ropewalk.concurrent.futures.inside import CrewLimit, IdleWorkers, Line
from ropewalk.concurrent.futures.mapping import check_buffersize, results
from ropewalk.concurrent.futures.work_queue import WorkQueue
from ropewalk.concurrent.futures.worker import work
from ropewalk.original import OneOfBoth

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

__all__ = ["ThreadPoolExecutor"]

_Original = thread.ThreadPoolExecutor
_HELP = {False: 0, True: 1, "always": 2}


class ThreadPoolExecutor(_Original, metaclass=OneOfBoth):
    __module__ = "concurrent.futures.thread"
    __ropewalk__ = True
    __original__ = _Original
    __hooks__ = frozenset({"_adjust_thread_count", "_initializer_failed", "prepare_context"})

    _work_queue = Line()
    _max_workers = CrewLimit()
    _idle_semaphore = IdleWorkers()
    _line: WorkQueue
    _counter: Callable[[], int]

    def __init__(
        self,
        max_workers: int | None = None,
        thread_name_prefix: str = "",
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
        *,
        max_pending: int | None = None,
        context: bool = False,
        help: bool | str = True,
    ) -> None:
        """Initializes a new ThreadPoolExecutor instance.

        Args:
            max_workers: The maximum number of threads that can be used to
                execute the given calls.
            thread_name_prefix: An optional name prefix to give our threads.
            initializer: A callable used to initialize worker threads.
            initargs: A tuple of arguments to pass to the initializer.
            max_pending: The number of calls in line at which submit() waits
                until a worker takes one. Its own workers never wait there.
            context: Whether a call runs in a copy of the context variables
                of the thread that submitted it.
            help: Whether a thread that waits without a timeout for a call
                still in line does that call itself. True: workers of this
                executor do; "always": any thread does, unless there is an
                initializer; False: none does.
        """
        if max_workers is None:
            max_workers = min(32, (getattr(os, "process_cpu_count", os.cpu_count)() or 1) + 4)
        if max_workers <= 0:
            raise ValueError("max_workers must be greater than 0")
        if initializer is not None and not callable(initializer):
            raise TypeError("initializer must be a callable")
        if max_pending is not None and max_pending <= 0:
            raise ValueError("max_pending must be greater than 0")
        if help not in _HELP:
            raise ValueError("help must be True, False or 'always'")
        if initializer is not None:
            help = bool(help)  # a thread that is not of this executor was not initialized

        line = WorkQueue(Future, math.ceil(max_workers), max_pending, _HELP[help])
        inside = self.__dict__
        inside["_line"] = line
        inside["_limit"] = max_workers
        self._inject = _in_context(line) if context else line.inject
        self._threads: set[threading.Thread] = set()
        self._broken: Any = False
        self._shutdown = False
        self._shutdown_lock = threading.Lock()
        self._thread_name_prefix = thread_name_prefix or ("ThreadPoolExecutor-%d" % self._counter())
        self._initializer: Any = initializer
        self._initargs = initargs
        self._context = context
        after_fork.remember(self)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        future = self._inject(fn, args, kwargs)
        if future is None:
            future = self._submit_slowly(fn, args, kwargs)
        return future

    def _submit_slowly(self, fn: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self._context:
            fn, args = contextvars.copy_context().run, (fn, *args)
        line = self._line
        while True:
            with self._shutdown_lock, thread._global_shutdown_lock:
                if self._broken:
                    raise thread.BrokenThreadPool(self._broken)
                if self._shutdown:
                    raise RuntimeError("cannot schedule new futures after shutdown")
                if thread._shutdown:
                    raise RuntimeError("cannot schedule new futures after interpreter shutdown")
                future = line.push(fn, args, kwargs)
                if future is not None:
                    self._adjust_thread_count()
                    return future
            line.wait_room()

    def _adjust_thread_count(self) -> None:
        line = self._line
        if not line.is_short_of_workers():
            return

        def summon(_: Any, line: Any = line) -> None:
            line.put(None)

        worker = threading.Thread(
            name="%s_%d" % (self._thread_name_prefix or self, len(self._threads)),
            target=work,
            args=(weakref.ref(self, summon), line, self._initializer, self._initargs),
        )
        line.hire()
        try:
            worker.start()
        except BaseException:
            line.leave()
            raise
        self._threads.add(worker)
        thread._threads_queues[worker] = line  # type: ignore[index]

    def _initializer_failed(self) -> None:
        with self._shutdown_lock:
            self._broken = "A thread initializer failed, the thread pool is not usable anymore"
            self._line.close()
            for future in self._pending():
                future.set_exception(thread.BrokenThreadPool(self._broken))

    def _pending(self) -> Iterator[Any]:
        """Takes every call out of the line; yields the futures."""
        while True:
            item = self._line.take()
            if item is None:
                return
            yield item[0] if type(item) is tuple else item.future

    def map(
        self,
        fn: Callable[..., Any],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
        buffersize: int | None = None,
    ) -> Iterator[Any]:
        """Returns an iterator equivalent to map(fn, iter).

        Args:
            fn: A callable that will take as many arguments as there are
                passed iterables.
            timeout: The maximum number of seconds to wait. If None, then there
                is no limit on the wait time.
            chunksize: For executors of processes; ignored here.
            buffersize: The number of submitted calls whose results have not
                yet been yielded, at most. If None, all calls are submitted at
                once.

        Raises:
            TimeoutError: If the entire result iterator could not be generated
                before the given timeout.
            Exception: If fn(*args) raises for any values.
        """
        check_buffersize(buffersize)
        calls = zip(*iterables)  # noqa: B905  # strict=False, as the original
        reference = weakref.ref(self)

        def again(arguments: tuple[Any, ...]) -> Any:
            executor = reference()
            return None if executor is None else executor.submit(fn, *arguments)

        return results(lambda it: self.submit(fn, *it), again, calls, timeout, buffersize)

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
            TimeoutError: If threads were still busy after that time. The
                executor stays shut down; shutdown can be called again.
        """
        line = self._line
        with self._shutdown_lock:
            self._shutdown = True
            line.close()
            if cancel_futures:
                for future in self._pending():
                    if future.cancel():
                        future.set_running_or_notify_cancel()
            line.put(None)
        if not wait:
            return
        end = None if timeout is None else timeout + time.monotonic()
        for worker in self._threads:
            worker.join(None if end is None else max(0.0, end - time.monotonic()))
        busy = sum(worker.is_alive() for worker in self._threads) if end is not None else 0
        if busy:
            raise _base.TimeoutError("%d (of %d) threads still busy" % (busy, len(self._threads)))

    def __getstate__(self) -> Any:
        raise TypeError("cannot pickle '_queue.SimpleQueue' object")


def _in_context(line: Any) -> Callable[..., Any]:
    """As ``line.inject``, for calls that run in a copy of the submitter's context."""
    inject = line.inject

    def inject_in_context(fn: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return inject(contextvars.copy_context().run, (fn, *args), kwargs)

    return inject_in_context


ThreadPoolExecutor.submit.__doc__ = _Original.submit.__doc__
