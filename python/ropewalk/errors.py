"""What ropewalk raises beyond the original's exceptions."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ropewalk.doctor.scene import Wait
    from ropewalk.processes.died import TransferError as TransferError
    from ropewalk.processes.died import WorkerDied as WorkerDied

__all__ = [
    "DeadlockError",
    "LockOrderError",
    "OwnerDiedWarning",
    "RopewalkError",
    "TransferError",
    "UnsupportedInterpreter",
    "WorkerDied",
]


class RopewalkError(RuntimeError):
    """Base of the errors that only ropewalk raises."""


class UnsupportedInterpreter(RopewalkError):
    """This interpreter cannot run the engine; the message says why and what to do."""


class DeadlockError(RopewalkError):
    """This wait could never have ended: the threads that could end it wait for this one.

    Raised in the thread whose wait closes the circle, only if nothing could break it: no timeout and no plain
    ``Lock``, which any thread may release, is in it.  The message draws it.  Let the exception release what this
    thread holds, and the others go on.
    """

    #: What the engine has taken down; drawn when it is asked for. The second: of a circle over what processes share.
    _scene: Any = None
    _processes: Any = None
    _drawn: str | None = None

    @property
    def waits(self) -> list[Wait]:
        """The waits of the circle, beginning with the one that would have closed it."""
        if self._processes is not None:
            from ropewalk.doctor import processes

            return [processes.wait(told) for told in self._processes]
        from ropewalk.doctor.scene import look

        return look(self._scene) if self._scene is not None else []

    def __str__(self) -> str:
        if self._scene is None and self._processes is None:
            return super().__str__()
        if self._drawn is None and self._processes is not None:
            from ropewalk.doctor import processes

            waits = self.waits
            self._drawn = processes.drawn(True, True, waits, raised=processes.who(waits[0]))
        if self._drawn is None:
            from ropewalk.doctor import drawing

            waits = self.waits
            self._drawn = drawing.circle("certain", waits, raised=waits[0].thread)
        return self._drawn

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self),)


class LockOrderError(RopewalkError):
    """``ropewalk.ordered`` was asked for a lock that comes before one that this thread holds."""


class OwnerDiedWarning(RuntimeWarning):
    """A process ended while it held a lock, and this one has taken the lock over.

    What the lock protects may be half-done.  Where that must not go unseen, make it an error
    (``warnings.simplefilter("error", OwnerDiedWarning)``, or ``ROPEWALK_OWNER_DIED=error`` in the environment): then
    the lock is free again when it is raised.
    """


def __getattr__(name: str) -> object:
    """Those whose base classes are in modules that most programs never load."""
    if name in ("TransferError", "WorkerDied"):
        from ropewalk.processes import died

        return getattr(died, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
