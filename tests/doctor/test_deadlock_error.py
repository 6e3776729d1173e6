"""A certain deadlock raises DeadlockError in the thread that would close it, and in no other."""

import random
import threading
import time

import pytest
import ropewalk
from ropewalk.concurrent.futures import ThreadPoolExecutor
from ropewalk.threading import Barrier, Condition, RLock

from tests.doctor.programs import TRANSFER, run
from tests.threads import Running, eventually

pytestmark = pytest.mark.usefixtures("installed")


def waited_for(lock):
    """Until a thread waits for this lock."""
    eventually(lambda: any(id(lock) <= wait.id < id(lock) + 200 for wait in ropewalk.waits()))


def ring(locks):
    """As many threads as locks, each takes one, meets the others, takes the next one's. Their errors."""
    meet = Barrier(len(locks))
    errors = []

    def take(first, second):
        with first:
            meet.wait()
            try:
                with second:
                    pass
            except ropewalk.DeadlockError as error:
                errors.append(error)

    with Running(*(lambda pair=pair: take(*pair) for pair in zip(locks, locks[1:] + locks[:1], strict=True))):
        pass
    return errors


def test_two_hundred_of_two_hundred_random_rings_are_found():
    locks = [RLock() for _ in range(6)]
    chance = random.Random(1)
    for _ in range(200):
        errors = ring(chance.sample(locks, chance.randint(2, 6)))
        assert len(errors) == 1
    assert all(lock.acquire(blocking=False) for lock in locks)


def test_the_error_holds_the_waits_and_is_a_runtime_error():
    (error,) = ring([RLock(), RLock()])
    assert isinstance(error, RuntimeError)
    first, second = error.waits
    assert {first.what, second.what} == {"RLock"}
    assert first.owners == [second.thread]
    assert second.owners == [first.thread]
    assert not first.timed
    assert first.stack[0].function == "take"
    assert first.seconds <= second.seconds


def test_who_takes_a_conditions_lock_again_is_spared_and_another_is_told():
    kept, ready, holding = RLock(), Condition(RLock()), threading.Event()
    told = []

    def wait():
        with kept, ready:
            holding.set()
            while not told:
                ready.wait(0.01)  # never raises

    def ask():
        holding.wait()
        with ready:
            try:
                kept.acquire()
            except ropewalk.DeadlockError as error:
                told.append(error)

    with Running(wait, ask):
        pass
    assert len(told) == 1
    assert {wait.what for wait in told[0].waits} == {"RLock"}


def test_the_message_names_threads_locks_lines_and_the_fix(tmp_path):
    done = run(tmp_path, TRANSFER.format(kind="RLock"))
    text = done.stderr
    assert done.stdout == "moved\n"
    assert text.count("DeadlockError") == 1
    assert "DEADLOCK (certain): 2 threads wait for each other" in text
    assert "raised in: transfer-" in text
    assert "transfer-1 --holds--> RLock" in text
    assert "transfer-2 --holds--> RLock" in text
    assert text.count("program.py:13 in move") == 2
    assert text.count("> with target.lock:   <- here") == 2
    assert text.count("there source.lock, at program.py:11 in move") == 2
    assert "ropewalk.ordered(" in text


def test_five_philosophers_eat_a_thousand_meals_each():
    forks = [RLock() for _ in range(5)]
    meals = [0] * 5

    def philosopher(place):
        left, right = forks[place], forks[(place + 1) % 5]
        while meals[place] < 1000:
            try:
                with left:
                    time.sleep(0)
                    with right:
                        meals[place] += 1
            except ropewalk.DeadlockError:
                continue

    with Running(*(lambda place=place: philosopher(place) for place in range(5))):
        pass
    assert meals == [1000] * 5


def test_locks_taken_in_one_order_never_raise():
    locks = [RLock() for _ in range(5)]

    def work(seed):
        chance = random.Random(seed)
        for _ in range(1500):
            held = []
            for lock in locks:
                kind = chance.randrange(5)
                if kind < 2 and lock.acquire(timeout=-1 if kind else 0.001):
                    held.append(lock)
            if chance.randrange(20) == 0:
                time.sleep(0)
            for lock in held:
                lock.release()

    with Running(*(lambda seed=seed: work(seed) for seed in range(4))):
        pass


def test_a_timed_wait_is_left_alone():
    a, b, meet = RLock(), RLock(), Barrier(2)

    def patient():
        with a:
            meet.wait()
            return b.acquire(timeout=0.3)

    def waiting():
        with b:
            meet.wait()
            with a:
                return "got it"

    with Running(patient, waiting) as running:
        pass
    assert set(running.results) == {False, "got it"}


def test_a_join_of_a_thread_that_waits_for_the_joiners_lock_raises():
    lock = RLock()

    def wait():
        with lock:
            pass

    with lock:
        thread = threading.Thread(target=wait)
        thread.start()
        waited_for(lock)
        with pytest.raises(ropewalk.DeadlockError, match=r"do not join a thread while holding") as caught:
            thread.join()
        assert [wait.what for wait in caught.value.waits] == ["Thread", "RLock"]
        assert caught.value.waits[0].name == thread.name
        thread.join(0.01)  # a join with a timeout is nobody's deadlock
    thread.join()


def test_a_wait_for_the_lock_of_the_thread_that_joins_raises():
    lock, joining, errors = RLock(), threading.Event(), []

    def wait():
        joining.wait()
        eventually(lambda: any(wait.what == "Thread" for wait in ropewalk.waits()))
        try:
            lock.acquire()
        except ropewalk.DeadlockError as error:
            errors.append(error)

    with lock:
        thread = threading.Thread(target=wait)
        thread.start()
        joining.set()
        thread.join()
    assert len(errors) == 1


def test_a_notified_waiter_that_keeps_what_its_notifier_wants_raises_in_the_notifier():
    kept, condition = RLock(), Condition()

    def waiter():
        with kept, condition:
            condition.wait()

    with Running(waiter):
        eventually(lambda: any(wait.what == "Condition" for wait in ropewalk.waits()))
        with condition:
            condition.notify()
            with pytest.raises(ropewalk.DeadlockError):
                kept.acquire()


def test_a_task_that_wants_the_lock_of_who_waits_for_its_result_raises():
    lock = RLock()

    def task():
        with lock:
            return True

    with ThreadPoolExecutor(1) as pool:
        with lock:
            future = pool.submit(task)
            waited_for(lock)
            with pytest.raises(ropewalk.DeadlockError) as caught:
                future.result()
        assert [wait.what for wait in caught.value.waits] == ["Future", "RLock"]
        assert future.result() is True


def test_after_the_error_everything_is_as_it_was():
    a, b = RLock(), RLock()
    assert len(ring([a, b])) == 1
    assert len(ring([b, a])) == 1
    assert not any(wait.what == "RLock" for wait in ropewalk.waits())
    with a, b:
        pass
