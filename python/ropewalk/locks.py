"""``Lock``, ``RLock`` and ``Condition``, on the engine."""

from __future__ import annotations

import copyreg
import threading as _original

from ropewalk import _ropewalk
from ropewalk.original import OneOfBoth, become_original, runs_original

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Condition", "Lock", "RLock"]


class _LockMeta(type):
    """The type of the types of locks: the interpreter's own locks, such as those made before, count as theirs."""

    def __instancecheck__(cls, instance: object) -> bool:
        if type.__instancecheck__(cls, instance):
            return True
        original = vars(cls).get("__original__")
        return original is not None and isinstance(instance, original)

    def __subclasscheck__(cls, subclass: type) -> bool:
        if type.__subclasscheck__(cls, subclass):
            return True
        original = vars(cls).get("__original__")
        return original is not None and issubclass(subclass, original)


Lock, RLock = _ropewalk.make_locks(_LockMeta, _original.Lock, _original.RLock)


def _public(name: str) -> Any:
    """``threading.Lock`` or ``threading.RLock``, whoever's it is: so they are pickled where they are functions."""
    return getattr(_original, name)


def _public_type(name: str) -> Any:
    """The type of what they make, likewise."""
    return type(_public(name)())


def _reduce_type(cls: _LockMeta) -> str | tuple[Any, ...]:
    # Its name alone would say that it is the interpreter's.
    if "__original__" not in vars(cls):
        return cls.__qualname__
    return _public_type, ("RLock" if cls is type(RLock()) else "Lock",)


copyreg.pickle(_LockMeta, _reduce_type)


class _Private:
    """A private attribute of the original, answered by a method.

    It has no ``__set__``: in an object that runs the original's algorithm, that one's own attribute hides it.
    """

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def __get__(self, instance: Any, owner: type) -> Any:
        return self if instance is None else self.answer(instance)


class Condition(_ropewalk.Condition, _original.Condition, metaclass=OneOfBoth):
    __doc__ = _original.Condition.__doc__
    __module__ = "threading"
    __ropewalk__ = True
    __original__ = _original.Condition
    __hooks__ = frozenset({"_is_owned", "_release_save", "_acquire_restore"})

    _lock = _Private(_ropewalk.Condition._under)
    _waiters = _Private(lambda condition: (None,) * condition._waiting())

    def __init__(self, lock: Any = None) -> None:
        if not runs_original(self):
            if self._stand_over(lock):
                return
            become_original(self)
        _original.Condition.__init__(self, lock)
