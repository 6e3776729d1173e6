"""A process is killed after each instruction of what it does with a shared object: the next one finds it whole.

The steps go through the interpreter and the binding, so that what Python adds to the engine's objects is stepped
through too; the engine's own, with sleepers and full queues, are in the crash tests of `ropewalk-shm`. The short form
kills at some of the instructions, evenly spread; ROPEWALK_TEST_FULL=1 at all, or at two hundred of very many.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from ropewalk import OwnerDiedWarning

from tests import stepping
from tests.multiprocessing.processes import LIMIT, context

CTX = context("fork")
BIG = b"rope" * 25_000


@dataclass
class Scene:
    """An object, what the victim does with it, and what must hold when it is dead."""

    make: Callable[[], Any]
    act: Callable[[Any], object]
    check: Callable[[Any], object]


def lock_is_whole(lock: Any) -> None:
    """Whoever comes next gets it, also from the dead, and can give it back."""
    for _ in range(2):
        assert lock.acquire(timeout=LIMIT)
        lock.release()


def hold(lock: Any) -> None:
    with lock:
        pass


def hold_twice(lock: Any) -> None:
    with lock, lock:
        pass


def count_up(value: Any) -> None:
    with value.get_lock():
        value.value += 1


def value_is_old_or_new(old: int, new: int) -> Callable[[Any], None]:
    def check(value: Any) -> None:
        assert value.value in (old, new)
        lock_is_whole(value.get_lock())
        value.value = 7
        count_up(value)
        assert value.value == 8

    return check


def put_slice(array: Any) -> None:
    array[1:3] = [-1, -1]


def array_is_old_or_new(array: Any) -> None:
    numbers = array[:]
    assert (numbers[0], numbers[3]) == (5, 5)
    assert set(numbers[1:3]) <= {5, -1}
    lock_is_whole(array.get_lock())


def permits_are_whole(least: int, most: int) -> Callable[[Any], None]:
    def check(semaphore: Any) -> None:
        assert least <= semaphore.get_value() <= most
        while semaphore.acquire(False):
            pass
        semaphore.release()
        assert semaphore.get_value() == 1
        assert semaphore.acquire(timeout=LIMIT)

    return check


def event_is_whole(event: Any) -> None:
    event.set()
    assert event.wait(LIMIT)
    event.clear()
    assert not event.is_set()


def notify_all(condition: Any) -> None:
    with condition:
        condition.notify_all()


def wait_in_vain(condition: Any) -> None:
    with condition:
        condition.wait(0)


def condition_is_whole(condition: Any) -> None:
    lock_is_whole(condition)
    with condition:
        assert condition.wait(0.001) is False
        condition.notify_all()


def barrier_is_whole(barrier: Any) -> None:
    barrier.reset()
    assert barrier.wait(LIMIT) == 0
    assert not barrier.broken


def queue_is_whole(item: Any) -> Callable[[Any], None]:
    """The item is inside or not, and neither half of it nor two; then the queue works, and nothing of it is taken."""

    def check(queue: Any) -> None:
        seen = []
        while not queue.empty():
            seen.append(queue.get())
        assert seen in ([], [item])
        queue.put([item])
        assert queue.get() == [item]
        seen.clear()
        assert queue._blocks() == (0, 0, 0)

    return check


def join_after(queue: Any) -> None:
    """It was done or was not: both the count and who joins know."""
    try:
        queue.task_done()
    except ValueError:
        pass  # it was
    queue.join()
    with pytest.raises(ValueError, match="too many times"):
        queue.task_done()


def filled(name: str, item: Any) -> Any:
    queue = getattr(CTX, name)()
    queue.put(item)
    return queue


def taken(item: Any) -> Any:
    queue = filled("JoinableQueue", item)
    queue.get()
    return queue


ITEMS: dict[str, Any] = {"int": 12_345, "dict": {"id": 1, "name": "rope"}, "pickle": complex(1, 2)}
if stepping.FULL:
    ITEMS["100 KB"] = BIG  # a hundred thousand instructions: each is a step


def put(item: Any) -> Callable[[Any], None]:
    return lambda queue: queue.put(item)


SCENES: dict[str, Scene] = {
    "Lock": Scene(CTX.Lock, hold, lock_is_whole),
    "RLock": Scene(CTX.RLock, hold_twice, lock_is_whole),
    "Semaphore.acquire": Scene(lambda: CTX.Semaphore(2), lambda it: it.acquire(), permits_are_whole(1, 2)),
    "Semaphore.release": Scene(lambda: CTX.Semaphore(0), lambda it: it.release(), permits_are_whole(0, 1)),
    "BoundedSemaphore": Scene(lambda: CTX.BoundedSemaphore(1), hold, permits_are_whole(0, 1)),
    "Event.set": Scene(CTX.Event, lambda event: event.set(), event_is_whole),
    "Event.wait": Scene(CTX.Event, lambda event: event.wait(0), event_is_whole),
    "Condition.notify_all": Scene(CTX.Condition, notify_all, condition_is_whole),
    "Condition.wait": Scene(CTX.Condition, wait_in_vain, condition_is_whole),
    "Barrier.wait": Scene(lambda: CTX.Barrier(1), lambda barrier: barrier.wait(), barrier_is_whole),
    "Value += 1": Scene(lambda: CTX.Value("i", 0), count_up, value_is_old_or_new(0, 1)),
    "Value set": Scene(
        lambda: CTX.Value("q", 0x0102030405060708),
        lambda value: setattr(value, "value", -1),
        value_is_old_or_new(0x0102030405060708, -1),
    ),
    "Array[i]": Scene(
        lambda: CTX.Array("i", [5] * 4), lambda array: array.__setitem__(1, -1), array_is_old_or_new
    ),
    "Array[i:j]": Scene(lambda: CTX.Array("i", [5] * 4), put_slice, array_is_old_or_new),
    "task_done": Scene(lambda: taken("x"), lambda queue: queue.task_done(), join_after),
}
for _name, _item in ITEMS.items():
    SCENES[f"Queue.put of {_name}"] = Scene(CTX.Queue, put(_item), queue_is_whole(_item))
    SCENES[f"Queue.get of {_name}"] = Scene(
        lambda item=_item: filled("Queue", item), lambda queue: queue.get(), queue_is_whole(_item)
    )
SCENES["SimpleQueue.put"] = Scene(CTX.SimpleQueue, put("x"), queue_is_whole("x"))
SCENES["SimpleQueue.get"] = Scene(
    lambda: filled("SimpleQueue", "x"), lambda queue: queue.get(), queue_is_whole("x")
)


@pytest.mark.parametrize("name", SCENES)
def test_a_process_killed_at_any_instruction_leaves_the_object_whole(name: str) -> None:
    if not stepping.can_step():
        pytest.skip("this system does not let a process trace its child")
    scene = SCENES[name]
    for _ in range(3):  # what Python and the engine do once in a process, they have done
        warmed = scene.make()
        scene.act(warmed)
        scene.check(warmed)
    with stepping.one_processor(), warnings.catch_warnings():
        warnings.simplefilter("ignore", OwnerDiedWarning)
        way = stepping.Way()
        instructions = killed_at(scene, None, way)
        assert instructions > 100
        for moment in stepping.moments(instructions):
            killed_at(scene, moment, way)
            if (
                way.strayed
            ):  # the interpreter has specialised what it runs: this moment again, on the way as it is now
                way = stepping.Way()
                killed_at(scene, None, way)
                killed_at(scene, moment, way)
                way.strayed = 0


def killed_at(scene: Scene, moment: int | None, way: stepping.Way) -> int:
    """The victim goes so many instructions far, or to its end; says how many."""
    thing, other = scene.make(), scene.make()
    # What a process does once, such as reading its own start time, it has done with another.
    victim = stepping.Victim.forked(lambda: scene.act(thing), ready=lambda: scene.act(other))
    try:
        steps = victim.step_to(1_000_000 if moment is None else moment, way)
    finally:
        victim.kill()
    scene.check(thing)
    return steps
