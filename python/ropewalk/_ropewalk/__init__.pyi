"""The engine of ropewalk as Python classes.

Use the modules of `ropewalk`, not this one: there each of these stands before the standard library's own class, and has
its name, signature and docstring. What is told here is what the engine does. Times are in seconds; `None` means no end.
"""

from collections.abc import Callable, Iterator
from contextvars import Context
from types import FrameType, ModuleType, TracebackType
from typing import Any, Final, NoReturn, ParamSpec, SupportsIndex, TypeAlias, TypeVar, final
from weakref import ref

from typing_extensions import Self, disjoint_base

_P = ParamSpec("_P")
_T = TypeVar("_T")

__all__ = [
    "Admission",
    "Barrier",
    "BoundedSemaphore",
    "Condition",
    "Connection",
    "Crew",
    "CrewWorker",
    "Declared",
    "Detour",
    "Event",
    "Future",
    "Gathering",
    "GreenletError",
    "GreenletExit",
    "Harvest",
    "JoinableProcessQueue",
    "Joining",
    "Leaving",
    "LifoQueue",
    "Memory",
    "Parcel",
    "PriorityQueue",
    "ProcessBarrier",
    "ProcessCondition",
    "ProcessEvent",
    "ProcessQueue",
    "Queue",
    "Seat",
    "Semaphore",
    "SimpleProcessQueue",
    "SynchronizedNumber",
    "SynchronizedNumbers",
    "Telling",
    "Turn",
    "WorkQueue",
    "Worker",
    "__version__",
    "_greenlet",
    "begin_sem_lock",
    "class_statement",
    "cpu_limit",
    "deadlock_mode",
    "dumps",
    "end_with",
    "ends_soon",
    "forget_locks",
    "getcurrent",
    "gettrace",
    "graft",
    "greenlet",
    "greenlets",
    "lifeline_another",
    "lifeline_begun",
    "lifeline_close",
    "lifeline_for",
    "lifeline_fork",
    "lifeline_forked",
    "lifeline_held",
    "lifeline_hold",
    "lifeline_lease",
    "living",
    "living_items",
    "loads",
    "lock_order",
    "look_at_segment",
    "make_locks",
    "make_sem_lock",
    "memory_counts",
    "on_thread_stack",
    "open_sem_lock",
    "pair_up",
    "place_of_sem_lock",
    "process_cycles",
    "process_greenlets",
    "process_waits",
    "set_deadlock_mode",
    "set_lock_order",
    "settrace",
    "stack_size",
    "stop_signal",
    "thread_ended",
    "unshared_memory",
    "waits",
]

__version__: Final[str]

def graft(class_: type, original: type, /) -> None:
    """Gives a class the methods of its engine bases that `original` has too, with the original's docstrings."""

def dumps(object: Any, /) -> bytes:
    """The bytes of an object, as queues send it. Raises what pickling it raises."""

def loads(message: bytes, /) -> Any:
    """The object that `dumps` has written.

    Raises `pickle.UnpicklingError` for bytes that are no message, and what its constructors raise.
    """

def make_locks(metaclass: type[type], lock: Any, rlock: Any) -> tuple[Any, Any]:
    """What stands in for `threading.Lock` and `threading.RLock`, which are given; their types get `metaclass`."""

def deadlock_mode() -> str:
    """What is done about a certain deadlock: `"raise"`, `"report"` or `"off"`."""

def set_deadlock_mode(mode: str) -> None:
    """Changes it, for waits that begin from now on. Raises `ValueError` for anything else."""

def lock_order() -> str:
    """How the order of locks made now is looked at: by `"site"`, by `"instance"`, or `"off"`."""

def set_lock_order(watching: str) -> None:
    """Changes it, for locks made from now on. Raises `ValueError` for anything else."""

def waits() -> tuple[
    list[tuple[int, str, int, list[int], float, bool]],
    dict[int, list[tuple[Any, ...]]],
    dict[int, str],
    dict[int, str],
]:
    """Every wait now (thread, what, its address, who could end it, seconds waited, timed or not), and what
    `ropewalk.doctor` needs to tell about them.
    """

_ProcessWait: TypeAlias = tuple[
    int, int, str, int, int, int | None, int | None, bool, float, bool, str, list[str]
]

def process_waits(pid: int, /) -> list[_ProcessWait]:
    """The waits of a process on what processes share, that have lasted for more than 10 ms.

    Each: process and thread; what it waits for, its memory and number there; the process that has it, its thread and
    whether that process lives; seconds waited, whether timed; the thread's name (behind a tab its process's) and where
    it stands.  Raises `ProcessLookupError` if there is no such process, `OSError` if it may not be looked into.
    """

def process_cycles(pids: list[int], /) -> list[tuple[bool, bool, list[_ProcessWait]]]:
    """The deadlocks in which threads of these processes stand: whether certain; whether a circle, or a group that is
    left alone with a queue; its waits.  Raises as `process_waits` if there is but one process.
    """

def thread_ended() -> None:
    """A thread has ended that might have woken others."""

def class_statement(
    statement: Callable[..., Any], ours: type, meeting: Callable[..., type | None], /
) -> Callable[..., Any]:
    """`builtins.__build_class__` that lets classes of `ours` meet metaclasses that know nothing of them.

    It calls `statement`, with the metaclass that `meeting(bases, metaclass)` gives where they meet.
    """

@final
class Telling:
    """A report that the engine has told in a thread of its own."""

    def told(self) -> None:
        """It has ended; the thread that has told it says so."""

@final
class Declared:
    """A wait outside the engine: for the end of `thread` (of number `ident`), or of all threads.

    Raises `DeadlockError` if it would close a certain deadlock.
    """

    def __new__(cls, ident: int | None = None, thread: Any = None) -> Declared: ...
    def close(self) -> None:
        """The wait is over."""

@final
class Joining:
    """A wait outside the engine, for the end of the process `pid`.

    Raises `DeadlockError` if it would close a certain deadlock.
    """

    def __new__(cls, pid: int, /) -> Joining: ...
    def close(self) -> None:
        """The wait is over."""

@final
class Admission:
    """Locks of any kind that the calling thread may take now. They count as held until `close`.

    Raises `LockOrderError` if taking them could hang.
    """

    def __new__(cls, locks: list[Any], place: str) -> Admission: ...
    @property
    def locks(self) -> list[Any]:
        """The locks, each once, in the order in which they must be taken."""
    def close(self) -> None:
        """The locks are released."""

@disjoint_base
class Condition:
    """Threads that wait, over a lock of ours, until they are notified."""

    def __new__(cls, *_args: Any, **_kwargs: Any) -> Condition: ...
    def _stand_over(self, lock: Any) -> bool: ...
    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Takes the lock, as its own `acquire` does."""
    def __enter__(self) -> bool: ...
    def release(self) -> None:
        """Releases the lock. Raises `RuntimeError` if it is not locked, or not by this thread."""
    def locked(self) -> bool:
        """Whether any thread holds the lock."""
    def __exit__(
        self, t: type[BaseException] | None, v: BaseException | None, tb: TracebackType | None
    ) -> None: ...
    def wait(self, timeout: float | None = None) -> bool:
        """Releases the lock, waits until it is notified, at most `timeout`, and takes the lock; says whether it was.

        Raises `RuntimeError` if this thread does not hold the lock, `DeadlockError` if nobody could ever notify it.
        """
    def notify(self, n: int = 1) -> None:
        """Wakes at most `n` threads that wait. Raises `RuntimeError` if this thread does not hold the lock."""
    def notify_all(self) -> None:
        """Wakes every thread that waits. Raises `RuntimeError` if this thread does not hold the lock."""
    def _is_owned(self) -> bool: ...
    def _release_save(self) -> Any: ...
    def _acquire_restore(self, state: Any) -> None: ...
    def _at_fork_reinit(self) -> None: ...
    def _under(self) -> Any: ...
    def _waiting(self) -> int: ...

@disjoint_base
class Event:
    """A flag that threads wait for."""

    _flag: bool
    def __new__(cls, *_args: Any, **_kwargs: Any) -> Event: ...
    def __init__(self) -> None: ...
    def is_set(self) -> bool:
        """Whether the flag is set."""
    def set(self) -> None:
        """Sets the flag; every thread that waits for it goes on."""
    def clear(self) -> None:
        """Clears the flag."""
    def wait(self, timeout: float | None = None) -> bool:
        """Waits until the flag is set, at most `timeout`; says whether it is set.

        Raises `OverflowError` for more than `threading.TIMEOUT_MAX`, `DeadlockError` if nobody could ever set it.
        """
    def _at_fork_reinit(self) -> None: ...
    def _retire(self) -> bool: ...

@disjoint_base
class Barrier:
    """A place where a number of threads meet before any of them goes on."""

    def __new__(cls, *_args: Any, **_kwargs: Any) -> Barrier: ...
    def __init__(self, *_args: Any, **_kwargs: Any) -> None: ...
    def _start(self, parties: Any) -> bool: ...
    def _is_started(self) -> bool: ...
    def wait(self, timeout: float | None = None) -> int:
        """Waits for the others, at most `timeout` seconds; the number of this thread among them.

        Raises `BrokenBarrierError` if they will not come, `DeadlockError` if nobody is left who could.
        """
    def abort(self) -> None:
        """Breaks the barrier: who waits, and who comes before a `reset`, gets `BrokenBarrierError`."""
    def reset(self) -> None:
        """Makes it as new; who waits gets `BrokenBarrierError`."""
    def _meeting(self) -> int: ...
    def _waiting(self) -> int: ...
    def _is_broken(self) -> bool: ...
    def _retire(self) -> bool: ...

@disjoint_base
class Semaphore:
    """A number of permits; who finds none waits for one."""

    _value: int
    def __new__(cls, *_args: Any, **_kwargs: Any) -> Semaphore: ...
    def __init__(self, value: int = 1) -> None: ...
    def acquire(self, blocking: bool = True, timeout: float | None = None) -> bool:
        """Takes a permit; waits for one if `blocking`, at most `timeout`. Says whether it has one.

        Raises `ValueError` for a timeout without `blocking`, `OverflowError` for more than `threading.TIMEOUT_MAX`.
        """
    def __enter__(self, blocking: bool = True, timeout: float | None = None) -> bool: ...
    def release(self, n: int = 1) -> None:
        """Gives back `n` permits.

        Raises `ValueError` if `n` is less than one, or if more permits than a bounded semaphore has would be free.
        """
    def __exit__(
        self, t: type[BaseException] | None, v: BaseException | None, tb: TracebackType | None
    ) -> None: ...
    def _at_fork_reinit(self) -> None: ...
    def _retire(self) -> int: ...

class BoundedSemaphore(Semaphore):
    """A semaphore that never has more free permits than it began with."""

    _initial_value: int

@disjoint_base
class Queue:
    """Items from any thread to any thread, first in, first out."""

    maxsize: int
    is_shutdown: bool
    unfinished_tasks: int
    def __new__(cls, *_args: Any, **_kwargs: Any) -> Queue: ...
    def __init__(self, maxsize: int = 0) -> None: ...
    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Puts an item in; waits for room at most `timeout` if `block`.

        Raises `Full` if there is no room by then, `ShutDown` after `shutdown()`, `ValueError` for a negative timeout.
        """
    def put_nowait(self, item: Any) -> None:
        """Puts an item in if there is room now, else raises `Full`."""
    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """Takes an item out; waits for one at most `timeout` if `block`.

        Raises `Empty` if there is none by then, `ShutDown` after `shutdown()` when nothing is left, `ValueError` for a
        negative timeout.
        """
    def get_nowait(self) -> Any:
        """Takes an item out if there is one now, else raises `Empty`."""
    def task_done(self) -> None:
        """Says that an item taken out has been dealt with. Raises `ValueError` if said too often."""
    def join(self) -> None:
        """Waits until every item put in has been dealt with."""
    def shutdown(self, immediate: bool = False) -> None:
        """Lets no more items in; `get` takes out what is left, or nothing if `immediate`."""
    def qsize(self) -> int:
        """Items inside now."""
    def empty(self) -> bool:
        """Whether nothing is inside now."""
    def full(self) -> bool:
        """Whether there is no room now."""
    def _retire(self) -> tuple[list[Any], int, bool]: ...

class LifoQueue(Queue):
    """A queue whose last item in is the first out."""

@disjoint_base
class PriorityQueue(Queue):
    """What a queue of the smallest first needs of the engine: who may touch its heap, and who waits."""

    def _set_room(self, maxsize: int) -> None: ...
    def _putting(self, block: bool, timeout: float | None) -> Turn: ...
    def _getting(self, block: bool, timeout: float | None) -> Turn: ...
    def _closing(self) -> Turn: ...
    def _shut(self, immediate: bool) -> int: ...
    def _wake_putters(self) -> None: ...

@final
class Turn:
    """One put or get of a priority queue: inside the `with` block this thread owns the heap."""

    def __enter__(self) -> tuple[list[Any] | None, list[Any]]: ...
    def __exit__(
        self, kind: type[BaseException] | None, _value: BaseException | None, _traceback: TracebackType | None
    ) -> None: ...

@disjoint_base
class Future:
    """A result that is still to come. `NotImplemented` means: this one runs the original's algorithm."""

    _state: str
    _result: Any
    _exception: Any
    def __new__(cls, *_args: Any, **_kwargs: Any) -> Future: ...
    def __init__(self) -> None: ...
    def cancelled(self) -> bool:
        """Whether it was cancelled."""
    def running(self) -> bool:
        """Whether it is being worked on."""
    def done(self) -> bool:
        """Whether it is finished or was cancelled."""
    def _settled(self) -> bool: ...
    def _failed(self) -> bool: ...
    def _await(self, timeout: float | None, wanted: bool) -> Any: ...
    def _start(self) -> Any: ...
    def _finish(self, value: Any, failed: bool) -> Any: ...
    def _cancel(self) -> Any: ...
    def _stop(self) -> bool | None: ...
    def _stopped(self) -> Any: ...
    def _listen(self, callback: Any) -> Any: ...
    def _take_callbacks(self) -> list[Any]: ...
    def _retire(self, condition: Any) -> None: ...

@final
class Detour:
    """Given back instead of a result: exactly one of the three is there."""

    @property
    def error(self) -> Any:
        """The exception to raise."""
    @property
    def call(self) -> tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]] | None:
        """The task to do: function, arguments, keywords."""
    @property
    def timeout(self) -> float | None:
        """Seconds left to wait as the original does; `None` for no end."""

@final
class Gathering:
    """Waiting for many futures: the first, the first failure, or all."""

    def __new__(cls, until: str) -> Gathering: ...
    def watch(self, futures: list[Future]) -> None:
        """Waits for these too. They are not kept alive; `take` names each by its `id()`."""
    def forget(self, futures: list[Future]) -> None:
        """Waits no longer for these."""
    def wait(self, timeout: float | None) -> bool:
        """Waits at most `timeout`; whether what was waited for has come."""
    def take(self) -> list[int]:
        """The `id()`s of those that have settled since the last call, in their order."""

@disjoint_base
class WorkQueue:
    """The tasks of one executor in line, and how many workers it has."""

    crew_limit: int
    def __new__(
        cls, future_class: type[Future], max_workers: int, max_pending: int | None, help: int
    ) -> WorkQueue: ...
    def inject(
        self, function: Callable[..., Any], arguments: tuple[Any, ...], keywords: dict[str, Any]
    ) -> Any:
        """A future for this call, in line; `None` if the executor has to look first."""
    def push(self, function: Callable[..., Any], arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        """As `inject`, also if it is short of workers, or full and the caller is one of its own workers."""
    def put_item(self, item: Any) -> None:
        """Puts anything in line that has a `run()`."""
    def take(self) -> Any:
        """Takes the first in line out: a future and its call, or what was put there; `None` if there is nothing."""
    def wait_room(self, timeout: float | None = None) -> bool:
        """Waits at most `timeout` for room; `False` if there is none by then."""
    def worker(self) -> Worker:
        """What a worker thread iterates over."""
    def close(self) -> None:
        """Takes no more calls."""
    def summon(self) -> None:
        """Workers that find nothing in line look whether they should stop."""
    def dismiss(self) -> None:
        """Workers go back to the line."""
    def is_short_of_workers(self) -> bool:
        """Whether one more worker is needed, and allowed."""
    def hire(self) -> None:
        """Counts one more worker."""
    def leave(self) -> None:
        """Counts one worker less."""
    def quit(self) -> None:
        """The calling worker goes before its time, and another may be hired."""
    @property
    def idle(self) -> int:
        """Idle workers that no task in line is waiting for."""
    def reset(self) -> None:
        """In the child of a fork: no workers, nothing in line."""
    def qsize(self) -> int:
        """Tasks in line."""
    def empty(self) -> bool:
        """Whether nothing is in line."""

@final
class Worker:
    """The calls for one worker thread, one after the other. It stores what each did before it asks for the next."""

    def __iter__(self) -> Worker: ...
    def __next__(self) -> tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]: ...
    result: Any
    exception: Any
    @property
    def orphaned(self) -> bool:
        """Whether this thread was carried into a child process by fork: it works for nobody there."""

@disjoint_base
class Connection:
    """One end of a pipe or a socket, by its descriptor: whole messages in the format of ``multiprocessing``."""

    def __new__(cls, *_args: Any, **_kwargs: Any) -> Self: ...
    def __init__(self, handle: SupportsIndex, readable: Any = True, writable: Any = True) -> None: ...
    _handle: int | None
    _readable: bool
    _writable: bool
    @property
    def closed(self) -> bool:
        """Whether it is closed."""
    @property
    def readable(self) -> bool:
        """Whether one can receive from it."""
    @property
    def writable(self) -> bool:
        """Whether one can send to it."""
    def fileno(self) -> int:
        """Its descriptor.

        :raises OSError: it is closed.
        """
    def close(self) -> None:
        """Close it; again is harmless."""
    def send_bytes(self, buf: Any, offset: int = 0, size: int | None = None) -> None:
        """Send ``size`` bytes of what ``buf`` lends, from ``offset`` on, as one message.

        :raises ValueError: these are not in it.
        :raises OSError: it is closed or read-only, or the other end is closed.
        """
    def recv_bytes(self, maxlength: int | None = None) -> bytes:
        """Receive a message.

        :raises EOFError: there will be none any more.
        :raises OSError: it is longer than ``maxlength``, or torn; one cannot receive from it any more.
        """
    def recv_bytes_into(self, buf: Any, offset: int = 0) -> int:
        """Receive a message into what ``buf`` lends, from the byte ``offset`` on; its length.

        :raises multiprocessing.BufferTooShort: it is longer; the exception holds it.
        :raises EOFError: as :meth:`recv_bytes`.
        """
    def poll(self, timeout: float | None = 0.0) -> bool:
        """Whether something can be received, within ``timeout`` seconds; ``None`` waits as long as it takes."""
    def __enter__(self) -> Self: ...
    def _check_sending(self) -> None: ...

@disjoint_base
class ProcessQueue:
    """Objects from process to process, first in, first out."""

    def __new__(cls, *_args: Any, **_kwargs: Any) -> ProcessQueue: ...
    def __init__(self, *_args: Any, **_kwargs: Any) -> None: ...
    def _create(self, maxsize: int) -> None: ...
    def _attach(self, memory: int, bell: int) -> None: ...
    def _descriptors(self) -> tuple[int, int]: ...
    def _blocks(self) -> tuple[int, int, int]: ...
    def _readable(self) -> int: ...
    def put(self, obj: Any, block: bool = True, timeout: float | None = None) -> None:
        """Puts an object in; waits for room at most `timeout` if `block`.

        Raises `Full` if there is no room by then, `ValueError` if this process has closed the queue, `ShutDown` after
        `shutdown()`, and what pickling the object raises.
        """
    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """Takes an object out; waits for one at most `timeout` if `block`.

        Raises `Empty` if there is none by then, `ValueError` if this process has closed the queue, `ShutDown` after
        `shutdown()` when nothing is left.
        """
    def qsize(self) -> int:
        """Objects inside now."""
    def empty(self) -> bool:
        """Whether nothing is inside now. Raises `OSError` if this process has used the queue and closed it."""
    def full(self) -> bool:
        """Whether there is no room now."""
    def close(self) -> None:
        """This process puts nothing in and takes nothing out any more. What is inside stays for the others."""
    def shutdown(self, immediate: bool = False) -> None:
        """Lets no more objects in, of any process; `get` takes out what is left, or nothing if `immediate`."""
    _closed: bool
    def _give(self, obj: Any) -> None: ...
    def _take(self) -> Any: ...
    def _wait_filled(self, timeout: float | None) -> bool: ...

class JoinableProcessQueue(ProcessQueue):
    """A queue that knows how many of its objects have been dealt with."""

    def task_done(self) -> None:
        """Says that an object taken out has been dealt with. Raises `ValueError` if said too often."""
    def join(self) -> None:
        """Waits until every object put in has been dealt with."""
    def _unfinished(self) -> int: ...

@disjoint_base
class SimpleProcessQueue:
    """Objects from process to process, first in, first out, without bound and without end."""

    def __new__(cls, *_args: Any, **_kwargs: Any) -> SimpleProcessQueue: ...
    def __init__(self, *_args: Any, **_kwargs: Any) -> None: ...
    def _create(self) -> None: ...
    def _attach(self, memory: int, bell: int) -> None: ...
    def _descriptors(self) -> tuple[int, int]: ...
    def _blocks(self) -> tuple[int, int, int]: ...
    def _readable(self) -> int: ...
    def put(self, obj: Any) -> None:
        """Puts an object in. Raises what pickling it raises, `OSError` after `close()`."""
    def get(self) -> Any:
        """Takes an object out; waits for one. Raises `OSError` after `close()`."""
    def empty(self) -> bool:
        """Whether nothing is inside now. Raises `OSError` after `close()`."""
    def close(self) -> None:
        """This process puts nothing in and takes nothing out any more. What is inside stays for the others."""
    @property
    def _closed(self) -> bool: ...
    def _give(self, obj: Any) -> None: ...
    def _take(self) -> Any: ...
    def _wait_filled(self, timeout: float | None) -> bool: ...

@final
class Memory:
    """The memory of many small objects that processes share."""

    @staticmethod
    def receive(fd: int, /) -> Memory:
        """The memory behind a descriptor that another process has sent, which is this object's from now on.

        Raises `OSError` if it is no such memory, or one of another version or pid namespace.
        """
    @property
    def id(self) -> int:
        """A number that no other memory has while this one is there."""
    def fileno(self) -> int:
        """Its descriptor."""

@disjoint_base
class ProcessEvent:
    """A flag that processes wait for."""

    def __new__(cls, *_args: Any, **_kwargs: Any) -> ProcessEvent: ...
    def _begin(self) -> None: ...
    def _open(self, memory: Memory, number: int) -> None: ...
    def _place(self) -> tuple[Memory, int]: ...
    def is_set(self) -> bool:
        """Whether the flag is set."""
    def set(self) -> None:
        """Sets the flag and wakes all who wait, in one step."""
    def clear(self) -> None:
        """Clears the flag."""
    def wait(self, timeout: float | None = None) -> bool:
        """Waits until the flag is set, at most `timeout`; says whether it was."""

@disjoint_base
class ProcessCondition:
    """Processes that wait, over a lock, until they are notified."""

    def __new__(cls, *_args: Any, **_kwargs: Any) -> ProcessCondition: ...
    def _begin(self, lock: Any, is_ours: bool) -> None: ...
    def _open(self, lock: Any, is_ours: bool, memory: Memory, number: int) -> None: ...
    def _place(self) -> tuple[Memory, int]: ...
    def _waiting(self) -> int: ...
    @property
    def _lock(self) -> Any: ...
    def __enter__(self) -> Any: ...
    def __exit__(self, *args: Any) -> Any: ...
    def wait(self, timeout: float | None = None) -> bool:
        """Releases the lock, waits until it is notified, at most `timeout`, and takes the lock; says whether it was.

        Raises `AssertionError` if this thread does not hold the lock.
        """
    def notify(self, n: int = 1) -> None:
        """Wakes at most `n` threads that wait, without waiting for them. Raises as `wait`. O(n threads that wait)."""
    def notify_all(self) -> None:
        """Wakes every thread that waits. Raises as `wait`."""

@final
class ProcessBarrier:
    """Processes that wait until all of them are there."""

    def __new__(cls, parties: int) -> ProcessBarrier: ...
    @staticmethod
    def open(memory: Memory, number: int) -> ProcessBarrier:
        """The barrier of this number in memory. Raises `OSError` if there is none."""
    def place(self) -> tuple[Memory, int]:
        """What `open` takes for the same barrier in another process."""
    def wait(self, action: Any, timeout: float | None) -> int:
        """Waits until all are there, at most `timeout`; says how many were there before. The last one calls `action`.

        Raises `BrokenBarrierError` if the barrier broke, or a process that was there has ended.
        """
    def reset(self) -> None:
        """Begins anew; whoever waits is told that the barrier broke."""
    def abort(self) -> None:
        """Breaks the barrier."""
    @property
    def parties(self) -> int:
        """How many must come."""
    @property
    def n_waiting(self) -> int:
        """How many are there."""
    @property
    def broken(self) -> bool:
        """Whether it is broken."""

@disjoint_base
class SynchronizedNumber:
    """A number of one of C's types in shared memory, and a lock around each access."""

    value: Any
    def __new__(cls, *_args: Any, **_kwargs: Any) -> SynchronizedNumber: ...
    def _begin(self, object: Any, kind: str, address: int, lock: Any, is_ours: bool) -> None: ...
    def get_obj(self) -> Any:
        """The ctypes object whose memory it is."""
    def get_lock(self) -> Any:
        """The lock."""
    def __enter__(self) -> Any: ...
    def __exit__(self, *args: Any) -> Any: ...

@disjoint_base
class SynchronizedNumbers:
    """Numbers of one of C's types in shared memory, and a lock around each access."""

    def __new__(cls, *_args: Any, **_kwargs: Any) -> SynchronizedNumbers: ...
    def _begin(self, object: Any, kind: str, address: int, count: int, lock: Any, is_ours: bool) -> None: ...
    def __len__(self) -> int: ...
    def __getitem__(self, i: Any, /) -> Any: ...
    def __setitem__(self, i: Any, value: Any, /) -> None: ...
    def get_obj(self) -> Any:
        """The ctypes array whose memory they are."""
    def get_lock(self) -> Any:
        """The lock."""
    def __enter__(self) -> Any: ...
    def __exit__(self, *args: Any) -> Any: ...

def make_sem_lock(original: type) -> type:
    """The type of locks and semaphores between processes, in the image of `_multiprocessing.SemLock`."""

def begin_sem_lock(object: Any, kind: int, value: int, maxvalue: int, owned: bool) -> None:
    """Makes a new object of that type a lock or a semaphore. If `owned`, a lock that knows which process has it.

    Raises `ValueError` for an unknown kind, `OSError` for a value that cannot be counted, or without memory.
    """

def open_sem_lock(object: Any, memory: Memory, number: int, kind: int, maxvalue: int, owned: bool) -> None:
    """Makes a new object of that type the one of this number in memory. Raises `OSError` if there is none."""

def place_of_sem_lock(object: Any) -> tuple[Memory, int, int, int, bool]:
    """What `open_sem_lock` takes for the same object in another process."""

def forget_locks() -> None:
    """This process has begun as another's child: it holds none of the locks that its parent held."""

def lifeline_lease() -> int:
    """A descriptor for one child, to hold on to: it is told by it when this process ends, however that happens.

    :raises OSError: without a descriptor to spare, or without ``/proc``.
    """

def lifeline_another(line: int, /) -> int:
    """Another descriptor of the same line, to hold on to in another way.

    :raises OSError: as :func:`lifeline_lease`.
    """

def lifeline_hold(line: int, grace: float, /) -> None:
    """This process is killed when the one that leased ``line`` ends.

    :param grace: seconds from the end of the one to that of the other; 0 for at once.
    :raises OSError: ``line`` is no such descriptor, or the system has no such signals.
    :raises ValueError: for a grace below 0.
    """

def ends_soon(popen: Any, /) -> bool:
    """Whether the child of a `Popen` has ended, or does in a moment: there is no need to declare a wait for it.

    A signal ends the wait.
    """

def lifeline_held() -> int | None:
    """The descriptor by which this process holds on to its parent, if it does."""

def lifeline_for(daemon: bool, /) -> int | None:
    """A descriptor for one child; `None` if it needs none, or there is none to be had."""

def lifeline_fork(process: Any, grace: float, /) -> int | None:
    """Before `process` is forked by this thread: the descriptor that it will hold on to; `None` if it needs none.

    :param grace: seconds that it has after the end of this process, if it is not daemonic.
    """

def lifeline_forked(popen: Any, process: Any, line: int | None, /) -> None:
    """In the parent after the fork, or after it has failed: takes back `lifeline_fork`, then as `lifeline_begun`."""

def lifeline_begun(popen: Any, daemon: bool, line: int | None, /) -> None:
    """A child was started, unless `popen` has no finalizer: its finalizer lets go of what is kept for it."""

def lifeline_close(*ends: int) -> None:
    """What that finalizer does: closes the ends of the child's pipes, and its line.

    :raises ValueError: one of them is no descriptor.
    """

@final
class Leaving:
    """A function by which a process leaves on purpose: its children that are not daemonic live on."""

    def __new__(cls, function: Callable[..., Any], /) -> Leaving: ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...

def living(data: set[ref[Any]], /) -> Iterator[Any]:
    """The living objects of a `WeakSet`, whose `data` this is, as they are now."""

def living_items(data: dict[Any, ref[Any]], /) -> Iterator[tuple[Any, Any]]:
    """The living values of a `WeakValueDictionary`, whose `data` this is, with their keys, as they are now."""

def pair_up(one: Connection, other: Connection, /) -> None:
    """The two are the ends of one new pipe: each looks for a moment whether the other sends before it sleeps."""

def cpu_limit() -> float | None:
    """Processors that this process's control groups allow it, 1.5 being one and a half; `None` without a limit."""

def memory_counts() -> tuple[int, int | None, int | None]:
    """What the kernel says of the memory of this process's control group.

    How many processes it has killed for want of it, how many bytes may be used, and how many are; `None` where there is
    no limit or nothing can be read.
    """

def look_at_segment(place: Any, /) -> dict[str, Any]:
    """What lies in the shared memory at this path, such as a descriptor of another process in `/proc`.

    Its `kind` is `queue`, with counts; `objects`, with the locks that somebody has under `held` (number, process,
    whether that lives); `workers`; or `unreadable`, with the reason under `error`. `workers` has a dictionary for each
    worker of a pool, under the same name: `pid`; `task`, the number of the task in hand, or `None`; `phase`: `idle`,
    `starting`, `reading`, `running` or `answering`; `seconds` since that was begun, or `None`; `done`, how many it
    has answered; `events`, the last ones, of `begun`, `done` or `failed`, number, seconds ago; `sampled`, how many
    seconds ago it was last looked at, or `None`; `resident`, bytes of memory then; and of the task in hand, if it was
    looked at: `function`, its name; `signal`, 0 or that by which it crashed; `stack`, of file, line and name, the
    innermost last. Raises `OSError` if it can not be opened.
    """

def end_with(pid: int, /) -> None:
    """This process is killed when the process ``pid`` ends: by a thread that waits for it.

    :raises OSError: there is no such process, or no thread can be had.
    """

@final
class Crew:
    """Tasks for a crew of worker processes, and what comes back: the end of the process that has the work."""

    def __new__(cls, open: Callable[[int, Parcel, Any], Any], roster: bool = False) -> Crew:
        """`open` makes the outcome of a task from its kind, parcel and detail, or raises.

        `roster`: whether tasks can be stopped.
        """
    @property
    def roster(self) -> int:
        """Descriptor of the roster, which lives as long as this object; for a crew that has one."""
    @property
    def descriptors(self) -> tuple[int, int, int]:
        """Descriptors of the queue of tasks, that of answers and the flight, which live as long as this object.

        The last is -1 if there is none.
        """
    @property
    def blocks(self) -> tuple[int, int, int]:
        """Blocks for large buffers of tasks and answers: being written, in line, in the hands of who took them out."""
    def set_workers(self, workers: int) -> None:
        """How many workers there are: it decides how many tasks are handed out ahead."""
    def enlist(
        self, owner: Any, detail: Any, how: int, function: Any, arguments: Any, priority: int = 0
    ) -> int:
        """Puts a call in line and hands out what may go; the task's number.

        Raises what encoding the call raises, and `RuntimeError` if no task is taken any more.
        """
    def enlist_on(
        self,
        owner: Any,
        detail: Any,
        how: int,
        function: Any,
        arguments: Any,
        priority: int,
        timeout: float | None,
        grace: float | None,
        bounded: bool,
        again: bool,
    ) -> int:
        """As `enlist`, on terms of its own.

        `timeout`: seconds until it is asked to stop, from when a worker begins it; `grace`: seconds from then until its
        worker is killed. `bounded`: 0 is returned if the line is full. `again`: another attempt at a task whose future
        is running.
        """
    def set_max_pending(self, most: int) -> None:
        """Calls on `bounded` terms are refused while so many are in line; 0: none is."""
    def wait_for_room(self, timeout: float | None = None) -> bool:
        """Waits until it is worth trying again; `False` if that takes longer than `timeout` seconds."""
    def set_memory_limit(self, bytes: int) -> None:
        """A worker with more than so many bytes of its own is killed while it has a task in hand; 0: none is."""
    def send_home(self, workers: int) -> None:
        """So many workers go home, each when it has nothing in hand."""
    def enlist_each(
        self, owner: Harvest, how: int, function: Any, calls: list[Any], number: int
    ) -> tuple[int, BaseException | None]:
        """Puts a call for each of the lists of arguments in line, numbered from `number` on.

        How many went, and what encoding the next one raised, if it did.
        """
    def count_off(self) -> bool:
        """Takes one off the count of tasks that were done; whether there was one."""
    def arrivals(
        self, timeout: float | None = None, most: int = 64
    ) -> list[tuple[int, Any, Any, int, float, Any]]:
        """What came back and is to be dealt with: number, owner, detail, kind, seconds in hand, what the kind has.

        Of `most` arrivals; waits for the first, at most `timeout` seconds.
        """
    def notify(self, kind: int, body: bytes) -> None:
        """Puts a notice behind all answers that came so far."""
    def withdraw(self, id: int) -> tuple[Any, Any] | None:
        """Takes a task back that no worker was handed: its owner and detail."""
    def withdraw_all(self) -> list[tuple[Any, Any]]:
        """Takes all tasks back that no worker was handed."""
    def give_up(self) -> list[tuple[Any, Any]]:
        """Takes every task back; what workers still answer is dropped."""
    def fell(self, pid: int) -> tuple[Any, Any, int, float, int, dict[str, Any] | None] | None:
        """Takes the task back that this process had in hand when it died; `None` if it had none.

        Owner, detail, number, the seconds that it had it in hand, why the crew has killed it (1 for its time, 2 for its
        owner, 3 for memory, or 0), and what it had written down about it, as `look_at_segment` tells it, or `None`.
        """
    @property
    def unfinished(self) -> int:
        """Tasks that have not come back."""
    @property
    def in_line(self) -> int:
        """Tasks that no worker was handed."""
    @property
    def closed(self) -> bool:
        """Whether no task is taken any more."""
    def dismiss_if_idle(self) -> bool:
        """If no task is left, none will be taken any more, and workers go home. Whether it is so."""

@final
class CrewWorker:
    """The end of a worker process."""

    def __new__(cls, tasks: int, answers: int, flight: int) -> CrewWorker:
        """`tasks` and `answers` are descriptors, and so is `flight`, which may be -1; they are opened anew.

        What the worker does is recorded in `flight`, for who asks when it has died.
        """
    def sit(self, roster: int) -> Seat | None:
        """Takes a seat on the roster with this descriptor, which is opened anew; `None` if all are taken.

        From now on this worker can be asked to stop a task.
        """
    def take(self, timeout: float | None = None) -> bool:
        """Takes the next task in hand; `False` if none comes within `timeout` seconds.

        Raises `EOFError` if there will be no more.
        """
    def call(self) -> tuple[int, Any, Any]:
        """What the task in hand is: how it is called, the function, its arguments. Raises what unpickling raises."""
    def answer(self, kind: int, value: Any) -> None:
        """Answers the task in hand with an object. Raises what encoding it raises; the task is in hand then still."""
    def notify(self, kind: int, body: bytes) -> None:
        """Puts a notice among the answers."""
    @property
    def busy(self) -> bool:
        """Whether a task is in hand."""
    @property
    def taken(self) -> int:
        """Tasks taken so far."""

@final
class Seat:
    """Where a worker sees what it is asked."""

    def asked(self) -> int:
        """Why the task in hand shall be stopped: 1 for its time, 2 for its owner; 0 if it shall not."""

def unshared_memory() -> int | None:
    """Bytes that this process has in memory and shares with no file; `None` if that can not be seen."""

def stop_signal() -> int:
    """The number of the signal by which a worker is asked to stop a task."""

@final
class Parcel:
    """An object that has come from a worker and has not been made yet."""

    def open(self) -> Any:
        """The object. Once only; raises what making it raises."""

@final
class Harvest:
    """The results of one map, each put in its place."""

    def __new__(cls, values: list[Any], chunk: int, left: int, owner: Any) -> Harvest: ...
    @property
    def owner(self) -> Any:
        """Whose results they are."""
    def store(self, number: int, value: Any) -> bool:
        """Stores what a task gave; whether it was the last."""
    def skip(self) -> bool:
        """Counts a task that gave nothing; whether it was the last."""

_greenlet: ModuleType
"""``greenlet._greenlet`` as greenlet has it: these names, the C API in a capsule, and functions for tests."""

class GreenletError(Exception):
    """``greenlet.error``: a switch that cannot be, to another thread or to a greenlet whose parents are gone."""

class GreenletExit(BaseException):
    """Thrown into a greenlet to end it.  If nothing catches it, it is the greenlet's result, no error of its parent."""

@disjoint_base
class greenlet:
    """A computation that can stop in the middle, and go on when it is switched to."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """A greenlet that has not begun; see ``__init__``."""

    def __init__(self, run: Callable[..., Any] | None = ..., parent: greenlet | None = None) -> None:
        """:param run: what it calls, with the arguments of the first ``switch()`` to it.
        :param parent: the greenlet that goes on when it ends; the current one unless said otherwise.
        """

    def __bool__(self) -> bool:
        """Whether it has begun, and not ended."""

    def __getstate__(self) -> NoReturn:
        """:raises TypeError: it cannot be copied or pickled."""

    error: type[GreenletError]
    GreenletExit: type[GreenletExit]
    getcurrent: Callable[[], greenlet]
    gettrace: Callable[[], Callable[..., Any] | None]
    settrace: Callable[[Callable[..., Any] | None], Callable[..., Any] | None]

    def switch(self, *args: Any, **kwargs: Any) -> Any:
        """Goes on with this greenlet, and returns when somebody switches back.

        :returns: what was given to that ``switch()``: one argument as it is, several as a tuple, named ones as a dict,
            both as a tuple of the two; or what a child of the calling greenlet has returned.
        :raises GreenletError: it belongs to another thread.
        :raises MemoryError: there is no address space for its stack.
        """

    def throw(self, type: Any = ..., value: Any = None, traceback: Any = None, /) -> Any:
        """Goes on with this greenlet, where the exception is raised; ``GreenletExit`` unless said otherwise.

        :returns: as :meth:`switch`.
        """

    @property
    def dead(self) -> bool:
        """Whether it has ended, or can never go on because its thread has."""

    @property
    def gr_frame(self) -> FrameType | None:
        """The frame that it stopped in; ``None`` if it runs, has not begun, or has ended."""

    @property
    def _stack_saved(self) -> int:
        """0: nothing is ever copied."""

    parent: greenlet | None
    """The greenlet that goes on when it ends; ``None`` for a thread's first."""
    run: Any
    """What it will call; there is no such attribute once it has begun."""
    gr_context: Context | None
    """Its context of ``contextvars``."""

def greenlets() -> list[tuple[greenlet, greenlet | None, int, bool, bool, bool, list[tuple[Any, ...]]]]:
    """Those of this process that have begun and not ended, found where their states lie.

    Each with its parent, the ``ident`` of its thread and whether that is the first, whether it is the one that the
    thread began with, whether it runs, and its frames as scenes have them; none of one that runs.
    """

def process_greenlets(pid: int, /) -> list[tuple[int, int, str, int, bool, bool, bool, list[str]]]:
    """Those of another process, read from its memory: it is not asked, and may hang.

    Its address, that of its parent (0: none), what its type is called, the ``ident`` of its thread and whether that
    is the first, whether it is the one that the thread began with, whether it runs, and its frames: the line's
    number, the function and the file, with tabs between.

    :raises ProcessLookupError: there is no such process.
    :raises PermissionError: the kernel does not let the caller read its memory.
    :raises OSError: it runs another build of Python or of ropewalk.
    """

def getcurrent() -> greenlet:
    """The greenlet that runs.

    :raises RuntimeError: the interpreter is being finalized.
    """

def gettrace() -> Callable[..., Any] | None:
    """What is called at each switch of this thread, or ``None``."""

def settrace(callback: Callable[..., Any] | None, /) -> Callable[..., Any] | None:
    """Calls ``callback(event, (origin, target))`` at each switch of this thread; ``None`` for nothing.

    :param callback: the event is ``"switch"`` or ``"throw"``. What it raises is thrown, and ends the tracing.
    :returns: what was called before.
    """

def stack_size(size: int | None = None, /) -> int:
    """The stack size of greenlets that begin from now on, in bytes of address space; changes it, if ``size`` is given.

    Memory is used only where a stack was touched.  Small stacks save page tables, up to 4 KiB for each greenlet, and
    address space.  On a stack smaller than the default recursion ends earlier, so that it ends in a
    ``RecursionError``: at 256 KiB after 104 calls through C, of which ``sorted(key=...)`` makes four a level; before
    Python 3.12, which does not tell them from calls of Python functions, after 69 calls of any kind.

    :param size: 256 KiB to 1 GiB; 0 for the default of 8 MiB.
    :returns: what it was.
    :raises ValueError: it is out of range.
    """

def on_thread_stack(function: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Calls the function on the thread's own stack, and returns what it returns.

    For foreign code that compares addresses with those of its thread's stack (``pthread_getattr_np``): engines of other
    languages, collectors that look at stacks.  A greenlet that calls all that it does so runs on that stack as a whole.
    Until the function has returned this thread cannot switch to another greenlet; who tries gets a ``greenlet.error``.

    :raises TypeError: without a function.
    """
