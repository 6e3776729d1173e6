"""A process that is stepped through what it does, one instruction of user space at a time, to be killed in between.

It is for Linux and a system that lets a process trace its child; `can_step` says whether it does. A forked child begins
with what it is to do; a process that runs already is attached to, asleep or not.

A step that puts the process to sleep is its last one: `Asleep`. Nothing else is woken by it, so it may be killed there
like anywhere.
"""

from __future__ import annotations

import ctypes
import enum
import gc
import os
import platform
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial

FULL = os.environ.get("ROPEWALK_TEST_FULL") == "1"
LIMIT = 240
"""Seconds after which a process that neither goes on nor sleeps hangs."""
MOMENTS = 8
"""In the short form, at so many instructions of each act is its process killed."""
MOST = 20_000
"""In the long form each of so many is one, and of more an even spread."""
OF_MORE = 200
"""So many are, of more: the way to each takes seconds when the process strays from the one that was learned."""
NEAR = 64
"""So many instructions before a moment a breakpoint is looked for."""

_TRACEME, _PEEKUSER, _POKEUSER, _CONT, _SINGLESTEP, _ATTACH, _DETACH = 0, 3, 6, 7, 9, 16, 17
# Where `struct user` of x86-64 has them: the instruction pointer, and the first and the eighth debug register.
_ADDRESS, _BREAKPOINT, _BREAKPOINTS = 128, 848, 904
_CAN_BREAK = platform.machine() == "x86_64"

_libc = ctypes.CDLL(None, use_errno=True)
_ptrace = _libc.ptrace
_ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
_ptrace.restype = ctypes.c_long


class Stop(enum.Enum):
    """Where a step has led."""

    STOPPED = enum.auto()
    ASLEEP = enum.auto()
    ENDED = enum.auto()


class Way:
    """The instructions that an act went through the first time, which was stepped: later ones go by short cuts.

    All moments of an act, stepped to, take the square of its length.
    """

    def __init__(self) -> None:
        self.addresses: list[int] = []
        self.times: list[int] = []
        """How often each was come to, that time included."""
        self.strayed = 0
        """How many have gone another way since."""
        self._met: Counter[int] = Counter()

    def note(self, address: int) -> None:
        """The next instruction."""
        self._met[address] += 1
        self.addresses.append(address)
        self.times.append(self._met[address])

    def mark_before(self, moment: int) -> int:
        """The number of the instruction to break at: it stops as often as that was come to, and the rest is stepped."""
        last = min(moment, len(self.addresses) - 1)
        mark = min(range(max(0, last - NEAR), last + 1), key=lambda mark: self.times[mark] + moment - mark)
        return mark if self.times[mark] < mark else 0


class Victim:
    """A process under our hand, stopped."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._asleep = False
        self._ended = False

    @classmethod
    def forked(cls, act: Callable[[], object], ready: Callable[[], object] = lambda: None) -> Victim:
        """A child that has done `ready`, stands before `act`, and stops for good behind it."""
        pid = os.fork()
        if pid == 0:
            try:
                gc.disable()
                ready()
                if _ptrace(_TRACEME, 0, None, None) == 0:
                    stop = partial(os.kill, os.getpid(), signal.SIGSTOP)
                    stop()
                    act()
                    stop()
            finally:
                os._exit(1)
        victim = cls(pid)
        _, status = os.waitpid(pid, os.WUNTRACED)
        if not os.WIFSTOPPED(status):
            victim._ended = True
            raise PermissionError("this system does not let a process trace its child")
        return victim

    @classmethod
    def attached(cls, pid: int) -> Victim:
        """A child of ours that runs already. It is in nobody's care but ours until it is killed."""
        if _ptrace(_ATTACH, pid, None, None) != 0:
            raise PermissionError(ctypes.get_errno(), "ptrace")
        os.waitpid(pid, 0)
        return cls(pid)

    def step(self) -> Stop:
        """One instruction further."""
        return self._go_on(_SINGLESTEP)

    def _go_on(self, how: int) -> Stop:
        if self._asleep:
            return Stop.ASLEEP
        if _ptrace(how, self.pid, None, None) != 0:
            raise OSError(ctypes.get_errno(), "ptrace")
        end = None
        while True:
            for _ in range(200):
                pid, status = os.waitpid(self.pid, os.WNOHANG)
                if pid:
                    self._ended = not os.WIFSTOPPED(status)
                    over = self._ended or os.WSTOPSIG(status) == signal.SIGSTOP
                    return Stop.ENDED if over else Stop.STOPPED
                os.sched_yield()
            if self._sleeps():
                self._asleep = True
                return Stop.ASLEEP
            end = end or time.monotonic() + LIMIT
            assert time.monotonic() < end, "it neither goes on nor sleeps"

    def _sleeps(self) -> bool:
        """Sleep is a state that lasts: it is seen twice."""
        for _ in range(2):
            with open(f"/proc/{self.pid}/stat") as stat:
                if not stat.read().rpartition(") ")[2].startswith("S"):
                    return False
            time.sleep(0.001)
        return True

    def step_to(self, moment: int, way: Way | None = None) -> int:
        """So many instructions further, or to its end or its sleep; says how many.

        With a `way` by a short cut along it; who is the first on it writes it down.
        """
        learns = way is not None and not way.addresses
        steps = 0 if way is None or learns else self._cut_short(way, moment)
        while steps < moment:
            if learns:
                way.note(self._address())  # type: ignore[union-attr]
            if self.step() is not Stop.STOPPED:
                return steps
            steps += 1
        if way is not None and not learns and steps < len(way.addresses):
            way.strayed += self._address() != way.addresses[steps]
        return steps

    def _address(self) -> int:
        return int(_ptrace(_PEEKUSER, self.pid, _ADDRESS, None)) if _CAN_BREAK else 0

    def _cut_short(self, way: Way, moment: int) -> int:
        """Goes to a breakpoint before this moment, if there is one; says how many instructions that were."""
        mark = way.mark_before(moment)
        if mark == 0 or not self._break_at(way.addresses[mark]):
            return 0
        for _ in range(way.times[mark]):
            if self._go_on(_CONT) is not Stop.STOPPED:
                way.strayed += 1
                return moment
        self._break_at(None)
        return mark

    def _break_at(self, address: int | None) -> bool:
        """Has the processor stop it before this instruction, or at none any more; false if it cannot."""
        if not _CAN_BREAK:
            return False
        if address is not None and _ptrace(_POKEUSER, self.pid, _BREAKPOINT, address) != 0:
            return False
        return bool(_ptrace(_POKEUSER, self.pid, _BREAKPOINTS, address is not None) == 0)

    def kill(self, *, reap: bool = True) -> None:
        """Ends it at once. Without `reap` somebody else waits for it."""
        if not self._ended:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            if reap:
                os.waitpid(self.pid, 0)
            self._ended = True


def can_step() -> bool:
    """Whether this system lets us."""
    try:
        victim = Victim.forked(lambda: None)
    except PermissionError:
        return False
    went = victim.step() is Stop.STOPPED
    victim.kill()
    return went


def moments(instructions: int) -> Iterator[int]:
    """At which of so many instructions to kill: all in the long form if it can be, else evenly spread ones."""
    most, of_more = (MOST, OF_MORE) if FULL else (MOMENTS, MOMENTS)
    count = instructions + 1 if instructions < most else of_more
    for number in range(count):
        yield number * instructions // max(count - 1, 1)


@contextmanager
def one_processor() -> Iterator[None]:
    """This process and its children on one processor: a step is then a switch, and no flight to another core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
