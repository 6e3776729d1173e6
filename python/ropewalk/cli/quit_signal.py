"""What `kill -QUIT` (Ctrl-\\ in a terminal) prints: every thread with its stack, and who waits for whom.

The handler is Python code, so it runs in the main thread, between two of its steps or in the middle of a wait,
which then goes on. A main thread that is deep in foreign code answers when it comes back. The report goes to
descriptor 2, and takes no lock that the interrupted code may hold.
"""

from __future__ import annotations

# Not `signal`: its enumerations would be half of the cost of a start.
import _signal  # type: ignore[import-not-found]
import os
import sys
from _thread import get_ident

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any


def listen() -> bool:
    """Answer SIGQUIT, unless the program's parent or the program has decided otherwise; whether it is done."""
    if _signal.getsignal(_signal.SIGQUIT) is not _signal.SIG_DFL:
        return False
    try:
        _signal.signal(_signal.SIGQUIT, _answer)
    except ValueError:  # not the main thread, or not the main interpreter
        return False
    return True


def _answer(number: int, frame: FrameType | None) -> None:
    rest = report(_of_the_program(frame)).encode(errors="backslashreplace")
    while rest:
        rest = rest[os.write(2, rest) :]


def _of_the_program(frame: FrameType | None) -> FrameType | None:
    """Where the program stood, also if the signal came in the middle of an earlier answer."""
    at = frame
    while at is not None:
        if at.f_code is _answer.__code__:
            frame = at.f_back
        at = at.f_back
    return frame


def report(interrupted: FrameType | None = None) -> str:
    """All threads with names and stacks, then the wait graph. `interrupted` is where the calling thread stood."""
    threading = sys.modules.get("threading")
    threads = dict(getattr(threading, "_active", ()))  # enumerate() would take a lock
    frames = sys._current_frames()
    here = get_ident()
    if interrupted is not None:
        frames[here] = interrupted
    lines = [f"ropewalk: process {os.getpid()}, threads: {len(frames)}\n"]
    for ident, frame in frames.items():
        thread = threads.get(ident)
        name = thread.name if thread else "MainThread" if ident == here else "unknown to threading"
        daemon = ", daemon" if thread and thread.daemon else ""
        lines.append(f"\nThread {name} ({ident:#x}{daemon}), most recent call last:\n")
        lines += _stack(frame)
    return "".join([*lines, "\n", _waits(), "ropewalk: end of report\n"])


def _stack(frame: FrameType | None) -> list[str]:
    """The frames as in a traceback. Not by `traceback`: the interrupted code may be in the middle of importing it."""
    lines = []
    while frame is not None:
        code = frame.f_code
        text = _source(code.co_filename, frame.f_lineno, frame.f_globals)
        lines.append(f'  File "{code.co_filename}", line {frame.f_lineno}, in {code.co_name}\n{text}')
        frame = frame.f_back
    return lines[::-1]


def _source(file: str, line: int, names: dict[str, Any]) -> str:
    try:
        import linecache

        text = linecache.getline(file, line, names).strip()
    except Exception:  # half imported, as above
        return ""
    return f"    {text}\n" if text else ""


def _waits() -> str:
    try:
        from ropewalk.doctor import drawing, waits

        return drawing.table(waits()) + "\n"
    except Exception as error:  # half imported, as above
        return f"Who waits for whom cannot be told now, ask again: {error!r}\n"
