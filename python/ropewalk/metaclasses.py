"""A metaclass for classes that inherit from one of ours and have a metaclass of their own.

``class Jobs(queue.Queue, abc.ABC)`` is good Python with the original's ``Queue``, whose metaclass is ``type``.  Ours is
``OneOfBoth``, so such a class gets a metaclass that inherits from both, under the name of the program's own.
"""

from __future__ import annotations

import types
from weakref import WeakValueDictionary

from ropewalk.original import OneOfBoth

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

__all__ = ["meeting"]

_THEIRS = "__theirs__"

_made: WeakValueDictionary[tuple[type, ...], type] = WeakValueDictionary()


def meeting(bases: tuple[Any, ...], metaclass: Any = None) -> type | None:
    """The metaclass for a class statement with these bases and this explicit metaclass.

    ``None`` if the statement needs no help: its metaclasses agree, or they would disagree on the originals too, or it
    names a function that makes the class.
    """
    kinds = [type(base) for base in types.resolve_bases(bases)]
    if metaclass is not None:
        if not isinstance(metaclass, type):
            return None
        kinds.insert(0, metaclass)
    if _most_derived(kinds):
        return None
    theirs = _most_derived([_without_ours(kind) for kind in kinds])
    if theirs is None:
        return None
    ours = {kind for kind in kinds if issubclass(kind, OneOfBoth)}
    ours = {kind for kind in ours if not any(other is not kind and issubclass(other, kind) for other in ours)}
    key = (theirs, *sorted(ours, key=id))
    both = _made.get(key)
    if both is None:
        names = {
            "__module__": theirs.__module__,
            "__qualname__": theirs.__qualname__,
            "__doc__": theirs.__doc__,
        }
        both = _made[key] = type(theirs.__name__, key, {**names, _THEIRS: theirs})
    return both


def _most_derived(kinds: Iterable[type]) -> type | None:
    """The one that inherits from all the others, as the interpreter looks for it."""
    return next((kind for kind in kinds if all(issubclass(kind, other) for other in kinds)), None)


def _without_ours(kind: type) -> type:
    """The metaclass that the same class would have had on the original."""
    return type if kind is OneOfBoth else vars(kind).get(_THEIRS, kind)
