"""Put ropewalk's objects in the place of the standard library's, and take them out again.

The real modules stay: only attributes change, all of a set together.  A module that is not imported yet is patched when
it is (``lazy``); a module that a framework has made cooperative is left alone (``guests``).
"""

from __future__ import annotations

import sys

from ropewalk.errors import UnsupportedInterpreter
from ropewalk.installer import greenlets, guests, lazy, patch

__all__ = ["install", "installed", "uninstall"]


def install(*, locks: bool = True, greenlet: bool = True) -> bool:
    """Makes this interpreter's ``threading``, ``queue`` and ``concurrent.futures`` run on the engine.

    Objects made before stay valid.  Calling it again is harmless.  Who imports ``greenlet`` from then on gets
    :mod:`ropewalk.greenlet`.

    :param locks: also replace ``Lock``, ``RLock`` and ``Condition``; without them waits for locks are invisible to the
        deadlock reports.
    :param greenlet: also stand in for the package ``greenlet``, unless the program has imported it already.
    :returns: whether ropewalk is installed now.  ``False``, with a ``RuntimeWarning`` that says why, in a
        subinterpreter and after gevent's or eventlet's monkey patching of threads.
    :raises UnsupportedInterpreter: on a free-threaded build.
    """
    if not getattr(sys, "_is_gil_enabled", lambda: True)() or "t" in getattr(sys, "abiflags", ""):
        raise UnsupportedInterpreter(
            "ropewalk does not run on free-threaded builds of Python yet: use the build with the GIL "
            f"(python{sys.version_info[0]}.{sys.version_info[1]}, without the t)"
        )
    if _in_subinterpreter():
        _say(
            "a subinterpreter keeps the standard library's threading: ropewalk serves the main interpreter only"
        )
        return False
    framework = guests.who_patched()
    if framework:
        _say(f"{framework} has patched threading already: ropewalk leaves it, so that no wait blocks the hub")
        return False
    patch.activate(locks=locks)
    guests.watch(uninstall)
    lazy.start(patch.apply, greenlet=greenlet and greenlets.are_possible())
    return True


def uninstall() -> None:
    """Gives the standard modules their own objects back. Objects made meanwhile stay valid.

    A program that has imported ``greenlet`` meanwhile keeps what it got.
    """
    lazy.stop()
    patch.deactivate()


def installed() -> bool:
    """Whether the standard modules hold ropewalk's objects now."""
    return patch.is_active()


def _say(message: str) -> None:
    import warnings

    warnings.warn(f"ropewalk is not installed: {message}", RuntimeWarning, stacklevel=3)


def _in_subinterpreter() -> bool:
    import _thread

    try:
        return not _thread._is_main_interpreter()  # type: ignore[attr-defined]
    except AttributeError:  # before 3.13: by a module that costs a library
        try:
            import _xxsubinterpreters as interpreters  # type: ignore[import-not-found]
        except ImportError:
            return False
        return bool(interpreters.get_current() != interpreters.get_main())
