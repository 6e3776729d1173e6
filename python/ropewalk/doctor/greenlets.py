"""Suspended greenlets as waits: who they are, where they stand, and what they wait for.

Nobody writes down what a greenlet waits for, or since when: to the engine a switch is a switch.  But its frames stand
still. The call by which the program went into its framework says what is waited for: the outermost frame of the
framework, or, if that is compiled and has none, the line of the program.

Those of another process are read from its memory (``greenlet/elsewhere.rs``): that process is not asked, and may hang.
"""

from __future__ import annotations

import contextlib
import math
import os
import sys
from typing import TYPE_CHECKING, Any

from ropewalk import _ropewalk
from ropewalk.doctor import source
from ropewalk.doctor.scene import Frame, Greenlet, Place, Wait, is_between

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["marked", "of_process", "table", "waits"]

#: Packages that switch greenlets, and modules of the standard library whose functions end there after monkey patching.
_FRAMEWORKS = frozenset({"gevent", "eventlet", "greenlet"})
_PATCHED = frozenset({"socket", "ssl", "select", "selectors", "subprocess", "time"})
#: The same as parts of paths.
_FOLDERS = frozenset({"gevent", "eventlet", "greenlet", "ropewalk", "multiprocessing"})
_FILES = _PATCHED | {"threading", "queue", "contextlib"}

#: By what else a program goes into a framework than by the methods that :mod:`source` knows.
_CALLS = frozenset(
    {
        "accept",
        "connect",
        "idle",
        "iwait",
        "joinall",
        "kill",
        "killall",
        "map",
        "peek",
        "poll",
        "read",
        "readline",
        "recv",
        "recv_into",
        "recvfrom",
        "select",
        "send",
        "sendall",
        "sleep",
        "switch",
        "throw",
        "wait_read",
        "wait_readwrite",
        "wait_write",
        "write",
    }
)


def waits(*, tree: bool = False) -> list[Wait]:
    """Those of this process that are suspended; with ``tree`` also those of all processes below it that can be seen."""
    told = _of_this_process()
    if tree:
        from ropewalk.cli.tree import below

        for pid in below(os.getpid()):
            with contextlib.suppress(OSError):  # it has just ended, or may not be looked into
                told += of_process(pid)
    return told


def _of_this_process() -> list[Wait]:
    found: list[tuple[Any, ...]] = _ropewalk.greenlets()
    names = _names_of_threads()
    labels = {
        id(greenlet): _label(type(greenlet).__name__, is_main, _first(frames))
        for greenlet, _, _, _, is_main, _, frames in found
    }
    told = []
    for greenlet, parent, ident, is_first, _, runs, frames in found:
        if runs:
            continue
        about = Greenlet(
            labels[id(greenlet)],
            id(greenlet),
            None if parent is None else labels.get(id(parent), type(parent).__name__),
            0 if parent is None else id(parent),
        )
        thread = names.get(ident) or _thread(ident, is_first)
        told.append(_wait(thread, ident, about, [Frame(*it) for it in frames]))
    return told


def marked(waits: list[Wait]) -> list[Wait]:
    """Waits of this process's threads, each with the greenlet that it runs, if that is not the thread's first."""
    running = {
        ident: Greenlet(
            _label(type(greenlet).__name__, False, None), id(greenlet), type(parent).__name__, id(parent)
        )
        for greenlet, parent, ident, _, is_main, runs, _ in (_ropewalk.greenlets() if waits else ())
        if runs and not is_main
    }
    here = (0, os.getpid())
    return [
        wait._replace(greenlet=running.get(wait.ident)) if wait.process in here else wait for wait in waits
    ]


def _names_of_threads() -> dict[int, str]:
    threading = sys.modules.get("threading")
    return {ident: thread.name for ident, thread in list(getattr(threading, "_active", {}).items())}


def _thread(ident: int, is_first: bool) -> str:
    """What a thread is called that `threading` does not know."""
    return "MainThread" if is_first else f"thread {ident:#x}"


def _label(kind: str, is_main: bool, function: str | None) -> str:
    """What a greenlet is called: by its type, and by what it runs."""
    if is_main:
        return "main greenlet"
    kind = kind.rpartition(".")[2]
    return f"{kind} {function}" if function else kind


def _first(frames: list[tuple[Any, ...]]) -> str | None:
    """The function of the program that a greenlet began with."""
    own = [frame for frame in (Frame(*it) for it in frames) if not _is_between(frame)]
    return own[-1].code.co_name if own else None


def _is_between(frame: Frame) -> bool:
    module = str(frame.names.get("__name__", ""))
    return module.partition(".")[0] in _FRAMEWORKS or module in _PATCHED or is_between(frame)


def _wait(thread: str, ident: int, about: Greenlet, frames: list[Frame]) -> Wait:
    own = [frame for frame in frames if not _is_between(frame)]
    inner = frames[: frames.index(own[0])] if own else frames
    what, name, subject, timed = "switch", None, 0, False
    if inner and own:
        entry = inner[-1]
        variables = entry.variables or {}
        this = variables.get("self")
        what = _call(None if this is None else type(this).__name__, entry.code.co_name)
        timed = what == "sleep" or type(variables.get("timeout")) in (int, float)
        if this is not None:
            subject = id(this)
            name = source.waited_for(own[0], subject)
    elif own:
        for text, method, value in source.calls(own[0], source.WAITING | _CALLS):
            if _is_of_a_framework(value):
                is_one = not isinstance(value, (type(sys), type(_is_between)))
                what = _call(type(value).__name__ if is_one else None, method)
                if is_one and what != "switch":
                    name, subject = text, id(value)
                timed = what == "sleep"
    return Wait(
        thread,
        ident,
        what,
        name,
        subject,
        [],
        [],
        math.nan,
        timed,
        [frame.place for frame in own or frames],
        None,
        None,
        greenlet=about,
    )


def _call(kind: str | None, function: str) -> str:
    """What a greenlet is in, by the type of what was called and the function."""
    owner, _, function = function.rpartition(".")
    kind = kind or owner or None
    function = "acquire" if function == "__enter__" else function
    return function if kind is None or function in ("switch", "throw") else f"{kind}.{function}"


def _is_of_a_framework(value: Any) -> bool:
    if isinstance(value, type(sys)):
        module = vars(value).get("__name__")
    elif isinstance(value, type(_is_between)) or type(value).__name__ in (
        "builtin_function_or_method",
        "cython_function_or_method",
    ):
        module = value.__module__
    else:
        modules = (base.__module__ for base in type(value).__mro__)
        return any(str(module).partition(".")[0] in _FRAMEWORKS for module in modules)
    return str(module).partition(".")[0] in _FRAMEWORKS or module in _PATCHED


def of_process(pid: int) -> list[Wait]:
    """Those of another process that are suspended.

    :raises ProcessLookupError: there is none.
    :raises OSError: its memory cannot be read, or it runs another build of Python or of ropewalk; the message says
    which.
    """
    found = [(*one[:-1], _places(pid, one[-1])) for one in _ropewalk.process_greenlets(pid)]
    labels = {}
    for address, _, kind, _, _, is_main, _, places in found:
        own = [place for place in places if not _is_foreign(place)]
        labels[address] = _label(kind, is_main, own[-1].function.rpartition(".")[2] if own else None)
    told = []
    for address, parent, _, ident, is_first, _, runs, places in found:
        if runs:
            continue
        about = Greenlet(labels[address], address, labels.get(parent, "greenlet") if parent else None, parent)
        own = [place for place in places if not _is_foreign(place)]
        inner = places[: places.index(own[0])] if own else places
        what, name = "switch", None
        if inner and own:
            what = _call(None, inner[-1].function)
        elif own:
            known = source.WAITING | _CALLS
            calls = source.calls_at(own[0].file, own[0].line, known)
            if calls:
                name, what = calls[-1]
        if what == "switch" or name in _FRAMEWORKS or name == "time":
            name = None
        told.append(
            Wait(
                _thread(ident, is_first),
                ident,
                what,
                name,
                0,
                [],
                [],
                math.nan,
                what == "sleep",
                own or places,
                None,
                None,
                pid,
                greenlet=about,
            )
        )
    return told


def _places(pid: int, lines: list[str]) -> list[Place]:
    places = []
    for line in lines:
        number, function, file = line.split("\t")
        if not os.path.isabs(file) and not file.startswith(("<", "?")):
            try:
                file = os.path.join(os.readlink(f"/proc/{pid}/cwd"), file)
            except OSError:
                pass
        places.append(Place(file, int(number), function))
    return places


def _is_foreign(place: Place) -> bool:
    """Whether it is the framework's, or the standard library's: as well as that can be told by a path."""
    folders = place.file.split(os.sep)
    if _FOLDERS.intersection(folders[-3:-1]):
        return True
    library = os.path.dirname(os.__file__)
    return os.path.dirname(place.file) == library and folders[-1].removesuffix(".py") in _FILES


def table(waits: Iterable[Wait]) -> list[str]:
    """Who waits where, a line for all greenlets of one kind that stand at one place for the same."""
    groups: dict[tuple[Any, ...], list[Wait]] = {}
    for wait in waits:
        about = wait.greenlet
        assert about is not None
        place = wait.stack[0] if wait.stack else None
        groups.setdefault((wait.thread, about.name, about.parent_id, wait.what, wait.name, place), []).append(
            wait
        )
    lines = []
    for (thread, name, _, what, called, place), group in groups.items():
        about = group[0].greenlet
        assert about is not None
        who = (
            f"{name} {about.id:#x}"
            if len(group) == 1
            else f"{len(group)} times {name}, the first {about.id:#x}"
        )
        child = f", child of {about.parent}," if about.parent else ""
        verb = "waits" if len(group) == 1 else "wait"
        where = f", at {place}" if place else ""
        for_what = "to be switched to" if what == "switch" else f"for {_subject(what, called)}"
        lines.append(f"{thread}, {who}{child} {verb} {for_what}{where}")
    return lines


def _subject(what: str, called: str | None) -> str:
    """What is waited for; of another process's objects the type is not known."""
    if called is None:
        return what
    return f"{what} {called}" if "." in what else f"{called}.{what}"
