"""A ``ProcessPoolExecutor`` as its crew sees it."""

from __future__ import annotations

import sys
import weakref
from concurrent.futures import _base, process

from ropewalk import _ropewalk
from ropewalk.concurrent.futures.executor_manner import ExecutorManner
from ropewalk.concurrent.futures.options import Assignment
from ropewalk.processes import kinds, nesting
from ropewalk.processes.crew import Crew, Employer, wake
from ropewalk.processes.duties import Duties
from ropewalk.processes.encoding import CALL, KEYWORDS, enlist_on
from ropewalk.processes.seeding import Stream
from ropewalk.processes.worker import Failure, work

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ropewalk.concurrent.futures.process import ProcessPoolExecutor

__all__ = ["Bell", "CallQueue", "ExecutorEmployer", "raised"]

_process: Any = process  # its private names


class ExecutorEmployer(Employer):
    """The executor as its crew sees it, which does not keep it alive."""

    def __init__(self, executor: ProcessPoolExecutor) -> None:
        self.processes = executor._processes
        self.start: Any = executor._mp_context.Process  # type: ignore[union-attr]
        self.initializer = executor._initializer
        self.initargs = executor._initargs
        self.limit = executor._max_tasks_per_child
        self.lock = executor._shutdown_lock
        self.closing = False
        self.exit = executor._exit
        self.seed = executor._seed
        self.memory_limit = executor._memory_limit
        self.forward = executor._forward
        self.seats: dict[int, int] = {}  # pid -> index
        self.generations: dict[int, int] = {}  # how many had this index
        self.crew = Crew(self, executor._max_workers, raised, roster=True)
        self.reference = weakref.ref(executor, self._left_alone)
        if self.memory_limit is not None:
            self.crew.engine.set_memory_limit(self.memory_limit)
        if executor._max_pending is not None:
            self.crew.engine.set_max_pending(executor._max_pending)

    def _left_alone(self, _: Any) -> None:
        # Called by the garbage collector, anywhere: takes no lock.
        self.closing = True
        wake(self.crew.engine)

    def hire(self) -> Any:
        taken = set(self.seats.values())
        index = next(index for index in range(len(taken) + 1) if index not in taken)
        with nesting.allowed(), self.crew.link() as link:
            arguments = (
                link,
                ExecutorManner(),
                self.initializer,
                self.initargs,
                self.limit,
                self._duties(index),
            )
            worker = self.start(target=work, args=arguments)
            worker.start()
        self.processes[worker.pid] = worker
        self.seats[worker.pid] = index
        self.generations[index] = self.generations.get(index, 0) + 1
        return worker

    def _duties(self, index: int) -> Duties | None:
        if all(it is None for it in (self.exit, self.seed, self.memory_limit, self.forward)):
            return None
        forwarding = None
        if self.forward is not None:
            from ropewalk.processes.forwarding import Forwarding

            forwarding = Forwarding(self.forward)
        stream = None if self.seed is None else Stream(self.seed, index, self.generations.get(index, 0))
        return Duties(exit=self.exit, stream=stream, memory_limit=self.memory_limit, forwarding=forwarding)

    def fire(self, worker: Any) -> None:
        self.processes.pop(worker.pid, None)
        self.seats.pop(worker.pid, None)

    def settle(self, owner: Any, detail: Any, failed: bool, value: Any, took: float) -> None:
        if failed and type(detail) is Assignment and self._tries_again(owner, detail, value):
            return
        try:
            if failed:
                owner.set_exception(value)
            else:
                owner.set_result(value)
        except _base.InvalidStateError:
            pass  # somebody has cancelled or finished it himself

    def harvested(self, harvest: Any) -> None:
        """An executor has none."""

    def _tries_again(self, owner: Any, detail: Assignment, error: BaseException) -> bool:
        engine: Any = self.crew.engine
        if engine.closed or owner.done() or not detail.tries_again(error):
            return False
        if owner.__dict__.get("_unwanted"):
            owner._was_stopped()
            return True
        try:
            self.enlist(engine, owner, detail, False, True)
        except Exception as reason:
            if engine.closed:  # the crew has given up just now
                return False
            reason.__cause__ = error  # it can not be sent any more
            owner.set_exception(reason)
        if owner.__dict__.get("_unwanted"):
            owner._stop()
        return True

    @staticmethod
    def enlist(engine: Any, owner: Any, detail: Assignment, bounded: bool, again: bool) -> int:
        """Submits a task on its terms; 0 if the line is full."""
        options = detail.options
        terms = options.priority, options.timeout, options.grace, bounded, again
        if detail.keywords:
            arguments = detail.arguments, detail.keywords
            return enlist_on(engine, owner, detail, KEYWORDS, detail.function, arguments, *terms)
        return enlist_on(engine, owner, detail, CALL, detail.function, detail.arguments, *terms)

    def cancelled(self, owner: Any, detail: Any) -> None:
        owner._was_stopped()

    def attempt(self, detail: Any) -> int:
        return detail.attempt if type(detail) is Assignment else 1

    def timeout(self, detail: Any) -> float | None:
        return detail.options.timeout if type(detail) is Assignment else None

    def excess(self, detail: Any, why: int) -> str:
        if why == kinds.MEMORY:
            return f"it had more memory than the memory_limit of {self.memory_limit} bytes"
        grace = detail.options.grace if type(detail) is Assignment else 1.0
        what = "after its timeout" if why == kinds.TIMEOUT else "after it was cancelled"
        return f"its task went on for {grace:g} s {what}"

    def said(self, body: bytes) -> None:
        from ropewalk.processes.heard import pass_on

        try:
            pass_on(body)
        except Exception as error:
            what = f"{type(error).__name__}: {error}"  # and not the error, whose frames hold this crew
            _base.LOGGER.error("what a worker process has said could not be passed on: %s", what)

    def call(self, detail: Any) -> Any:
        if type(detail) is Assignment:
            return detail.function, detail.arguments, detail.keywords
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


def raised(failure: Failure) -> BaseException:
    _, text, pickled = failure
    error: BaseException = _ropewalk.loads(pickled)
    if text:
        error.__cause__ = _process._RemoteTraceback(f'\n"""\n{text}"""')
    return error


class Bell:
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


class CallQueue:
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
