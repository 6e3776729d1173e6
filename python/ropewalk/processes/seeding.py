"""Random numbers that are the same in the next run of a program.

Each worker of an executor with a ``seed`` has a stream of its own. It is named by the seed, by the *index* of the
worker, which is the lowest that no living worker has, and by how many workers had that index before; its state is the
SHA-256 of these three. So two workers never have the same numbers, nor has one that replaces another.

``random`` is seeded at once, NumPy's global generator when it is there: now, or as soon as it is imported.
"""

from __future__ import annotations

import hashlib
import random
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Stream"]

_NUMPY = "numpy.random"


class Stream:
    """The random numbers of one worker."""

    def __init__(self, seed: int, index: int, generation: int) -> None:
        text = f"ropewalk stream 1: seed {seed}, worker {index}, generation {generation}"
        self._state = hashlib.sha256(text.encode()).digest()

    def begin(self) -> None:
        """Seeds this process."""
        random.seed(int.from_bytes(self._state, "little"))
        if _NUMPY in sys.modules:
            self._seed_numpy(sys.modules[_NUMPY])
        else:
            sys.meta_path.insert(0, _Import(self))

    def _seed_numpy(self, module: Any) -> None:
        words = (self._state[place : place + 4] for place in range(0, 32, 4))
        module.seed([int.from_bytes(word, "little") for word in words])


class _Import:
    """Notices the import, and seeds."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name != _NUMPY:
            return None
        sys.meta_path.remove(self)
        specs = (finder.find_spec(name, path, target) for finder in list(sys.meta_path))
        spec = next((spec for spec in specs if spec is not None), None)
        if spec is not None and spec.loader is not None:
            execute, stream = spec.loader.exec_module, self._stream

            def execute_and_seed(module: Any) -> None:
                execute(module)
                stream._seed_numpy(module)

            spec.loader.exec_module = execute_and_seed  # type: ignore[method-assign]
        return spec
