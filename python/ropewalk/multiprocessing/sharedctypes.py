"""The names of :mod:`multiprocessing.sharedctypes`, on the engine.

The objects are those of ctypes, in anonymous memory.  A number of one of C's types, with a lock of ours around it, is
read and written by the engine; everything else goes through ctypes as in the original.
"""

from __future__ import annotations

import ctypes
import multiprocessing.sharedctypes as _theirs
from multiprocessing import context

from ropewalk import _ropewalk
from ropewalk.multiprocessing import heap
from ropewalk.multiprocessing.synchronize import is_made
from ropewalk.original import OneOfBoth, rebound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_original: Any = _theirs
_Number: Any = _ropewalk.SynchronizedNumber
_Numbers: Any = _ropewalk.SynchronizedNumbers

__all__ = list(_original.__all__)


def __getattr__(name: str) -> Any:
    """Everything else is the original's."""
    return getattr(_original, name)


def _kinds() -> dict[Any, str]:
    kinds: dict[Any, str] = {ctypes.c_float: "f4", ctypes.c_double: "f8"}
    for name in ("byte", "short", "int", "long", "longlong"):
        for prefix, signed in (("", "i"), ("u", "u")):
            kind = getattr(ctypes, f"c_{prefix}{name}")
            kinds[kind] = f"{signed}{ctypes.sizeof(kind)}"
    return kinds


#: ctypes type -> what the engine calls it.
_KINDS = _kinds()


def get_context(force: bool = False) -> Any:
    """The context whose locks are ropewalk's."""
    from ropewalk.multiprocessing.context import DEFAULT

    return DEFAULT.get_context()


class SynchronizedBase(_original.SynchronizedBase, metaclass=OneOfBoth):  # type: ignore[misc]
    __doc__ = _original.SynchronizedBase.__doc__
    __module__ = "multiprocessing.sharedctypes"
    __ropewalk__ = True
    __original__: Any = _original.SynchronizedBase
    __hooks__: frozenset[str] = frozenset()

    def __reduce__(self) -> Any:
        context.assert_spawning(self)
        return _rebuild, (self._obj, self._lock)


class Synchronized(_Number, SynchronizedBase, _original.Synchronized):  # type: ignore[misc]
    __doc__ = _original.Synchronized.__doc__
    __module__ = "multiprocessing.sharedctypes"
    __original__: Any = _original.Synchronized

    def __init__(self, obj: Any, lock: Any = None, ctx: Any = None) -> None:
        _original.SynchronizedBase.__init__(self, obj, lock, ctx)
        lock = self._lock
        self._begin(obj, _KINDS.get(type(obj), ""), ctypes.addressof(obj), lock, is_made(lock))


class SynchronizedArray(_Numbers, SynchronizedBase, _original.SynchronizedArray):  # type: ignore[misc]
    __doc__ = _original.SynchronizedArray.__doc__
    __module__ = "multiprocessing.sharedctypes"
    __original__: Any = _original.SynchronizedArray

    def __init__(self, obj: Any, lock: Any = None, ctx: Any = None) -> None:
        _original.SynchronizedBase.__init__(self, obj, lock, ctx)
        lock = self._lock
        self._begin(obj, _KINDS.get(obj._type_, ""), ctypes.addressof(obj), len(obj), lock, is_made(lock))


class SynchronizedString(SynchronizedArray, _original.SynchronizedString):  # type: ignore[misc]
    __doc__ = _original.SynchronizedString.__doc__
    __module__ = "multiprocessing.sharedctypes"
    __original__: Any = _original.SynchronizedString


# The original's functions, with the memory, the classes and the locks of ours.
_new_value = rebound(_original._new_value, heap=heap)
RawValue = rebound(_original.RawValue, _new_value=_new_value)
RawArray = rebound(_original.RawArray, _new_value=_new_value)
copy = rebound(_original.copy, _new_value=_new_value)
synchronized = rebound(
    _original.synchronized,
    Synchronized=Synchronized,
    SynchronizedArray=SynchronizedArray,
    SynchronizedBase=SynchronizedBase,
    SynchronizedString=SynchronizedString,
    get_context=get_context,
    make_property=_original.make_property,
)
Value = rebound(_original.Value, RawValue=RawValue, get_context=get_context, synchronized=synchronized)
Array = rebound(_original.Array, RawArray=RawArray, get_context=get_context, synchronized=synchronized)


def _rebuild(obj: Any, lock: Any) -> Any:
    return synchronized(obj, lock)


PATCHES: dict[str, dict[str, Any]] = {
    "multiprocessing.sharedctypes": {
        "Synchronized": Synchronized,
        "SynchronizedArray": SynchronizedArray,
        "SynchronizedBase": SynchronizedBase,
        "SynchronizedString": SynchronizedString,
    }
}
