"""What a worker process runs: a Python loop that takes a task, does it, and answers."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable
from traceback import format_exception
from typing import Any

from ropewalk import _ropewalk
from ropewalk.processes import kinds, leash, nesting
from ropewalk.processes.encoding import CALL, KEYWORDS, MAP
from ropewalk.processes.link import Link

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
) -> None:
    """Does tasks until there are no more, or ``limit`` of them are done."""
    tied = leash.tie()
    if tied:
        nesting.become_worker()
    worker = link.open()
    me = os.getpid().to_bytes(8, "little")
    if initializer is not None:
        try:
            initializer(*initargs)
        except BaseException:
            worker.notify(kinds.UNFIT, me)  # minded when this process has ended: it may have more to say
            manner.unfit()
            return
    worker.notify(kinds.READY, me)
    look = None if tied else _LOOK
    interrupt: KeyboardInterrupt | None = None
    while True:
        # Ctrl-C is for the parent too, which decides. Here it ends the task in hand, and nothing is said.
        try:
            if interrupt is not None:
                if worker.busy:
                    failure = _failure(interrupt, manner, True)
                    _send(worker, _last(worker, limit) | kinds.FAILED, failure)
                    time.sleep(_PAUSE)
                interrupt = None
            _serve(worker, manner, limit, look)
            return
        except KeyboardInterrupt as it:
            interrupt = it


def _last(worker: Any, limit: int | None) -> int:
    return kinds.LAST if limit is not None and worker.taken >= limit else 0


def _serve(worker: Any, manner: Manner, limit: int | None, look: float | None) -> None:
    parent = os.getppid()
    while limit is None or worker.taken < limit:
        try:
            taken = worker.take(look)
        except EOFError:
            return
        if taken:
            _do(worker, manner, _last(worker, limit))
        elif os.getppid() != parent:
            return


def _do(worker: Any, manner: Manner, last: int) -> None:
    """Does the task in hand and answers it. Keeps nothing of it."""
    caught = manner.caught
    try:
        how, function, arguments = worker.call()
    except Exception as error:
        _send(worker, last | kinds.FAILED, _unreadable(error))
        return
    try:
        if how == CALL:
            result = function(*arguments)
        elif how == KEYWORDS:
            result = function(*arguments[0], **arguments[1])
        elif how == MAP:
            result = list(map(function, arguments))
        else:
            result = list(itertools.starmap(function, arguments))
    except caught as error:
        _send(worker, last | kinds.FAILED, _failure(error, manner, manner.is_remote(function)))
        if isinstance(error, KeyboardInterrupt):
            time.sleep(_PAUSE)
        return
    try:
        worker.answer(last, result)
    except caught as error:
        if not worker.busy:
            raise
        _send(worker, last | kinds.FAILED, _failure(manner.unsendable(error, result), manner, False))


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
