"""``ropewalk.greenlet`` in the place of the package ``greenlet``, for whoever imports that from now on.

The package is not touched, and need not be there.  When a program imports ``greenlet`` it gets a module with the same
names.  Its ``__path__`` is the package's own, so that what else lies there is found; and ``importlib.metadata`` knows a
version of it either way.  A program that has imported the package already keeps it: greenlets of the two kinds cannot
switch to each other.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator
    from importlib.machinery import ModuleSpec
    from importlib.metadata import Distribution
    from types import ModuleType
    from typing import Any

__all__ = ["NAME", "are_possible", "distributions", "spec"]

NAME = "greenlet"
#: The version of greenlet whose behaviour ours is; its tests run in ours.
VERSION = "3.5.6"

_NAMES = ("_C_API", "GreenletExit", "error", "getcurrent", "greenlet", "gettrace", "settrace")
_CONSTANTS = (
    "GREENLET_USE_CONTEXT_VARS",
    "GREENLET_USE_GC",
    "GREENLET_USE_TRACING",
    "CLOCKS_PER_SEC",
    "enable_optional_cleanup",
    "get_clocks_used_doing_optional_cleanup",
)


def are_possible() -> bool:
    """Whether this interpreter lets a thread have other stacks: 3.14.0 and 3.14.1 take one for an overflow."""
    return not (3, 14) <= sys.version_info < (3, 14, 2)


class _Loader:
    """Makes the module instead of reading it."""

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        from ropewalk._ropewalk import _greenlet

        sys.modules[f"{NAME}._greenlet"] = _greenlet
        module.__doc__ = "greenlet, as ropewalk has it: see ropewalk.greenlet."
        names: dict[str, Any] = {name: getattr(_greenlet, name) for name in _NAMES + _CONSTANTS}
        vars(module).update(names, _greenlet=_greenlet, __all__=["__version__", *_NAMES])
        vars(module)["__version__"] = _version()

    def is_package(self, name: str) -> bool:
        return True


def spec(original: ModuleSpec | None) -> ModuleSpec:
    """How the import of ``greenlet`` goes: ``original`` says how it would go without us, if at all."""
    from importlib.machinery import ModuleSpec

    ours = ModuleSpec(NAME, _Loader(), origin="ropewalk", is_package=True)  # type: ignore[arg-type]
    ours.submodule_search_locations = list((original and original.submodule_search_locations) or ())
    return ours


def _installed() -> Iterator[Distribution]:
    from importlib.metadata import DistributionFinder

    context = DistributionFinder.Context(name=NAME)
    for finder in sys.meta_path:
        find = getattr(finder, "find_distributions", None)
        if find is not None and not hasattr(finder, "__ropewalk__"):
            yield from find(context)


def _version() -> str:
    for distribution in _installed():
        return distribution.version
    return VERSION


def distributions(name: str | None) -> Iterable[Distribution]:
    """For who asks for greenlet by name, and will find none installed."""
    if name == NAME and next(_installed(), None) is None:
        return [_ours()]
    return ()


def _ours() -> Distribution:
    from importlib.metadata import Distribution

    class Greenlet(Distribution):
        def read_text(self, filename: str) -> str | None:
            return (
                f"Metadata-Version: 2.1\nName: {NAME}\nVersion: {VERSION}\n"
                if filename == "METADATA"
                else None
            )

        def locate_file(self, path: str | os.PathLike[str]) -> Any:
            import pathlib

            return pathlib.Path(path)

    return Greenlet()
