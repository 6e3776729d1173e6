"""What may be asked for a single task of a ``ProcessPoolExecutor``, and the task with it."""

from __future__ import annotations

from concurrent.futures import BrokenExecutor, _base

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

__all__ = ["KEEP", "Assignment", "Options", "OptionsView"]

#: For an option that is not given: what stands now stays.
KEEP: Any = ...


class Options:
    """Checked options of tasks. They do not change."""

    __slots__ = ("grace", "priority", "retries", "retry_on", "timeout")

    def __init__(
        self,
        timeout: float | None = None,
        grace: float | None = 1.0,
        retries: int = 0,
        retry_on: type[BaseException] | tuple[type[BaseException], ...] = Exception,
        priority: int = 0,
    ) -> None:
        if timeout is not None and not timeout > 0:
            raise ValueError(f"timeout must be None or greater than 0, not {timeout!r}")
        if grace is not None and not grace >= 0:
            raise ValueError(f"grace must be None or at least 0, not {grace!r}")
        if not isinstance(retries, int):
            raise TypeError("retries must be an integer")
        if retries < 0:
            raise ValueError("retries must be at least 0")
        if not isinstance(priority, int):
            raise TypeError("priority must be an integer")
        if not -(2**63) <= priority < 2**63:
            raise ValueError("priority must be an integer of 64 bits")
        retry_on = retry_on if isinstance(retry_on, tuple) else (retry_on,)
        if not all(isinstance(cls, type) and issubclass(cls, BaseException) for cls in retry_on):
            raise TypeError("retry_on must be a class of exceptions, or a tuple of them")
        self.timeout = timeout
        self.grace = grace
        self.retries = retries
        self.retry_on = retry_on
        self.priority = priority

    def changed(self, **given: Any) -> Options:
        """These, and what is given instead of some of them."""
        now = {name: getattr(self, name) for name in self.__slots__}
        now.update((name, value) for name, value in given.items() if value is not KEEP)
        return Options(**now)

    def is_plain(self) -> bool:
        """Whether they are those of the original: a call begins in its turn, once, and takes as long as it takes."""
        return self.timeout is None and self.grace == 1.0 and not self.retries and not self.priority

    def is_worth_a_retry(self, error: BaseException) -> bool:
        """A death is tried again only if ``retry_on`` names it: the task may have been half done."""
        if isinstance(error, BrokenExecutor):
            return any(isinstance(error, cls) and issubclass(cls, BrokenExecutor) for cls in self.retry_on)
        return isinstance(error, self.retry_on)


class Assignment:
    """A task with options: what its executor remembers of it."""

    __slots__ = ("arguments", "attempt", "function", "keywords", "options")

    def __init__(
        self, function: Any, arguments: tuple[Any, ...], keywords: dict[str, Any], options: Options
    ) -> None:
        self.function = function
        self.arguments = arguments
        self.keywords = keywords
        self.options = options
        self.attempt = 1

    def tries_again(self, error: BaseException) -> bool:
        """Whether there is one more attempt after this error; it is counted."""
        if self.attempt > self.options.retries or not self.options.is_worth_a_retry(error):
            return False
        self.attempt += 1
        return True


class OptionsView(_base.Executor):
    """An executor, with options for the tasks that are submitted here: see ``ProcessPoolExecutor.with_options``."""

    def __init__(self, executor: Any, options: Options) -> None:
        self._executor = executor
        self._options = options

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """As the executor's."""
        return self._executor._submit_on(self._options, fn, args, kwargs)

    def map(
        self,
        fn: Callable[..., Any],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
        buffersize: int | None = None,
        progress: Any = None,
    ) -> Iterator[Any]:
        """As the executor's. The options are those of each call, or of each chunk of calls; ``timeout`` here is that
        of the whole map, as ever.
        """
        results: Iterator[Any] = self._executor._map_on(
            self._options, fn, iterables, timeout, chunksize, buffersize, progress
        )
        return results

    def with_options(
        self,
        *,
        timeout: float | None = KEEP,
        grace: float | None = KEEP,
        retries: int = KEEP,
        retry_on: type[BaseException] | tuple[type[BaseException], ...] = KEEP,
        priority: int = KEEP,
    ) -> OptionsView:
        """Another view of the same executor: with these options, and for the rest those of this one."""
        options = self._options.changed(
            timeout=timeout, grace=grace, retries=retries, retry_on=retry_on, priority=priority
        )
        return OptionsView(self._executor, options)

    def shutdown(
        self, wait: bool = True, *, cancel_futures: bool = False, timeout: float | None = None
    ) -> None:
        """Shuts the executor down."""
        self._executor.shutdown(wait, cancel_futures=cancel_futures, timeout=timeout)
