"""How a class of ours stands in for one of the standard library's.

``class Queue(_ropewalk.Queue, queue.Queue, metaclass=OneOfBoth)`` has the engine's methods first and the original's
after them.  So an object of ours is one of the original class too, and inherits whatever the engine does not define:
old names, reprs, helpers of a later Python.

Some programs reach into the original's private parts: a subclass overrides ``_put``, or somebody takes ``q.mutex``.
Such an object cannot run on the engine, which has no such parts.  It runs the original's algorithm instead, in plain
Python frames and on all its own data; every other object stays fast:

- a subclass that overrides one of ``__hooks__``, or packs some of ``__parts__`` for another process itself, gets the
  original's methods before ours (``OneOfBoth.mro``);
- an object whose private attribute is touched (``Inside``) becomes one of such a subclass (``become_original``).
"""

from __future__ import annotations

import copyreg
import os
import sys
from _thread import RLock
from types import FunctionType

from ropewalk import _ropewalk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = [
    "Inside",
    "OneOfBoth",
    "await_opening",
    "become_original",
    "open_up_once",
    "rebound",
    "runs_original",
]

_RUNS_ORIGINAL = "__runs_original__"


class OneOfBoth(type):
    """The metaclass of classes that stand in for an original.

    Such a class names its ``__original__`` and the ``__hooks__`` (method names) that a subclass may not override
    without leaving the engine. ``__parts__`` are attributes that only the original has to send.
    """

    def mro(cls) -> list[type]:
        """Our methods before the original's, or after them for a class that needs the original's algorithm."""
        order = super().mro()
        first = next((place for place, base in enumerate(order) if "__original__" in vars(base)), None)
        if not first:
            return order  # ours itself
        theirs, rest = order[:first], order[first:]
        hooks: frozenset[str] = rest[0].__hooks__  # type: ignore[attr-defined]
        parts: frozenset[str] = getattr(rest[0], "__parts__", frozenset())
        if not any(
            _RUNS_ORIGINAL in vars(base) or not hooks.isdisjoint(vars(base)) or _sends(base, parts)
            for base in theirs
        ):
            return order
        originals = [base for base in rest if any(base is vars(ours).get("__original__") for ours in rest)]
        originals += [
            base for base in rest if base not in originals and any(base in o.__mro__ for o in originals)
        ]
        originals = [base for base in originals if base is not object]
        return theirs + originals + [base for base in rest if base not in originals]

    def __init__(cls, name: str, bases: tuple[type, ...], names: dict[str, Any], **options: Any) -> None:
        super().__init__(name, bases, names, **options)
        if "__original__" in names:
            _ropewalk.graft(cls, names["__original__"])
        elif _original_first(cls):
            setattr(cls, _RUNS_ORIGINAL, True)  # the engine's __new__ looks at it

    def __instancecheck__(cls, instance: object) -> bool:
        """Also true for objects of the original class, such as those made before ``install()``."""
        if type.__instancecheck__(cls, instance):
            return True
        original = vars(cls).get("__original__")
        return original is not None and isinstance(instance, original)

    def __subclasscheck__(cls, subclass: type) -> bool:
        """Also true for subclasses of the original class."""
        if type.__subclasscheck__(cls, subclass):
            return True
        original = vars(cls).get("__original__")
        return original is not None and issubclass(subclass, original)

    @property
    def __signature__(cls) -> Any:
        """The original's signature and our extensions, for ``inspect``; subclasses have their own."""
        if "__original__" not in vars(cls):
            raise AttributeError("__signature__")
        import inspect

        theirs = inspect.signature(vars(cls)["__original__"])
        return _extended(theirs, vars(cls)["__init__"]) if "__init__" in vars(cls) else theirs


def _extended(theirs: Any, init: Callable[..., Any]) -> Any:
    """The signature ``theirs`` with the keywords that only ``init`` takes, bare as the original's are."""
    import inspect

    ours = inspect.signature(init).parameters.values()
    more = [
        parameter.replace(annotation=parameter.empty)
        for parameter in ours
        if parameter.kind is parameter.KEYWORD_ONLY and parameter.name not in theirs.parameters
    ]
    # Anything else by name (**) comes last.
    merged = sorted((*theirs.parameters.values(), *more), key=lambda parameter: parameter.kind)
    return theirs.replace(parameters=merged)


_HOMES = ("threading", "queue", "concurrent.futures")


def _reduce_class(cls: OneOfBoth) -> str | tuple[Any, ...]:
    """By its public name while that leads to it, so that whoever reads it needs no ropewalk; else by our module's."""
    name = cls.__qualname__
    if "__original__" not in vars(cls) or getattr(sys.modules[cls.__module__], name, None) is cls:
        return name
    home = next((home for home in _HOMES if cls.__module__.startswith(home)), cls.__module__)
    return _ours, (home, name)


def _ours(home: str, name: str) -> Any:
    """What ropewalk has in the place of ``home.name``."""
    module = f"ropewalk.{home}"
    __import__(module)
    return getattr(sys.modules[module], name)


copyreg.pickle(OneOfBoth, _reduce_class)


def _sends(cls: type, parts: frozenset[str]) -> bool:
    """Whether the class itself gives or takes some of these attributes when an object is pickled."""
    methods = (vars(cls).get(name) for name in ("__getstate__", "__setstate__"))
    codes = (getattr(method, "__code__", None) for method in methods)
    return any(code is not None and not parts.isdisjoint(code.co_names) for code in codes)


def _original_first(cls: type) -> bool:
    order = cls.__mro__
    ours = next(base for base in order if "__original__" in vars(base))
    return order.index(vars(ours)["__original__"]) < order.index(ours)


def runs_original(instance: object) -> bool:
    """Whether this object runs the original's algorithm."""
    return bool(getattr(type(instance), _RUNS_ORIGINAL, False))


_forms: dict[type, type] = {}


def become_original(instance: Any) -> None:
    """Makes this object run the original's algorithm from now on; the caller gives it the original's data."""
    cls = type(instance)
    form = _forms.get(cls)
    if form is None:
        names = {
            "__slots__": (),
            "__module__": cls.__module__,
            "__qualname__": cls.__qualname__,
            "__doc__": cls.__doc__,
            # What the original's has not, or not with all its arguments.
            **{name: getattr(cls, name) for name in getattr(cls, "__extended__", ())},
        }
        form = type(cls)(cls.__name__, (cls,), {**names, _RUNS_ORIGINAL: True})  # type: ignore[misc]
        _forms[cls] = form
    instance.__class__ = form


def _opening() -> str:
    """An object keeps a lock under this name while a thread opens it up. A forked child does not see its parent's."""
    return f"__opening_{os.getpid()}__"


def open_up_once(instance: Any, open_up: Callable[[Any], None]) -> None:
    """Opens the object up, unless that is done; a thread that comes meanwhile waits until all data are there."""
    inside, opening = instance.__dict__, _opening()
    with inside.setdefault(opening, RLock()):  # one step: all who come get the same lock
        try:
            if not runs_original(instance):
                open_up(instance)
        finally:
            inside.pop(opening, None)


def await_opening(instance: Any) -> None:
    """Waits until nobody is opening the object up."""
    lock = instance.__dict__.get(_opening())
    if lock is not None:
        with lock:
            pass


def rebound(function: Callable[..., Any], **names: Any) -> Any:
    """The original's function with other values for some of the global names that it uses."""
    its: Any = function
    # Only what it uses: a copy of all names would keep alive what the module has long let go.
    used = {name: its.__globals__[name] for name in its.__code__.co_names if name in its.__globals__}
    copy = FunctionType(its.__code__, {**used, **names}, its.__name__, its.__defaults__, its.__closure__)
    copy.__kwdefaults__ = its.__kwdefaults__
    copy.__doc__ = its.__doc__
    copy.__qualname__ = its.__qualname__
    copy.__module__ = its.__module__
    return copy


class Inside:
    """A private attribute of the original: whoever touches it gets an object that runs the original.

    ``open_up`` turns the object and writes the original's attributes into its ``__dict__``, which from then on hides
    this descriptor (it has no ``__set__``). The locks of the original's algorithm it writes last: who runs that already
    takes one of them first, and so waits here until everything is there.
    """

    def __init__(self, open_up: Callable[[Any], None]) -> None:
        self.open_up = open_up

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: type) -> Any:
        if instance is None:
            raise AttributeError(f"type object {owner.__name__!r} has no attribute {self.name!r}")
        if self.name not in instance.__dict__:
            open_up_once(instance, self.open_up)
        try:
            return instance.__dict__[self.name]
        except KeyError:
            message = f"{type(instance).__name__!r} object has no attribute {self.name!r}"
            raise AttributeError(message) from None
