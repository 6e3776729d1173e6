"""The end of the process that has the work: it hires workers, hands out tasks, collects what they answer.

Two threads belong to a crew. The *collector* reads the queue of answers: results, and news of deaths, which stand there
behind what the dead had answered before. The *watcher* waits for processes to end, and brings these news. So when the
collector reads of a death, the task that the worker had in hand, if any, is one without an answer, and it is the only
one that is lost.
"""

from __future__ import annotations

import os
import signal
import threading
from functools import partial

from ropewalk import _ropewalk
from ropewalk.concurrent.futures.frames import call_back
from ropewalk.processes import kinds
from ropewalk.processes.link import Link
from ropewalk.processes.undisturbed import undisturbed
from ropewalk.processes.watcher import Watcher, reap
from ropewalk.threading import Event

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol

    from ropewalk.processes.worker import Failure

else:
    Protocol = object

__all__ = ["Crew", "Employer", "wake"]

#: Workers in a row that die before they are ready, until the crew gives up.
_STILLBORN = 3
#: The same for those that were killed: somebody may be about, or something that they do asks for it.
_KILLED_STILLBORN = 30
#: Seconds that workers have to end when they are told to.
_GRACE = 2.0


class Employer(Protocol):
    """What a crew asks of the pool or executor that it belongs to. It must not keep that alive.

    Those with a body are for one that looks after its tasks.
    """

    def hire(self) -> Any:
        """Starts one more worker process and gives it."""

    def fire(self, process: Any) -> None:
        """A worker's process has ended."""

    def settle(self, owner: Any, detail: Any, failed: bool, value: Any, took: float) -> None:
        """A task is done, or has failed for good."""

    def harvested(self, harvest: Any) -> None:
        """All tasks of a harvest are done."""

    def call(self, detail: Any) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
        """What a task calls, for reports."""

    def cancelled(self, owner: Any, detail: Any) -> None:
        """A task was stopped because nobody wants it any more."""
        return

    def attempt(self, detail: Any) -> int:
        """Which attempt at a task this is, from 1."""
        return 1

    def excess(self, detail: Any, why: int) -> str:
        """What a task had too much of, or did too long, when its worker was killed for that."""
        return ""

    def timeout(self, detail: Any) -> float | None:
        """The seconds that a task may take."""
        return None

    def said(self, body: bytes) -> None:
        """A task has printed, logged or warned of something."""
        return

    def is_over(self) -> bool:
        """Whether no more tasks will come. Asked under no lock."""

    def broken(self, why: str) -> BaseException:
        """The crew is at its end: the exception for whoever waits."""

    def ended(self) -> None:
        """Nobody works any more."""


class Crew:
    """Workers, their tasks, and two threads."""

    def __init__(
        self,
        employer: Employer,
        size: int,
        raised: Callable[[Failure], BaseException],
        *,
        daemon: bool = False,
        roster: bool = False,
    ) -> None:
        """``raised`` makes the exception that a task raised in its worker, or raises what reading it raises.

        ``roster``: whether the crew looks after its tasks, so that they can be stopped.
        """
        self._open = partial(_opened, raised)  # kept by the engine, so it must not keep us
        self.engine = _ropewalk.Crew(self._open, roster)
        self._roster = roster
        self.size = size
        self._leaving = 0
        self.lock = threading.Lock()  # for hiring
        self.members: dict[int, Any] = {}
        self.collector = threading.Thread(target=self._collect, name="ropewalk-collector", daemon=daemon)
        self.watcher = Watcher(self.engine, daemon=daemon)
        self._over = Event()
        self.pid = os.getpid()
        self.terminated = False
        self.is_broken = False
        self._employer: Any = employer  # None when all is over: the two hold each other
        self._ready: set[int] = set()
        self._unfit: set[int] = set()
        self._stillborn = 0
        self._dismissed = False
        self._out_of_memory = _ropewalk.memory_counts()[0]

    # --- Hiring

    def link(self) -> Any:
        """What a worker needs to begin: as a context, in which it is started."""
        return Link.leased(self.engine, self._roster)

    def hire(self, count: int = 1) -> None:
        """Starts workers, so many at most, until there are ``size`` of them."""
        with self.lock, undisturbed():
            if self.terminated or self._employer is None:
                return
            hired: list[Any] = []
            try:
                for _ in range(min(count, self.size - len(self.members))):
                    hired.append(self._employer.hire())
            except BaseException:
                for process in hired:
                    process.terminate()
                for process in hired:
                    process.join()
                    self._employer.fire(process)
                raise
            for process in hired:
                self.members[process.pid] = process
                self.watcher.watch(process)
            self.engine.set_workers(len(self.members))

    def resize(self, size: int) -> None:
        """So many workers are wanted from now on. If there are more, some go home when they have nothing in hand."""
        with self.lock:
            self.size = size
            surplus = len(self.members) - self._leaving - size
            if surplus > 0:
                self._leaving += surplus
                self.engine.send_home(surplus)

    def start(self) -> None:
        """Starts the threads."""
        # It imports what registers with threading: that cannot be done when a worker dies while the program ends.
        from ropewalk.processes import died  # noqa: F401

        try:
            self.watcher.start()
            self.collector.start()
        except BaseException:
            self._abandon()
            raise

    def _abandon(self) -> None:
        """Ends the workers of a crew whose threads cannot be started: nobody else would notice that they are gone."""
        employer = self._employer
        self.watcher.stop()
        self.terminate()
        with self.lock:
            members, self.members = list(self.members.values()), {}
        for process in members:
            if reap(process) is None:
                process.kill()
            employer.fire(process)

    # --- Collecting

    def _collect(self) -> None:
        try:
            while not self._is_over():
                arrivals = self.engine.arrivals(_GRACE if self.terminated else None)
                if not arrivals and self.terminated:
                    self._kill()
                for number, owner, detail, kind, took, body in arrivals:
                    if number:
                        self._answered(owner, detail, kind, took, body)
                    else:
                        self._noticed(kind, owner, detail, body)
                    owner = detail = body = None
                arrivals = None  # type: ignore[assignment]
        except BaseException as error:
            self.give_up(f"the thread that collects results failed: {type(error).__name__}: {error}", error)
        finally:
            self.watcher.stop()
            employer, self._employer = self._employer, None
            employer.ended()
            self._over.set()

    def _answered(self, owner: Any, detail: Any, kind: int, took: float, parcel: Any) -> None:
        try:
            value, failed = self._open(kind, parcel, detail), False
        except BaseException as error:
            value, failed = error.with_traceback(None), True
        if kind & kinds.STOPPED:
            self._stopped(owner, detail, value, took)
        else:
            self._employer.settle(owner, detail, failed, value, took)

    def _stopped(self, owner: Any, detail: Any, error: Any, took: float) -> None:
        """A task has ended by the exception that was raised in it from outside."""
        from ropewalk.processes import died, stopped

        if isinstance(error, stopped.TaskCancelled):
            self._employer.cancelled(owner, detail)
            return
        if isinstance(error, stopped.TaskTimeout):
            call = died.shown(*self._employer.call(detail))
            error.describe(*call, self._employer.timeout(detail), self._employer.attempt(detail))
        self._employer.settle(owner, detail, True, error, took)

    def _noticed(self, kind: int, owner: Any, detail: Any, body: Any) -> None:
        if kind == kinds.READY:
            self._ready.add(int.from_bytes(body, "little"))
            self._stillborn = 0
        elif kind == kinds.GONE:
            self._gone(int.from_bytes(body, "little"))
        elif kind == kinds.UNFIT:
            self._unfit.add(int.from_bytes(body, "little"))
        elif kind == kinds.INTERRUPTED:
            self.give_up("the program was interrupted")
        elif kind == kinds.REFUSED:
            self._employer.settle(owner, detail, True, ValueError(body), 0.0)
        elif kind == kinds.CALLBACKS:
            call_back(owner, detail)
        elif kind == kinds.HARVESTED:
            self._employer.harvested(owner)
        elif kind == kinds.CANCELLED:
            _tell_waiters(owner)
        elif kind == kinds.WITHDRAWN:
            self._employer.cancelled(owner, detail)
        elif kind == kinds.SAID:
            self._employer.said(body)

    def wait(self, timeout: float | None = None) -> bool:
        """Waits until nobody works any more, at most so many seconds. Whether it is so.

        By the engine's event: no signal is missed there, as may happen just before the sleep in ``Thread.join``.
        """
        if not self._over.wait(timeout):
            return False
        self.collector.join()
        return True

    # --- Deaths

    def _gone(self, pid: int) -> None:
        from ropewalk.processes import died

        with self.lock:
            process = self.members.pop(pid, None)
            self.engine.set_workers(len(self.members))
        if process is None:
            return
        exitcode = reap(process)
        if exitcode == 0 and self._leaving:
            self._leaving -= 1
        self._employer.fire(process)
        if self.terminated:
            return
        if pid in self._unfit:
            self.give_up("the initializer of a worker process failed; its log says how")
            return
        lost = self.engine.fell(pid)
        if lost is not None:
            self._report(process, exitcode, *lost)
        elif pid not in self._ready and exitcode != 0:
            self._stillborn += 1
            if self._stillborn >= self._patience(exitcode) or exitcode is None or exitcode > 0:
                self.give_up(
                    f"worker process {pid} ended with {died.signal_name(exitcode) or f'exit code {exitcode}'} "
                    "before it was ready"
                )
                return
        self._ready.discard(pid)
        if not self._dismissed and (self.engine.unfinished or not self._employer.is_over()):
            try:
                self.hire()
            except Exception as error:
                if not self.members:
                    self.give_up(f"no worker process can be started: {error}", error)

    def _patience(self, exitcode: int | None) -> int:
        """How many workers may die in a row before they are ready, this one having ended so."""
        by_others = (
            exitcode in (-signal.SIGKILL, -signal.SIGTERM)
            and _ropewalk.memory_counts()[0] == self._out_of_memory
        )
        return _KILLED_STILLBORN if by_others else _STILLBORN

    def _report(
        self,
        process: Any,
        exitcode: int | None,
        owner: Any,
        detail: Any,
        number: int,
        took: float,
        why: int,
        record: dict[str, Any] | None,
    ) -> None:
        from ropewalk.processes import died

        by_memory, limit, _ = _ropewalk.memory_counts()
        out_of_memory = exitcode == -9 and not why and by_memory > self._out_of_memory
        self._out_of_memory = by_memory
        function, arguments = died.shown(*self._employer.call(detail))
        attempt = self._employer.attempt(detail)
        error = died.worker_died(
            process.pid,
            exitcode,
            function=function,
            arguments=arguments,
            seconds=took,
            attempt=attempt,
            out_of_memory=out_of_memory,
            why=self._employer.excess(detail, why) if why else "",
            task=number,
            memory_limit=limit,
            record=record,
        )
        if why == kinds.UNWANTED:
            self._employer.cancelled(owner, detail)
        elif why == kinds.TIMEOUT:
            from ropewalk.processes.stopped import TaskTimeout

            late = TaskTimeout()
            late.describe(function, arguments, self._employer.timeout(detail), attempt)
            late.__cause__ = error
            self._employer.settle(owner, detail, True, late, took)
        else:
            self._employer.settle(owner, detail, True, error, took)

    # --- The end

    def _kill(self) -> None:
        """Ends the workers that did not heed a polite request."""
        with self.lock:
            for process in self.members.values():
                process.kill()

    def _is_over(self) -> bool:
        if self.terminated:
            return not self.members
        if not self._dismissed:
            if not self._employer.is_over() or not self.engine.dismiss_if_idle():
                return False
            self._dismissed = True
        return not self.members

    def give_up(self, why: str, cause: BaseException | None = None, *, kill: bool = False) -> None:
        """Fails all tasks, ends all workers; ``kill``: those that would not heed a polite request too."""
        employer = self._employer
        if employer is None:
            return  # all is over already
        self.is_broken = True
        error = employer.broken(why)
        if cause is not None:
            error.__cause__ = cause
        for owner, detail in self.terminate(kill=kill):
            employer.settle(owner, detail, True, error, 0.0)

    def terminate(self, *, kill: bool = False) -> list[tuple[Any, Any]]:
        """Ends all workers at once. Owner and detail of each task that will not be done."""
        with undisturbed():
            with self.lock:
                self.terminated = True
                members = list(self.members.values())
            unfinished = self.engine.give_up()
            for process in members:
                if kill:
                    process.kill()
                else:
                    process.terminate()
            wake(self.engine)
            return unfinished


def wake(engine: _ropewalk.Crew) -> None:
    """The collector of this crew looks whether it is over."""
    engine.notify(kinds.READY, b"\0" * 8)


def _opened(raised: Callable[[Failure], BaseException], kind: int, parcel: Any, detail: Any) -> Any:
    """What a task returned; raises what it raised."""
    error: BaseException
    if kind & kinds.FAILED:
        failure: Failure = parcel.open()
        try:
            error = raised(failure)
        except BaseException as unreadable:
            error = _unread(f"the exception {failure[0]} that the task raised", unreadable, failure[1])
    else:
        try:
            return parcel.open()
        except BaseException as unreadable:
            error = _unread("the result", unreadable)
    raise error


def _unread(what: str, error: BaseException, text: str = "") -> BaseException:
    from ropewalk.processes import died

    unread = died.unread(f"{what} could not be read: {type(error).__name__}: {error}")
    if text:
        from concurrent.futures import process

        remote: Any = process
        unread.__cause__ = remote._RemoteTraceback(f'\n"""\n{text}"""')
    else:
        unread.__cause__ = error
    return unread


def _tell_waiters(future: Any) -> None:
    """As the original does when it finds a future cancelled."""
    with future._condition:
        for waiter in future._waiters:
            waiter.add_cancelled(future)
