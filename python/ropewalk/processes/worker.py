"""What a worker process runs: a Python loop that takes a task, does it, and answers."""

from __future__ import annotations

import itertools
import os
import time
from traceback import format_exception

from ropewalk import _ropewalk
from ropewalk.processes import kinds, nesting
from ropewalk.processes.encoding import CALL, KEYWORDS, MAP
from ropewalk.processes.gate import Gate
from ropewalk.processes.link import Link

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ropewalk.processes.duties import Duties

__all__ = ["Failure", "Manner", "work"]

#: An exception on its way: its class, its traceback, itself encoded. That may turn out not to be readable; the text is.
Failure = tuple[str, str, bytes]

#: A worker whose leash does not hold looks itself, this often in seconds, whether its parent is there.
_LOOK = 0.5
#: Seconds after Ctrl-C until a worker takes another task: those in which its parent may decide to end it.
_PAUSE = 0.5


class Manner:
    """In what the workers of an executor and of a pool differ. It goes to the worker with its arguments."""

    #: What a task may raise and its worker lives on.
    caught: type[BaseException] = BaseException

    def unsendable(self, error: BaseException, value: Any) -> BaseException:
        """What is answered instead of a value that ``encode`` refused with ``error``."""
        return error

    def unfit(self) -> None:
        """The initializer has failed; its exception is being handled."""

    def is_remote(self, function: Any) -> bool:
        """Whether an exception of this function is shown with its traceback in the worker."""
        return True


def work(
    link: Link,
    manner: Manner,
    initializer: Callable[..., object] | None,
    initargs: tuple[Any, ...],
    limit: int | None,
    duties: Duties | None = None,
) -> None:
    """Does tasks until there are no more, or ``limit`` of them are done."""
    tied = link.tie()
    if tied:
        nesting.become_worker()
    worker = link.open()
    gate = None if link.roster is None else Gate.of(worker, link.roster)
    me = os.getpid().to_bytes(8, "little")
    if duties is not None:
        # The herald is another end: this one is in use while a task's result is encoded, which may print.
        duties.begin(link.open)
    link.close()
    if initializer is not None:
        try:
            initializer(*initargs)
        except BaseException:
            worker.notify(kinds.UNFIT, me)  # minded when this process has ended: it may have more to say
            manner.unfit()
            return
    worker.notify(kinds.READY, me)
    shift = Shift(worker, manner, gate, duties, limit)
    look = None if tied else _LOOK
    interrupt: KeyboardInterrupt | None = None
    while True:
        # Ctrl-C is for the parent too, which decides. Here it ends the task in hand, and nothing is said.
        try:
            if interrupt is not None:
                if worker.busy:
                    failure = _failure(interrupt, manner, True)
                    _send(worker, shift.last() | kinds.FAILED, failure)
                    time.sleep(_PAUSE)
                interrupt = None
            shift.serve(look)
            break
        except KeyboardInterrupt as it:
            interrupt = it
    if duties is not None:
        duties.end()


class Shift:
    """The tasks that one worker does."""

    def __init__(
        self, worker: Any, manner: Manner, gate: Gate | None, duties: Duties | None, limit: int | None
    ) -> None:
        self._worker = worker
        self._manner = manner
        self._gate = gate
        self._duties = duties
        self._limit = limit
        self._over = False

    def last(self) -> int:
        """The bit that says so, if the task in hand is the last one."""
        if self._over or (self._limit is not None and self._worker.taken >= self._limit):
            return kinds.LAST
        return 0

    def serve(self, look: float | None) -> None:
        worker, do, parent = self._worker, self._do, os.getppid()
        if self._gate is not None or self._duties is not None:
            do = self._attend
        while not self._over and (self._limit is None or worker.taken < self._limit):
            try:
                taken = worker.take(look)
            except EOFError:
                return
            if taken:
                do()
            elif os.getppid() != parent:
                return

    def _do(self) -> None:
        """Does the task in hand and answers it. Keeps nothing of it."""
        worker, manner = self._worker, self._manner
        try:
            how, function, arguments = worker.call()
        except Exception as error:
            _send(worker, self.last() | kinds.FAILED, _unreadable(error))
            return
        try:
            result = _call(how, function, arguments)
        except manner.caught as error:
            self._fail(error, manner.is_remote(function))
            return
        self._answer(result)

    def _attend(self) -> None:
        """The same, for a task that can be stopped or about which there is more to do."""
        worker, manner, gate, duties = self._worker, self._manner, self._gate, self._duties
        function: Any = None
        failed: BaseException | None = None
        unread = False
        try:
            try:
                if gate is not None:
                    gate.open()
                unread = True
                how, function, arguments = worker.call()
                unread = False
                if duties is not None:
                    duties.before(function)
                result = _call(how, function, arguments)
                if gate is not None:
                    gate.is_open = False
            except manner.caught as error:
                if gate is not None:
                    gate.is_open = False
                if unread and not isinstance(error, Exception):
                    raise  # what ends a process ends it, also while a task is read
                failed = error
        except Exception as error:
            # The gate was hit while it was being closed.
            if gate is None or error is not gate.raised:
                raise
            failed = error
        if duties is not None and not duties.after():
            self._over = True
        if failed is None:
            self._answer(result)
        elif gate is not None and failed is gate.raised:
            _send(worker, self.last() | kinds.FAILED | kinds.STOPPED, _failure(failed, manner, True))
        elif unread and isinstance(failed, Exception):
            _send(worker, self.last() | kinds.FAILED, _unreadable(failed))
        else:
            self._fail(failed, manner.is_remote(function))

    def _fail(self, error: BaseException, remote: bool) -> None:
        _send(self._worker, self.last() | kinds.FAILED, _failure(error, self._manner, remote))
        if isinstance(error, KeyboardInterrupt):
            time.sleep(_PAUSE)

    def _answer(self, result: Any) -> None:
        worker, manner = self._worker, self._manner
        try:
            worker.answer(self.last(), result)
        except manner.caught as error:
            if not worker.busy:
                raise
            refused = _failure(manner.unsendable(error, result), manner, False)
            _send(worker, self.last() | kinds.FAILED, refused)


def _call(how: int, function: Any, arguments: Any) -> Any:
    if how == CALL:
        return function(*arguments)
    if how == KEYWORDS:
        return function(*arguments[0], **arguments[1])
    if how == MAP:
        return list(map(function, arguments))
    return list(itertools.starmap(function, arguments))


def _send(worker: Any, kind: int, value: Any) -> None:
    while worker.busy:
        try:
            worker.answer(kind, value)
        except KeyboardInterrupt:
            continue  # once an answer is made it is sent


def _failure(error: BaseException, manner: Manner, remote: bool) -> Failure:
    text = "".join(format_exception(type(error), error, error.__traceback__)) if remote else ""
    cls = type(error)
    name = f"{cls.__module__}.{cls.__qualname__}"
    error.__traceback__ = None  # its frames hold everything in the task's scope
    try:
        pickled = _ropewalk.dumps(error)
    except manner.caught as reason:
        other = manner.unsendable(reason, error)
        if other is reason:
            text = "".join(format_exception(type(reason), reason, reason.__traceback__))
        reason.__traceback__ = None
        name = f"{type(other).__module__}.{type(other).__qualname__}"
        pickled = _ropewalk.dumps(other)
    return name, text, pickled


def _unreadable(error: BaseException) -> Failure:
    """The answer to a task that can not be read in this process."""
    from ropewalk.processes.died import TransferError

    text = "".join(format_exception(type(error), error, error.__traceback__))
    what = f"the task could not be read in the worker process: {type(error).__name__}: {error}"
    if isinstance(error, AttributeError) and "__main__" in str(error):
        what += (
            "; functions of the main program must be defined there before the pool is made, and are not found at all "
            "in a worker that was started from an interactive session"
        )
    return "TransferError", text, _ropewalk.dumps(TransferError(what))
