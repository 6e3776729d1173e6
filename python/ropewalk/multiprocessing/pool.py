"""``Pool`` on a crew of worker processes that a killed worker can neither hang nor break.

The original keeps three threads, two pipes with locks that a worker can die with, and no record of who does what.
Here a task stands in shared memory until a worker takes it, and who died with it is known: its result is
``WorkerDied``. ``ThreadPool`` is the original's, on the original's ``Pool``.
"""

from __future__ import annotations

import itertools
import os
import queue
import threading
import warnings
from multiprocessing import pool as _pool
from multiprocessing import util

from ropewalk import _ropewalk
from ropewalk.concurrent.futures.future import Future
from ropewalk.locks import Condition, Lock
from ropewalk.original import OneOfBoth
from ropewalk.processes import nesting
from ropewalk.processes.crew import Crew, Employer, wake
from ropewalk.processes.encoding import CALL, KEYWORDS, MAP, STARMAP, enlist
from ropewalk.processes.undisturbed import undisturbed
from ropewalk.processes.worker import Failure, Manner, work
from ropewalk.threading import Event

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

__all__ = ["Pool", "ThreadPool"]

_Original = _pool.Pool
_theirs: Any = _pool  # its private names
ThreadPool = _pool.ThreadPool
RUN, CLOSE, TERMINATE = _theirs.RUN, _theirs.CLOSE, _theirs.TERMINATE


class PoolManner(Manner):
    """Workers of a pool end with what is no ``Exception``, and wrap what can not be sent."""

    caught = Exception

    def unsendable(self, error: BaseException, value: Any) -> BaseException:
        wrapped: BaseException = _theirs.MaybeEncodingError(error, value)
        return wrapped

    def is_remote(self, function: Any) -> bool:
        return function is not _theirs._helper_reraises_exception

    def unfit(self) -> None:
        raise  # noqa: PLE0704  # seen by multiprocessing, which prints it


class _Employer(Employer):
    """The pool as its crew sees it, which does not keep it alive."""

    def __init__(self, pool: Any) -> None:
        self.context = pool._ctx
        self.start = pool.Process
        self.workers = pool._pool
        self.initializer = pool._initializer
        self.initargs = pool._initargs
        self.limit = pool._maxtasksperchild
        self.cache = pool._cache
        self.closing = False
        self.why_broken: str | None = None
        self.crew = Crew(self, pool._processes, _raised, daemon=True)

    def hire(self) -> Any:
        with nesting.allowed(), self.crew.link() as link:
            arguments = (link, PoolManner(), self.initializer, self.initargs, self.limit)
            worker = self.start(self.context, target=work, args=arguments)
            worker.name = worker.name.replace("Process", "PoolWorker")
            worker.daemon = True
            worker.start()
        self.workers.append(worker)
        util.debug("added worker")
        return worker

    def fire(self, worker: Any) -> None:
        if worker in self.workers:
            self.workers.remove(worker)

    def settle(self, owner: Any, detail: Any, failed: bool, value: Any, took: float) -> None:
        try:
            if type(owner) is _ropewalk.Harvest:
                if owner.owner._gathered(owner, detail[0], failed, value):
                    owner.owner._harvested()
            elif type(owner) is Future:
                owner.set_exception(value) if failed else owner.set_result(value)
            else:
                owner._set(detail[0], (not failed, value))
        except Exception:
            # A callback of the program's.
            threading.excepthook(_Raised())  # type: ignore[arg-type]

    def harvested(self, harvest: Any) -> None:
        try:
            harvest.owner._harvested()
        except Exception:
            threading.excepthook(_Raised())  # type: ignore[arg-type]

    def call(self, detail: Any) -> Any:
        _, how, function, arguments = detail
        if how == KEYWORDS:
            return function, *arguments
        if function in (_theirs.mapstar, _theirs.starmapstar):
            function, arguments = arguments[0]
        return function, arguments, {}

    def is_over(self) -> bool:
        return self.closing and not self.cache

    def broken(self, why: str) -> BaseException:
        from concurrent.futures.process import BrokenProcessPool

        self.why_broken = why
        return BrokenProcessPool(why)

    def ended(self) -> None:
        self.initializer, self.initargs = None, ()


class _Raised:
    """What ``threading.excepthook`` is told of an exception that is being handled."""

    def __init__(self) -> None:
        import sys

        self.exc_type: Any
        info: Any = sys.exc_info()
        self.exc_type, self.exc_value, self.exc_traceback = info
        self.thread = threading.current_thread()


class _Line:
    """``_taskqueue``: calls of a pool that come from an iterator, and the thread that draws them from there."""

    def __init__(self, employer: _Employer) -> None:
        self._employer = employer
        self._queue: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self.thread: threading.Thread | None = None
        self.over = False

    def put(self, item: Any) -> None:
        with self._lock:
            if self.thread is None and item is not None:
                self.thread = threading.Thread(target=self._draw, name="ropewalk-imap", daemon=True)
                self.thread.start()
            self._queue.put(item)

    def close(self) -> None:
        self.over = True
        self._queue.put(None)

    def _draw(self) -> None:
        crew = self._employer.crew
        for tasks, set_length in iter(self._queue.get, None):
            number = 0
            for owner, place, function, arguments in tasks:
                if self.over:
                    return
                _enlist(crew, owner, place, function, arguments)
                number += 1
                owner = function = arguments = None
            set_length(number)
            wake(crew.engine)
            tasks = set_length = None


def _enlist(crew: Crew, owner: Any, number: int, function: Any, arguments: Any, keywords: Any = None) -> None:
    """Submits a task. If it can not be sent, that is its result."""
    how = CALL
    if keywords:
        how, arguments = KEYWORDS, (arguments, keywords)
    try:
        enlist(crew.engine, owner, (number, how, function, arguments), how, function, arguments)
    except Exception as error:
        if crew.engine.closed:
            raise ValueError("Pool not running") from None
        owner._set(number, (False, error))
        wake(crew.engine)


def _raised(failure: Failure) -> BaseException:
    _, text, pickled = failure
    error: BaseException = _ropewalk.loads(pickled)
    if text:
        error.__cause__ = _theirs.RemoteTraceback(f'\n"""\n{text}"""')
    return error


class MapResult(_theirs.MapResult):  # type: ignore[misc]
    """The result of a ``map``: its list is filled by the engine, and only what went wrong is told."""

    __module__ = "multiprocessing.pool"
    __doc__ = None
    _success: bool
    _event: Any

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        if not self._event.is_set():
            self._event = Event()

    def _gathered(self, harvest: Any, number: int, failed: bool, value: Any) -> bool:
        """One task is done that the engine has left to Python. Whether it was the last."""
        if not failed:
            return bool(harvest.store(number, value))
        if self._success:
            self._success, self._value = False, value
        return bool(harvest.skip())

    def _harvested(self) -> None:
        """All is done."""
        callback = self._callback if self._success else self._error_callback
        try:
            if callback:
                callback(self._value)
        finally:
            self._cache.pop(self._job, None)
            self._event.set()
            self._pool = None


class Pool(_Original, metaclass=OneOfBoth):
    __module__ = "multiprocessing.pool"
    __doc__ = _Original.__doc__
    __ropewalk__ = True
    __original__ = _Original
    __hooks__ = frozenset(
        {
            "_get_sentinels",
            "_get_worker_sentinels",
            "_handle_results",
            "_handle_tasks",
            "_handle_workers",
            "_help_stuff_finish",
            "_join_exited_workers",
            "_maintain_pool",
            "_repopulate_pool",
            "_repopulate_pool_static",
            "_setup_queues",
            "_terminate_pool",
            "_wait_for_updates",
        }
    )

    def __init__(
        self,
        processes: int | None = None,
        initializer: Callable[..., object] | None = None,
        initargs: Iterable[Any] = (),
        maxtasksperchild: int | None = None,
        context: Any = None,
    ) -> None:
        if not type.__instancecheck__(Pool, self):  # the original's ThreadPool
            _Original.__init__(self, processes, initializer, initargs, maxtasksperchild, context)
            return
        self._pool: list[Any] = []
        self._state = _theirs.INIT
        self._ctx = context or _theirs.get_context()
        self._cache: dict[int, Any] = {}
        self._maxtasksperchild = maxtasksperchild
        self._initializer = initializer
        self._initargs = initargs
        if processes is None:
            processes = getattr(os, "process_cpu_count", os.cpu_count)() or 1
        if processes < 1:
            raise ValueError("Number of processes must be at least 1")
        if maxtasksperchild is not None and (not isinstance(maxtasksperchild, int) or maxtasksperchild <= 0):
            raise ValueError("maxtasksperchild must be a positive int or None")
        if initializer is not None and not callable(initializer):
            raise TypeError("initializer must be a callable")
        self._processes = processes
        self._employer = _Employer(self)
        self._crew = self._employer.crew
        self._taskqueue = _Line(self._employer)
        with undisturbed():
            self._crew.hire(processes)
            self._crew.start()
            self._worker_handler = self._crew.watcher
            self._task_handler = self._result_handler = self._crew.collector
            self._terminate = util.Finalize(
                self, _terminate, args=(self._employer, self._taskqueue), exitpriority=15
            )
            self._state = RUN

    def __del__(self, _warn: Any = warnings.warn, RUN: str = RUN) -> None:
        if self._state == RUN:
            _warn(f"unclosed running multiprocessing pool {self!r}", ResourceWarning, source=self)

    def __repr__(self) -> str:
        cls = type(self)
        # The original keeps the workers of a pool that is over.
        size = len(self._pool) if self._state == RUN else self._processes
        return f"<{cls.__module__}.{cls.__qualname__} state={self._state} pool_size={size}>"

    def _check_running(self) -> None:
        if self._state != RUN:
            raise ValueError("Pool not running")
        if self._employer.why_broken is not None:
            raise self._employer.broken(self._employer.why_broken)

    def _repopulate_pool(self) -> None:
        self._crew.hire(self._processes)

    def apply(self, func: Callable[..., Any], args: Iterable[Any] = (), kwds: Any = {}) -> Any:  # noqa: B006
        self._check_running()
        future = Future()
        how, arguments = (KEYWORDS, (args, kwds)) if kwds else (CALL, args)
        enlist(self._crew.engine, future, (0, how, func, arguments), how, func, arguments)
        return future.result()

    def apply_async(
        self,
        func: Callable[..., Any],
        args: Iterable[Any] = (),
        kwds: Any = {},  # noqa: B006  # the original's
        callback: Callable[[Any], object] | None = None,
        error_callback: Callable[[BaseException], object] | None = None,
    ) -> Any:
        self._check_running()
        result = _theirs.ApplyResult(self, callback, error_callback)
        result._event = Event()  # the engine's misses no signal
        _enlist(self._crew, result, 0, func, args, kwds)
        return result

    def _map_async(
        self,
        func: Callable[..., Any],
        iterable: Any,
        mapper: Callable[..., Any],
        chunksize: int | None = None,
        callback: Any = None,
        error_callback: Any = None,
    ) -> Any:
        self._check_running()
        if not hasattr(iterable, "__len__"):
            iterable = list(iterable)
        if chunksize is None:
            chunksize, extra = divmod(len(iterable), len(self._pool) * 4 or 1)
            if extra:
                chunksize += 1
        if len(iterable) == 0:
            chunksize = 0
        result = MapResult(self, chunksize, len(iterable), callback, error_callback)
        if chunksize:
            self._sow(result, func, iterable, mapper is _theirs.starmapstar, chunksize)
        return result

    def _sow(self, result: MapResult, function: Any, iterable: Iterable[Any], star: bool, chunk: int) -> None:
        """Submits the tasks of a map."""
        items: list[Any] = []
        missing: BaseException | None = None
        try:
            items.extend(iterable)
        except Exception as error:
            missing = error
        if chunk > 1:
            how = STARMAP if star else MAP
            calls = [tuple(items[start : start + chunk]) for start in range(0, len(items), chunk)]
        else:
            how = CALL
            calls = items if star else [(item,) for item in items]
        result._value = [None] * len(items)
        engine = self._crew.engine
        harvest = _ropewalk.Harvest(result._value, chunk, len(calls) + (missing is not None), result)
        if missing is not None and result._gathered(harvest, 0, True, missing):
            result._harvested()
        sown = 0
        while True:
            done, refused = engine.enlist_each(harvest, how, function, calls[sown:] if sown else calls, sown)
            if refused is None:
                return
            sown += done
            arguments = calls[sown]
            try:
                enlist(engine, harvest, (sown, how, function, arguments), how, function, arguments)
            except Exception as reason:
                if result._gathered(harvest, sown, True, reason):
                    result._harvested()
                    wake(engine)
                    return
            sown += 1

    def _tasks(self, result: Any, function: Any, iterable: Iterable[Any]) -> Iterator[Any]:
        """One task for each item; one more that raises what the iterable has raised."""
        number = -1
        try:
            for number, item in enumerate(iterable):
                yield result, number, function, (item,)
        except Exception as error:
            yield result, number + 1, _theirs._helper_reraises_exception, (error,)

    def imap(self, func: Callable[..., Any], iterable: Iterable[Any], chunksize: Any = 1) -> Any:
        return self._imap(_theirs.IMapIterator, func, iterable, chunksize)

    def imap_unordered(self, func: Callable[..., Any], iterable: Iterable[Any], chunksize: Any = 1) -> Any:
        return self._imap(_theirs.IMapUnorderedIterator, func, iterable, chunksize)

    def _imap(self, kind: Any, func: Any, iterable: Iterable[Any], chunksize: int) -> Any:
        self._check_running()
        if chunksize < 1:
            raise ValueError(f"Chunksize must be 1+, not {chunksize}")
        result = kind(self)
        result._cond = Condition(Lock())
        if chunksize == 1:
            tasks = self._tasks(result, func, iterable)
        else:
            tasks = self._tasks(result, _theirs.mapstar, _Original._get_tasks(func, iterable, chunksize))  # type: ignore[attr-defined]
        self._taskqueue.put((tasks, result._set_length))
        return result if chunksize == 1 else itertools.chain.from_iterable(result)

    def close(self) -> None:
        util.debug("closing pool")
        if self._state == RUN:
            self._state = CLOSE
            self._employer.closing = True
            wake(self._crew.engine)

    def terminate(self) -> None:
        util.debug("terminating pool")
        self._state = TERMINATE
        self._terminate()

    def join(self) -> None:
        util.debug("joining pool")
        if self._state == RUN:
            raise ValueError("Pool is still running")
        elif self._state not in (CLOSE, TERMINATE):
            raise ValueError("In unknown state")
        self._crew.wait()
        self._worker_handler.join()
        self._taskqueue.close()
        for worker in self._pool:
            worker.join()

    def __reduce__(self) -> Any:
        raise NotImplementedError("pool objects cannot be passed between processes or pickled")


def _terminate(employer: _Employer, line: _Line) -> None:
    """Ends all; called once, also at exit and by the collector."""
    util.debug("finalizing pool")
    employer.closing = True
    line.close()
    crew = employer.crew
    for owner, detail in crew.terminate():
        # Nobody asked for callbacks of what was thrown away; but whoever waits must not wait for ever.
        waiting = owner.owner if type(owner) is _ropewalk.Harvest else owner
        if type(waiting) is not Future:
            waiting._callback = waiting._error_callback = None
        employer.settle(owner, detail, True, RuntimeError("the pool was terminated"), 0.0)
    here = threading.current_thread()
    for thread in (crew.collector, crew.watcher):
        if thread is not here:
            thread.join()


for _name in ("__init__", "apply", "apply_async", "imap", "imap_unordered", "close", "terminate", "join"):
    getattr(Pool, _name).__doc__ = getattr(_Original, _name).__doc__

#: What install() puts into the real modules.
PATCHES: dict[str, dict[str, Any]] = {"multiprocessing.pool": {"Pool": Pool}}
