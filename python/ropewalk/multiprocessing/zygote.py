"""A warm start: the fork server begun early, with what the program has imported.

The fork server (start method ``forkserver``) is a process without threads that forks what it is asked for. By itself it
begins with the first process, and each process imports for itself what it needs. :func:`warm` begins it now, and lets
it import in the meantime what the calling program has imported; then a process begins with all of that there.

When to use it: in the main module, below its imports, under ``if __name__ == "__main__":``, before the first process or
pool. When not: if a module of the program's starts threads or opens connections when it is imported; name the others
then, or leave it.

What must stay true: nothing is imported that the program has not imported or named, and each process has random
numbers of its own.
"""

from __future__ import annotations

import sys
from multiprocessing import forkserver

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

__all__ = ["imported", "warm"]

#: Imported last, by the server alone.
_IN_SERVER = "ropewalk.multiprocessing.reseed"


def warm(modules: Iterable[str] | None = None) -> bool:
    """Begins the fork server with these modules imported, and returns without waiting for it.

    A module that cannot be imported there is left out, as by ``multiprocessing.set_forkserver_preload``.

    :param modules: their names; by default all that this program has imported, see :func:`imported`.
    :returns: whether it was begun by this call: not if it runs already, for it does not import any more then.
    :raises TypeError: if they are no strings.
    """
    if isinstance(modules, str):
        raise TypeError("warm() takes several names of modules: put the one into a list")
    server: Any = forkserver._forkserver
    names = ["__main__", *(imported() if modules is None else modules), _IN_SERVER]
    if server._forkserver_pid is not None:
        return False
    forkserver.set_forkserver_preload(list(dict.fromkeys(names)))
    forkserver.ensure_running()
    return True


def imported() -> list[str]:
    """The modules that this program has imported, by their public names, in the order of their import.

    Not among them: those of the interpreter itself and of the standard library's private parts, and modules that were
    not imported by their own name.
    """
    return [name for name, module in list(sys.modules.items()) if _is_public(name, module)]


def _is_public(name: str, module: Any) -> bool:
    spec = getattr(module, "__spec__", None)
    return (
        spec is not None
        and spec.name == name
        and getattr(spec, "has_location", False)
        and not any(part.startswith("_") for part in name.split("."))
    )
