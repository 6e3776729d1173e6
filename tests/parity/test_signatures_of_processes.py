"""Every public name of multiprocessing and its modules beside the original's, as `test_signatures` looks at threads.

What a call of the package makes is looked at too: all that a user sees of it. What differs on purpose is in CHOSEN with
its reason, and a line there that no longer differs fails.
"""

from __future__ import annotations

import importlib
import inspect
import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from tests.parity.test_signatures import callable_differences, differences, object_differences

MODULES = (
    "multiprocessing",
    "multiprocessing.connection",
    "multiprocessing.context",
    "multiprocessing.dummy",
    "multiprocessing.heap",
    "multiprocessing.managers",
    "multiprocessing.pool",
    "multiprocessing.process",
    "multiprocessing.queues",
    "multiprocessing.reduction",
    "multiprocessing.shared_memory",
    "multiprocessing.sharedctypes",
    "multiprocessing.synchronize",
    "multiprocessing.util",
)

MADE: dict[str, tuple[Any, ...]] = {
    "Array": ("i", 2),
    "Barrier": (2,),
    "BoundedSemaphore": (),
    "Condition": (),
    "Event": (),
    "JoinableQueue": (),
    "Lock": (),
    "Queue": (),
    "RLock": (),
    "RawArray": ("i", 2),
    "RawValue": ("i", 1),
    "Semaphore": (),
    "SimpleQueue": (),
    "Value": ("i", 1),
}
"""What calls of the package make, and their arguments."""


def chosen() -> dict[str, str]:
    """Where ropewalk differs on purpose on this Python, by name and aspect, and why."""
    found = {
        f"{name}.shutdown": "an extension: that of queue.Queue, for processes"
        for name in (
            "a Queue",
            "a JoinableQueue",
            "multiprocessing.queues.Queue",
            "multiprocessing.queues.JoinableQueue",
        )
    }
    for name in ("BoundedSemaphore", "Lock", "RLock", "Semaphore"):
        for own in ("SEM_VALUE_MAX", "handle", "kind", "maxvalue", "name"):
            found[f"multiprocessing.synchronize.{name}.{own}"] = "a lock is its own _semlock"
            found[f"a {name}.{own}"] = "a lock is its own _semlock"
        for own in ("acquire", "release"):
            found[f"multiprocessing.synchronize.{name}.{own}"] = "the original keeps it in each object"
        found[f"a {name}.__exit__ signature"] = "it says what it takes"
    return found


CHOSEN = chosen()


def ours(module: str) -> Any:
    return importlib.import_module(f"ropewalk.{module}")


def public(module: str) -> list[str]:
    """What the module exports; of one that does not say so, what it defines."""
    original = importlib.import_module(module)
    names = getattr(original, "__all__", None)
    if names is None:
        names = [
            name
            for name, thing in vars(original).items()
            if not name.startswith("_") and getattr(thing, "__module__", None) == module
        ]
    return sorted(names)


def of_an_object(method: Any) -> Any:
    """Its signature without `self`, which some of ours take by place only, as every program gives it."""
    with suppress(TypeError, ValueError):
        whole = inspect.signature(method)
        first, *rest = whole.parameters.values() or [None]
        if first is not None and first.name == "self":

            def bare() -> None: ...

            bare.__doc__ = inspect.getdoc(method)
            bare.__signature__ = whole.replace(parameters=rest)  # type: ignore[attr-defined]
            return bare
    return method


def class_differences(label: str, theirs: type, ours: type) -> Iterator[tuple[str, str]]:
    """The methods of a class whose objects are not made here."""
    for name in sorted(name for name in dir(theirs) if not name.startswith("_")):
        if not hasattr(ours, name):
            yield f"{label}.{name}", "only the original has it"
        elif callable(getattr(theirs, name)):
            one, other = (of_an_object(getattr(cls, name)) for cls in (theirs, ours))
            yield from callable_differences(f"{label}.{name}", one, other)
    for name in sorted(name for name in dir(ours) if not name.startswith("_")):
        if not hasattr(theirs, name):
            yield f"{label}.{name}", "only ours has it"


def looked_at(label: str, theirs: Any, ours: Any) -> Iterator[tuple[str, str]]:
    if inspect.isclass(theirs) and inspect.isclass(ours):
        if theirs is not ours:
            yield from callable_differences(label, theirs, ours)
            yield from class_differences(label, theirs, ours)
            if not issubclass(ours, theirs):
                yield f"{label} bases", f"{theirs!r} is not among {ours.__mro__!r}"
    elif inspect.ismethod(theirs) and inspect.ismethod(ours):
        yield from callable_differences(label, theirs, ours)
    else:
        yield from differences(label, theirs, ours)


def unchosen(label: str, found: dict[str, str]) -> dict[str, str]:
    listed = {
        name for name in CHOSEN if name == label or name.startswith((f"{label}.", f"{label} ", f"{label}("))
    }
    assert listed - set(found) == set(), "no longer different: remove it from chosen()"
    return {aspect: seen for aspect, seen in found.items() if aspect not in listed}


@pytest.mark.parametrize(
    ("module", "name"), [(module, name) for module in MODULES for name in public(module)]
)
def test_a_public_name_of_processes_is_what_the_original_is(module: str, name: str) -> None:
    label = f"{module}.{name}"
    theirs = getattr(importlib.import_module(module), name)
    assert unchosen(label, dict(looked_at(label, theirs, getattr(ours(module), name)))) == {}


@pytest.mark.parametrize("module", MODULES)
def test_all_names_of_processes_that_the_original_exports_are_exported_and_no_other(module: str) -> None:
    exported = getattr(importlib.import_module(module), "__all__", None)
    if exported is not None:
        assert set(ours(module).__all__) == set(exported)


@pytest.mark.parametrize("name", MADE)
def test_what_a_call_makes_shows_what_the_originals_shows(name: str) -> None:
    def make(package: Any) -> Callable[[], Any]:
        return lambda: getattr(package, name)(*MADE[name])

    label = f"a {name}"
    found = dict(object_differences(label, make(multiprocessing), make(ours("multiprocessing"))))
    assert unchosen(label, found) == {}
