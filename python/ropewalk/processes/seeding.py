"""Random numbers that are the same in the next run of a program.

Each worker of an executor with a ``seed`` has a stream of its own. It is named by the seed, by the *index* of the worker, which
is the lowest that no living worker has, and by how many workers had that index before; its state is the SHA-256 of these
three. So two workers never have the same numbers, nor has one that replaces another.
"""

from __future__ import annotations

import hashlib
import random
import sys

__all__ = ["Stream"]


class Stream:
    """The random numbers of one worker."""

    def __init__(self, seed: int, index: int, generation: int) -> None:
        text = f"ropewalk stream 1: seed {seed}, worker {index}, generation {generation}"
        self._state = hashlib.sha256(text.encode()).digest()
        self._numpy = False

    def begin(self) -> None:
        """Seeds what is there in this process."""
        random.seed(int.from_bytes(self._state, "little"))
        self.look()

    def look(self) -> None:
        """Seeds NumPy's global generator, once, if that has been imported by now."""
        if not self._numpy and "numpy.random" in sys.modules:
            seed = getattr(sys.modules["numpy.random"], "seed", None)
            if seed is not None:
                self._numpy = True
                words = (self._state[place : place + 4] for place in range(0, 32, 4))
                seed([int.from_bytes(word, "little") for word in words])
