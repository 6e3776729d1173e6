"""``Future``: the engine's, with Python frames around whatever runs users' code."""

from __future__ import annotations

import threading
from concurrent.futures import _base

from ropewalk import _ropewalk
from ropewalk.concurrent.futures.frames import call_back
from ropewalk.original import Inside, OneOfBoth, become_original, runs_original

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import Any

__all__ = ["Future"]

_Original = _base.Future
_Detour = _ropewalk.Detour


def _open(future: Any) -> None:
    """Somebody touches the original's condition, waiters or callbacks: this future gets them, and waits there."""
    future._retire(threading.Condition())
    if not runs_original(future):
        become_original(future)


def _help(future: Any, call: Any) -> Any:
    """Does the task of a future here, in the thread that waits for it; its result, or what its future has to say."""
    function, arguments, keywords = call
    try:
        result = function(*arguments) if keywords is None else function(*arguments, **keywords)
    except BaseException as error:
        future.set_exception(error)
        return future._await(None, False)
    else:
        callbacks = future._finish(result, False)
        if callbacks is not None:
            future._settle(callbacks, _Original.set_result, result)
        return result
    finally:
        future = call = function = arguments = keywords = None  # an error holds this frame


class Future(_ropewalk.Future, _Original, metaclass=OneOfBoth):  # type: ignore[type-arg]
    __doc__ = _Original.__doc__
    __module__ = "concurrent.futures._base"
    __ropewalk__ = True
    __original__ = _Original
    __hooks__ = frozenset({"_invoke_callbacks"})
    __extended__ = ("cancel",)
    __runs_original__ = False  # looked up whenever one is made: found at once

    _condition = Inside(_open)
    _waiters = Inside(_open)
    _done_callbacks = Inside(_open)

    def result(self, timeout: float | None = None) -> Any:
        try:
            answer = self._await(timeout, False)
            while type(answer) is _Detour:
                call = answer.call
                if call is not None:
                    answer = _help(self, call)
                elif answer.error is not None:
                    raise answer.error
                else:
                    return _Original.result(self, answer.timeout)
            return answer
        finally:
            self = answer = call = None  # type: ignore[assignment]  # an exception holds this frame, and they hold it

    def exception(self, timeout: float | None = None) -> BaseException | None:
        answer = self._await(timeout, True)
        while type(answer) is _Detour:
            call = answer.call
            if call is None:
                return _Original.exception(self, answer.timeout)
            _help(self, call)
            answer = self._await(timeout, True)
        return answer  # type: ignore[no-any-return]

    def set_result(self, result: Any) -> None:
        callbacks = self._finish(result, False)
        if callbacks is not None:
            self._settle(callbacks, _Original.set_result, result)

    def set_exception(self, exception: BaseException | None) -> None:
        callbacks = self._finish(exception, True)
        if callbacks is not None:
            self._settle(callbacks, _Original.set_exception, exception)

    def _settle(self, callbacks: Any, otherwise: Any, value: Any) -> None:
        if callbacks is False:
            raise _base.InvalidStateError(f"{self._state}: {self!r}")
        if callbacks is NotImplemented:
            otherwise(self, value)
        else:
            call_back(self, callbacks)

    def set_running_or_notify_cancel(self) -> bool:
        started = self._start()
        if started is NotImplemented:
            return _Original.set_running_or_notify_cancel(self)
        if started is None:
            _base.LOGGER.critical("Future %s in unexpected state: %s", id(self), self._state)
            raise RuntimeError("Future in unexpected state")
        return started  # type: ignore[no-any-return]

    def cancel(self, *, running: bool = False) -> bool:
        """Cancel the future if possible.

        Args:
            running: Whether a call that a worker process has begun is stopped
                too: an exception is raised in it, and if it goes on for more
                than its grace its worker is killed. The future is cancelled
                when the call has ended, unless it has a result by then.

        Returns True if the future was cancelled or, with ``running``, if its
        call was asked to stop; False otherwise. A future cannot be cancelled
        if it has already completed, nor while it is running without
        ``running`` or in a thread.
        """
        callbacks = self._cancel()
        if callbacks is None:
            return True
        if callbacks is False:
            return running and self._cancel_running()
        if callbacks is NotImplemented:
            return _Original.cancel(self) or (running and self._cancel_running())
        call_back(self, callbacks)
        return True

    def _cancel_running(self) -> bool:
        # First, for an attempt at its call that ends just now: there shall be no other.
        self.__dict__["_unwanted"] = True
        asked = self._stop()
        if asked is None:
            del self.__dict__["_unwanted"]
            return False
        return asked or self.running() or self.cancelled()

    def _was_stopped(self) -> None:
        """Its call was stopped while it was running: it counts as cancelled now, unless it is done already."""
        callbacks = self._stopped()
        if callbacks is NotImplemented:
            with self._condition:
                if self._state != _base.RUNNING:
                    return
                self._state = _base.CANCELLED_AND_NOTIFIED
                for waiter in self._waiters:
                    waiter.add_cancelled(self)
                self._condition.notify_all()
            _Original._invoke_callbacks(self)  # type: ignore[attr-defined]
        elif callbacks:
            call_back(self, callbacks)

    def __await__(self) -> Generator[Any, None, Any]:
        """In a coroutine of asyncio: its result, without blocking the loop. Cancelling the wait cancels it."""
        import asyncio

        return asyncio.wrap_future(self).__await__()

    def add_done_callback(self, fn: Any) -> None:
        now = self._listen(fn)
        if now is NotImplemented:
            _Original.add_done_callback(self, fn)
        elif now:
            call_back(self, [fn])

    def _invoke_callbacks(self) -> None:
        call_back(self, self._take_callbacks())

    def _get_snapshot(self) -> tuple[bool, bool, Any, BaseException | None]:
        """What asyncio of 3.14 reads at once: done, cancelled, result, exception."""
        if self.cancelled():
            return True, True, None, None
        return (True, False, self._result, self._exception) if self.done() else (False, False, None, None)

    def __getstate__(self) -> Any:
        raise TypeError("cannot pickle '_thread.RLock' object")


for _name in ("result", "exception", "set_result", "set_exception", "set_running_or_notify_cancel"):
    getattr(Future, _name).__doc__ = getattr(_Original, _name).__doc__
Future.add_done_callback.__doc__ = _Original.add_done_callback.__doc__
