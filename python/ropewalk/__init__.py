"""One Rust engine under Python's threads, queues, futures, processes and coroutines.

``python -m ropewalk program.py`` runs an unmodified program on it.  Inside a program::

    import ropewalk
    ropewalk.install()                     # threading, queue and concurrent.futures from here on

or, without touching the standard modules::

    from ropewalk import threading, queue
    from ropewalk.concurrent import futures

Importing ropewalk changes nothing and loads nothing but this file.
"""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ropewalk._ropewalk import __version__ as __version__
    from ropewalk.doctor import waits as waits
    from ropewalk.doctor.ordering import ordered as ordered
    from ropewalk.errors import DeadlockError as DeadlockError
    from ropewalk.errors import LockOrderError as LockOrderError
    from ropewalk.errors import OwnerDiedWarning as OwnerDiedWarning
    from ropewalk.errors import RopewalkError as RopewalkError
    from ropewalk.installer import install as install
    from ropewalk.installer import installed as installed
    from ropewalk.installer import uninstall as uninstall

    deadlock: str

__all__ = [
    "DeadlockError",
    "LockOrderError",
    "OwnerDiedWarning",
    "RopewalkError",
    "__version__",
    "deadlock",
    "install",
    "installed",
    "ordered",
    "uninstall",
    "waits",
]

_HOMES = {
    "DeadlockError": "ropewalk.errors",
    "LockOrderError": "ropewalk.errors",
    "OwnerDiedWarning": "ropewalk.errors",
    "RopewalkError": "ropewalk.errors",
    "__version__": "ropewalk._ropewalk",
    "install": "ropewalk.installer",
    "installed": "ropewalk.installer",
    "ordered": "ropewalk.doctor.ordering",
    "uninstall": "ropewalk.installer",
    "waits": "ropewalk.doctor",
}


class _Package(type(sys)):  # type: ignore[misc]
    """A module that loads its names when they are first used."""

    def __getattr__(self, name: str) -> object:
        home = _HOMES.get(name)
        if home is None:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        __import__(home)
        value = getattr(sys.modules[home], name)
        self.__dict__[name] = value
        return value

    @property
    def deadlock(self) -> str:
        """What is done about a deadlock: ``"raise"``, ``"report"`` or ``"off"``; see ``doctor.set_deadlock``."""
        from ropewalk.doctor import get_deadlock

        return get_deadlock()

    @deadlock.setter
    def deadlock(self, mode: str) -> None:
        from ropewalk.doctor import set_deadlock

        set_deadlock(mode)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *__all__})


sys.modules[__name__].__class__ = _Package
