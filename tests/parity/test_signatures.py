"""Every public name of threading, queue and concurrent.futures, beside the original's.

For each name: is it a class or a function, its module, qualified name, repr and signature, whether it has a
docstring; for a class also all that a user sees of an object of it. What differs on purpose is in CHOSEN with
its reason, and a line there that no longer differs fails.
"""

from __future__ import annotations

import importlib
import inspect
import re
import sys
import threading
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

MODULES = {
    "threading": "ropewalk.threading",
    "queue": "ropewalk.queue",
    "concurrent.futures": "ropewalk.concurrent.futures",
}

PROTOCOLS = ("__enter__", "__exit__", "__class_getitem__")
"""Special methods that are looked at with the public ones."""

ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "threading.Barrier": (2,),
    "threading.ExceptHookArgs": ((None, None, None, None),),
    "threading.Thread": (None, None, "thread"),
    "threading.Timer": (1, print),
    "concurrent.futures.ThreadPoolExecutor": (1,),
    "concurrent.futures.ProcessPoolExecutor": (1,),
    "concurrent.futures.InterpreterPoolExecutor": (1,),
}
"""What makes an object of a class; nothing does for those not named."""


def chosen() -> dict[str, str]:
    """Where ropewalk differs on purpose on this Python, by name and aspect, and why."""
    found: dict[str, str] = {}
    if sys.version_info < (3, 13):
        shutdown = "3.13's shutdown() is there on every version"
        found["queue.ShutDown"] = shutdown
        for name in ("Queue", "LifoQueue", "PriorityQueue"):
            found[f"queue.{name}.shutdown"] = shutdown
            found[f"queue.{name}.is_shutdown"] = shutdown
    else:
        found["threading.Lock bases"] = (
            "the interpreter's lock refuses subclasses; isinstance takes it for ours"
        )
    for extension in ("(max_pending=)", "(context=)", "(help=)", ".shutdown(timeout=)"):
        found[f"concurrent.futures.ThreadPoolExecutor{extension}"] = "an extension"
    for extension in (
        *("timeout", "grace", "retries", "retry_on", "priority"),
        *("max_pending", "seed", "memory_limit", "exit", "forward"),
    ):
        found[f"concurrent.futures.ProcessPoolExecutor({extension}=)"] = "an extension"
    for extension in (".shutdown(timeout=)", ".map(progress=)", ".with_options", ".resize"):
        found[f"concurrent.futures.ProcessPoolExecutor{extension}"] = "an extension"
    found["concurrent.futures.Future.cancel(running=)"] = "an extension"
    if sys.version_info < (3, 14):
        found["threading.Condition.locked"] = "3.14's method is on every version"
        for executor in ("Thread", "Process"):
            found[f"concurrent.futures.{executor}PoolExecutor.map(buffersize=)"] = (
                "3.14's buffersize is on every version"
            )
        for name in ("terminate_workers", "kill_workers"):
            found[f"concurrent.futures.ProcessPoolExecutor.{name}"] = "3.14's method is on every version"
    return found


CHOSEN = chosen()

MORE_NAMES = {"queue": {"ShutDown"}, "concurrent.futures": {"InvalidStateError"}}
"""Names that newer versions export, and ropewalk on every version."""


def pairs() -> Iterator[Any]:
    """Each public name as a parameter: module, name."""
    for module in MODULES:
        names = set(importlib.import_module(module).__all__)
        for name in sorted(names | MORE_NAMES.get(module, set())):
            yield pytest.param(module, name, id=f"{module}.{name}")


def neutral(text: str) -> str:
    """A repr without what differs between two objects of one class."""
    return re.sub(r"0x[0-9a-f]+|Thread-\d+|ThreadPoolExecutor-\d+_\d+", "...", text)


def signature(thing: Any) -> inspect.Signature | None:
    """Names, kinds and defaults of the parameters; None if the object does not tell."""
    try:
        whole = inspect.signature(thing)
    except (TypeError, ValueError):
        return None
    empty = inspect.Parameter.empty
    bare = [parameter.replace(annotation=empty) for parameter in whole.parameters.values()]
    return whole.replace(parameters=bare, return_annotation=inspect.Signature.empty)


def callable_differences(label: str, theirs: Any, ours: Any) -> Iterator[tuple[str, str]]:
    """Signature and docstring. An original without a signature is no measure.

    An extension is a keyword with a default, after everything that the original takes by place or by name; each has
    its line.
    """
    if bool(inspect.getdoc(theirs)) and not inspect.getdoc(ours):
        yield f"{label} docstring", "ours has none"
    expected, found = signature(theirs), signature(ours)
    if expected is None:
        return
    if found is None:
        yield f"{label} signature", f"{expected} != none told"
        return
    named = [
        parameter for parameter in found.parameters.values() if parameter.kind is not parameter.VAR_KEYWORD
    ]
    more = []
    while named and named[-1].kind is named[-1].KEYWORD_ONLY and named[-1].name not in expected.parameters:
        if named[-1].default is not named[-1].empty:
            more.append(named[-1].name)
        named.pop()
    yield from ((f"{label}({name}=)", "only ours has it") for name in more)
    common = [parameter for parameter in found.parameters.values() if parameter.name not in more]
    without = found.replace(parameters=common)
    if neutral(str(without)) != neutral(str(expected)):
        yield f"{label} signature", f"{expected} != {found}"


def visible(thing: Any) -> set[str]:
    """The attributes a user sees."""
    names = {name for name in dir(thing) if not name.startswith("_")}
    return names | {name for name in PROTOCOLS if hasattr(thing, name)}


def object_differences(
    label: str, theirs: Callable[[], Any], ours: Callable[[], Any]
) -> Iterator[tuple[str, str]]:
    """All attributes of an object. Each is looked at on an object of its own: a look may change it."""
    expected, found = visible(theirs()), visible(ours())
    yield from ((f"{label}.{name}", "only the original has it") for name in sorted(expected - found))
    yield from ((f"{label}.{name}", "only ours has it") for name in sorted(found - expected))
    for name in sorted(expected & found):
        one, other = getattr(theirs(), name), getattr(ours(), name)
        if callable(one) != callable(other):
            yield f"{label}.{name} kind", f"{one!r} != {other!r}"
        elif callable(one):
            yield from callable_differences(f"{label}.{name}", one, other)
        elif not isinstance(other, type(one)) and not isinstance(one, type(other)):
            yield f"{label}.{name} type", f"{one!r} != {other!r}"
    if neutral(repr(theirs())) != neutral(repr(ours())):
        yield f"{label}() repr", f"{theirs()!r} != {ours()!r}"


def differences(label: str, theirs: Any, ours: Any) -> Iterator[tuple[str, str]]:
    """Where `ours` is not what `theirs` is, as (aspect, what was seen)."""
    if theirs is ours:
        return
    if inspect.isclass(theirs) != inspect.isclass(ours):
        yield f"{label} kind", f"{theirs!r} != {ours!r}"
    for attribute in ("__module__", "__name__", "__qualname__"):
        one, other = getattr(theirs, attribute, None), getattr(ours, attribute, None)
        if one != other:
            yield f"{label} {attribute}", f"{one!r} != {other!r}"
    if not callable(theirs):
        if theirs != ours:
            yield label, f"{theirs!r} != {ours!r}"
        return
    if neutral(repr(theirs)) != neutral(repr(ours)):
        yield f"{label} repr", f"{theirs!r} != {ours!r}"
    yield from callable_differences(label, theirs, ours)
    if inspect.isclass(theirs) or label in ("threading.Lock", "threading.RLock"):
        arguments = ARGUMENTS.get(label, ())
        yield from object_differences(label, lambda: theirs(*arguments), lambda: ours(*arguments))
    if inspect.isclass(theirs) and inspect.isclass(ours) and not issubclass(ours, theirs):
        yield f"{label} bases", f"{theirs!r} is not among {ours.__mro__!r}"


def originals(module: str) -> ModuleType:
    """The standard library's module, in a process where nothing is installed."""
    assert not getattr(threading.Semaphore, "__ropewalk__", False), (
        "run these tests without ropewalk installed"
    )
    return importlib.import_module(module)


@pytest.mark.parametrize(("module", "name"), list(pairs()))
def test_a_public_name_is_what_the_original_is(module: str, name: str) -> None:
    ours = importlib.import_module(MODULES[module])
    label = f"{module}.{name}"
    if hasattr(originals(module), name):
        found = dict(differences(label, getattr(originals(module), name), getattr(ours, name)))
    else:
        assert hasattr(ours, name)
        found = {label: "only ours has it"}
    listed = {
        aspect
        for aspect in CHOSEN
        if aspect == label or aspect.startswith((f"{label}.", f"{label} ", f"{label}("))
    }
    assert {aspect: seen for aspect, seen in found.items() if aspect not in listed} == {}
    assert listed - set(found) == set(), "no longer different: remove it from chosen()"


@pytest.mark.parametrize("module", MODULES)
def test_all_names_the_original_exports_are_exported_and_no_other(module: str) -> None:
    ours = importlib.import_module(MODULES[module])
    assert set(ours.__all__) == set(originals(module).__all__) | MORE_NAMES.get(module, set())


def changed(make: Callable[[ModuleType], Any], *steps: str) -> Callable[[ModuleType], Any]:
    """Makes an object and calls some of its methods."""

    def build(module: ModuleType) -> Any:
        thing = make(module)
        for step in steps:
            getattr(thing, step)()
        return thing

    return build


LOCKS: dict[str, tuple[str, Callable[[ModuleType], Any]]] = {
    "a locked Lock": ("threading", changed(lambda m: m.Lock(), "acquire")),
    "an RLock held twice": ("threading", changed(lambda m: m.RLock(), "acquire", "acquire")),
}
"""States of the types that a program cannot subclass by their public name on every version."""

STATES: dict[str, tuple[str, Callable[[ModuleType], Any]]] = {
    "a Condition over a Lock": ("threading", lambda m: m.Condition(m.Lock())),
    "a held Condition": ("threading", changed(lambda m: m.Condition(), "acquire")),
    "a Semaphore of three": ("threading", lambda m: m.Semaphore(3)),
    "a used Semaphore": ("threading", changed(lambda m: m.Semaphore(3), "acquire")),
    "a used BoundedSemaphore": ("threading", changed(lambda m: m.BoundedSemaphore(2), "acquire")),
    "a set Event": ("threading", changed(lambda m: m.Event(), "set")),
    "a cleared Event": ("threading", changed(lambda m: m.Event(), "set", "clear")),
    "a broken Barrier": ("threading", changed(lambda m: m.Barrier(2), "abort")),
    "a bounded Queue": ("queue", lambda m: m.Queue(3)),
}


@pytest.mark.parametrize("state", [*LOCKS, *STATES])
def test_the_repr_of_an_object_tells_its_state_as_the_original_does(state: str) -> None:
    module, make = {**LOCKS, **STATES}[state]
    ours = importlib.import_module(MODULES[module])
    assert neutral(repr(make(ours))) == neutral(repr(make(originals(module))))


@pytest.mark.parametrize("state", STATES)
def test_a_subclass_names_itself_in_its_repr_as_the_originals_subclass_does(state: str) -> None:
    module, make = STATES[state]
    reprs = []
    for home in (originals(module), importlib.import_module(MODULES[module])):
        name = type(make(home)).__name__
        space = ModuleType("space")
        vars(space).update({public: getattr(home, public) for public in home.__all__})
        setattr(space, name, type("Child", (getattr(home, name),), {}))
        made = make(space)
        assert type(made).__name__ == "Child"
        reprs.append(neutral(repr(made)))
    assert reprs[0] == reprs[1]
