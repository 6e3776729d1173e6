"""Tasks that are sent, and why something can not be sent."""

from __future__ import annotations

from ropewalk import _ropewalk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["CALL", "KEYWORDS", "MAP", "STARMAP", "WHOLE", "enlist", "enlist_on"]

# How a task's function is called with its arguments.
CALL = 0  #: function(*arguments)
KEYWORDS = 1  #: function(*arguments[0], **arguments[1])
MAP = 2  #: list(map(function, arguments))
STARMAP = 3  #: the same with each of the arguments unpacked
WHOLE = 4  #: all three of them are in one pickle


def enlist(engine: _ropewalk.Crew, owner: Any, detail: Any, how: int, function: Any, arguments: Any) -> int:
    """Submits a task; its number. What plain pickle can not send goes by cloudpickle, if that is there.

    Raises what pickling raised, with a note that says where in the task the reason is.
    """
    try:
        return engine.enlist(owner, detail, how, function, arguments)
    except Exception as error:
        whole = _by_cloudpickle(error, how, function, arguments)
    return engine.enlist(owner, detail, WHOLE, None, whole)


def enlist_on(
    engine: _ropewalk.Crew,
    owner: Any,
    detail: Any,
    how: int,
    function: Any,
    arguments: Any,
    *terms: Any,
) -> int:
    """The same, on terms of its own: priority, timeout, grace, whether it may be refused, whether it is another
    attempt.

    0 if it is refused.
    """
    try:
        return engine.enlist_on(owner, detail, how, function, arguments, *terms)
    except Exception as error:
        whole = _by_cloudpickle(error, how, function, arguments)
    return engine.enlist_on(owner, detail, WHOLE, None, whole, *terms)


def _by_cloudpickle(error: Exception, how: int, function: Any, arguments: Any) -> bytes:
    """What ``error`` has refused, as one pickle; raises that error if this does not help."""
    try:
        import cloudpickle  # type: ignore[import-untyped, import-not-found, unused-ignore]

        whole: bytes = cloudpickle.dumps((how, function, arguments), protocol=5)
    except Exception as reason:
        from ropewalk.processes.blame import explain

        explain(error, how, function, arguments, without_cloudpickle=isinstance(reason, ImportError))
        raise error from None
    return whole
