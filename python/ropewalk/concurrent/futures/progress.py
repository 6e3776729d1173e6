"""``progress=`` of ``map``: how many of its calls are done."""

from __future__ import annotations

import operator
import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

__all__ = ["Progress"]


class Progress:
    """Counts the calls of one map, and shows that.

    It is told by the futures, in the order in which they are done: in the thread that collects results.
    """

    def __init__(self, wanted: Any, total: int | None) -> None:
        self._lock = threading.Lock()
        self._done = 0
        self._total = total
        self._bar: Any = None
        self._own = False
        self._call: Callable[[int, int | None], object] | None = None
        if wanted is True:
            wanted = _tqdm()
        if isinstance(wanted, type) and hasattr(wanted, "update"):
            self._bar, self._own = wanted(total=total), True
        elif callable(getattr(wanted, "update", None)):
            self._bar = wanted
            if total is not None and getattr(wanted, "total", total) is None:
                wanted.total = total
        elif callable(wanted):
            self._call = wanted
        else:
            raise TypeError(
                "progress must be True, a tqdm bar or its class, or a function of how many are done and of how many, "
                f"not {type(wanted).__name__}"
            )

    @classmethod
    def of(cls, wanted: Any, iterables: tuple[Iterable[Any], ...]) -> Progress | None:
        """``None`` if nothing is wanted. The total is known if an iterable knows its length."""
        if wanted is None or wanted is False:
            return None
        lengths = [length for it in iterables if (length := _length(it)) is not None]
        return cls(wanted, min(lengths, default=None))

    def watch(self, future: Any, count: int) -> Any:
        """Counts so many calls when the future is done. The future."""
        future.add_done_callback(lambda _: self._step(count))
        return future

    def _step(self, count: int) -> None:
        with self._lock:
            self._done += count
            if self._call is not None:
                self._call(self._done, self._total)
            elif self._bar is not None:
                self._bar.update(count)

    def through(self, results: Iterator[Any]) -> Iterator[Any]:
        """The results; after the last a bar that was made here is closed."""
        try:
            yield from results
        finally:
            with self._lock:
                bar, self._bar = self._bar, None
            if self._own:
                bar.close()


def _length(iterable: Any) -> int | None:
    try:
        return len(iterable)
    except TypeError:
        # A guess, as of range iterators and zips of lists: good if it is given.
        hint = operator.length_hint(iterable, -1)
        return hint if hint >= 0 else None


def _tqdm() -> Any:
    try:
        from tqdm.auto import tqdm  # type: ignore[import-untyped, import-not-found, unused-ignore]
    except ImportError as error:
        raise ModuleNotFoundError(
            "progress=True needs the package tqdm, which is not installed: install it, or give "
            "a function of how many calls are done and of how many",
            name="tqdm",
        ) from error
    return tqdm
