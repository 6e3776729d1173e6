"""What a worker thread of ``ThreadPoolExecutor`` runs: a Python loop that asks the engine for the next call."""

from __future__ import annotations

from concurrent.futures import _base, thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["work"]


def work(
    executor_reference: Callable[[], Any],
    work_queue: Any,
    initializer: Callable[..., object] | None,
    initargs: tuple[Any, ...],
) -> None:
    if initializer is not None:
        try:
            initializer(*initargs)
        except BaseException:
            _base.LOGGER.critical("Exception in initializer:", exc_info=True)
            executor = executor_reference()
            if executor is not None:
                executor._initializer_failed()
            return
    try:
        worker = work_queue.worker()
        while True:
            for function, arguments, keywords in worker:
                try:
                    if keywords is None:
                        worker.result = function(*arguments)
                    else:
                        worker.result = function(*arguments, **keywords)
                except BaseException as error:
                    worker.exception = error
                # While this thread sleeps it keeps nothing of the last task alive.
                function = arguments = keywords = None
            if worker.orphaned or _is_over(executor_reference(), work_queue):
                return
            work_queue.dismiss()
    except BaseException:
        work_queue.quit()
        _base.LOGGER.critical("Exception in worker", exc_info=True)


def _is_over(executor: Any, work_queue: Any) -> bool:
    """Whether workers must stop: at exit, after a shutdown, when the executor is gone or has another queue."""
    if executor is None:
        return True
    if thread._shutdown or executor._shutdown:
        executor._shutdown = True
        return True
    return executor._work_queue is not work_queue
