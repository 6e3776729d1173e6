"""Which part of a task can not be sent: the path to it, in the words of the program."""

from __future__ import annotations

import functools

from ropewalk import _ropewalk
from ropewalk.processes.encoding import KEYWORDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

__all__ = ["explain", "explain_object", "path_to_blame"]

_DEPTH = 12
_BREADTH = 200


def explain(
    error: BaseException, how: int, function: Any, arguments: Any, *, without_cloudpickle: bool
) -> None:
    """Adds to the error where in the task its reason is, and what can be done."""
    if not hasattr(error, "add_note"):  # 3.10
        return
    found = path_to_blame(how, function, arguments)
    if found is None:
        return
    path, culprit = found
    notes = [f"what can not be sent to a worker process: {path}, a {_kind(culprit)}"]
    if without_cloudpickle and callable(culprit):
        notes.append(
            "functions go by their name: define it at the top of a module, "
            "or install cloudpickle for lambdas and closures"
        )
    _begin_with(notes, error)


def explain_object(error: BaseException, value: Any) -> None:
    """Adds to the error where in an object its reason is, if that is not the object itself."""
    if hasattr(error, "add_note"):
        path, culprit = _descend("the object", value)
        if culprit is not value:
            _begin_with([f"what can not be sent to another process: {path}, a {_kind(culprit)}"], error)


def _begin_with(notes: list[str], error: BaseException) -> None:
    """Before those that it has: pickle of 3.14 adds one for each step out of the object, and of the call around it."""
    error.__notes__ = [*notes, *getattr(error, "__notes__", ())]  # type: ignore[attr-defined]


def _kind(value: Any) -> str:
    name = getattr(value, "__qualname__", None)
    of = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
    return f"{of} {name!r}" if isinstance(name, str) else of


def path_to_blame(how: int, function: Any, arguments: Any) -> tuple[str, Any] | None:
    """The innermost part that pickle refuses, and how a reader of the call finds it; ``None`` if it takes all parts."""
    arguments, keywords = arguments if how == KEYWORDS else (arguments, {})
    parts: list[tuple[str, Any]] = [("the function", function)]
    parts += [(f"argument {place}", value) for place, value in enumerate(arguments, 1)]
    parts += [(f"argument {name}=", value) for name, value in keywords.items()]
    for path, value in parts:
        if not _goes(value):
            return _descend(path, value)
    return None


def _descend(path: str, value: Any) -> tuple[str, Any]:
    for _ in range(_DEPTH):
        for step, part in _parts(value):
            if not _goes(part):
                path, value = f"{path} -> {step}", part
                break
        else:
            break
    return path, value


def _goes(value: Any) -> bool:
    try:
        _ropewalk.dumps(value)
    except Exception:
        return False
    return True


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    """What an object is made of, as far as pickle would look at it."""
    if isinstance(value, dict):
        for number, (key, part) in enumerate(value.items()):
            if number > _BREADTH:
                return
            yield f"[{key!r:.40}]", part
            yield f"key {key!r:.40}", key
    elif isinstance(value, (list, tuple, set, frozenset)):
        for number, part in enumerate(value):
            if number > _BREADTH:
                return
            yield f"[{number}]", part
    elif isinstance(value, functools.partial):
        yield ".func", value.func
        yield ".args", value.args
        yield ".keywords", value.keywords
    elif hasattr(value, "__self__") and hasattr(value, "__func__"):
        yield ".__self__", value.__self__
    elif not isinstance(value, type) and not hasattr(value, "__code__"):
        for name, part in getattr(value, "__dict__", {}).items():
            yield f".{name}", part
