"""Patch a module when it is imported, however often: a finder that lets the others find, then looks at the result."""

from __future__ import annotations

import os
import sys

from ropewalk.installer import greenlets, guests, patch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from importlib.machinery import ModuleSpec
    from importlib.metadata import Distribution
    from types import ModuleType
    from typing import Any

__all__ = ["start", "stop"]

if TYPE_CHECKING:
    Apply = Callable[[str, ModuleType], None]


class _Loader:
    """Loads as the real loader does, then calls ``apply``; leaves no trace of itself in the module."""

    def __init__(self, loader: Any, apply: Apply) -> None:
        self._loader = loader
        self._apply = apply

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        spec.loader = self._loader
        try:
            module: ModuleType | None = self._loader.create_module(spec)
        finally:
            spec.loader = self  # type: ignore[assignment]
        return module

    def exec_module(self, module: ModuleType) -> None:
        spec = module.__spec__
        assert spec is not None
        spec.loader = module.__loader__ = self._loader
        self._loader.exec_module(module)
        self._apply(spec.name, module)


class _Finder:
    """Stands first in ``sys.meta_path`` and answers for the modules that we patch, and for no other."""

    __ropewalk__ = True

    def __init__(self, apply: Apply) -> None:
        self._apply = apply
        self._finding: set[str] = set()
        #: Whether ``greenlet`` is ours.
        self.greenlet = False

    def find_distributions(self, context: Any = None) -> Iterable[Distribution]:
        return greenlets.distributions(getattr(context, "name", None)) if self.greenlet else ()

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name == greenlets.NAME:
            return greenlets.spec(_find(name, path, target)) if self.greenlet else None
        if name in patch.MODULES:
            apply = self._apply
        elif name in guests.MODULES:
            apply = guests.apply
        elif name in patch.MODULES.values():
            apply = patch.complete
        else:
            return None
        if name in self._finding:
            return None
        self._finding.add(name)
        try:
            spec = _find(name, path, target)
        finally:
            self._finding.discard(name)
        if spec is None or not hasattr(spec.loader, "exec_module"):
            return spec
        if name in patch.MODULES and not _is_the_original(spec):
            return spec
        spec.loader = _Loader(spec.loader, apply)  # type: ignore[assignment]
        return spec


def _is_the_original(spec: ModuleSpec) -> bool:
    """Whether it is the standard library's, not a file of the program's by the same name."""
    place = os.path.join(os.path.dirname(os.__file__), *spec.name.split("."))
    origin = os.path.splitext(spec.origin or "")[0]
    return origin in ("frozen", place, os.path.join(place, "__init__"))


def _find(name: str, path: Sequence[str] | None, target: ModuleType | None) -> ModuleSpec | None:
    for finder in sys.meta_path:
        if isinstance(finder, _Finder):
            continue
        find = getattr(finder, "find_spec", None)
        spec: ModuleSpec | None = find(name, path, target) if find else None
        if spec is not None:
            return spec
    return None


def start(apply: Apply, *, greenlet: bool) -> None:
    """Watches imports from now on."""
    finders = [finder for finder in sys.meta_path if isinstance(finder, _Finder)]
    if not finders:
        finders = [_Finder(apply)]
        sys.meta_path.insert(0, finders[0])
    finders[0].greenlet = greenlet


def stop() -> None:
    """Watches no longer."""
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, _Finder)]
