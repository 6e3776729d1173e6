"""ROPEWALK_LOCK_ORDER: locks taken in contradicting orders are reported though nothing hung."""

import pytest
import ropewalk.doctor

from tests.doctor.programs import run

PROGRAM = """
import threading
a = threading.{kind}()
b = threading.{kind}()
for _ in range(3):
    with a:
        with b:
            pass
    with b:
        with a:
            pass
print("no hang")
"""


@pytest.mark.parametrize("kind", ["Lock", "RLock", "Condition"])
def test_two_orders_in_one_thread_are_reported_once_with_both_places(tmp_path, kind):
    done = run(tmp_path, PROGRAM.format(kind=kind), ROPEWALK_LOCK_ORDER="1")
    text = done.stderr
    assert done.stdout == "no hang\n"
    assert text.count("LOCK ORDER: 2 locks are taken in orders that contradict each other") == 1
    assert text.count("program.py:7\n") == 1
    assert text.count("program.py:10\n") == 1
    assert "(made at " + str(tmp_path / "program.py") + ":3)" in text
    assert text.count(">     with b:   <- here") == 1
    assert text.count(">     with a:   <- here") == 1
    assert "ropewalk.ordered(" in text


@pytest.mark.parametrize("value", ["", "0"])
def test_it_is_off_unless_asked_for(tmp_path, value):
    environment = {"ROPEWALK_LOCK_ORDER": value} if value else {}
    assert run(tmp_path, PROGRAM.format(kind="Lock"), **environment).stderr == ""


def test_a_wrong_value_is_ignored_with_a_warning(tmp_path):
    done = run(tmp_path, PROGRAM.format(kind="Lock"), ROPEWALK_LOCK_ORDER="yes")
    assert "ROPEWALK_LOCK_ORDER is ignored" in done.stderr
    assert "LOCK ORDER:" not in done.stderr


def test_one_order_is_never_reported(tmp_path):
    done = run(
        tmp_path,
        """
        import logging, queue, random, threading
        from concurrent.futures import ThreadPoolExecutor
        locks = [threading.RLock() for _ in range(5)] + [threading.Lock() for _ in range(5)]

        def work(seed):
            chance = random.Random(seed)
            for _ in range(500):
                held = [lock for lock in locks if chance.randrange(3) == 0]
                for lock in held:
                    lock.acquire()
                chance.shuffle(held)
                for lock in held:
                    lock.release()

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(work, range(8)))
        """,
        ROPEWALK_LOCK_ORDER="1",
    )
    assert done.stderr == ""


def test_attempts_that_cannot_hang_are_not_looked_at(tmp_path):
    done = run(
        tmp_path,
        """
        import threading
        a = threading.Lock()
        b = threading.Lock()
        with a, b:
            pass
        with b:
            assert a.acquire(blocking=False)
            a.release()
            assert a.acquire(timeout=5)
            a.release()
        """,
        ROPEWALK_LOCK_ORDER="1",
    )
    assert done.stderr == ""


def test_by_instance_locks_of_one_line_are_not_one_class(tmp_path):
    program = """
        import threading
        accounts = [threading.Lock() for _ in range(2)]
        bank = threading.Lock()
        with bank, accounts[0]:
            pass
        with accounts[1], bank:
            pass
    """
    assert run(tmp_path, program, ROPEWALK_LOCK_ORDER="instance").stderr == ""
    assert "LOCK ORDER" in run(tmp_path, program, ROPEWALK_LOCK_ORDER="site").stderr


def test_it_can_be_changed_for_locks_made_from_now_on():
    assert ropewalk.doctor.lock_order() == "off"
    assert ropewalk.doctor.lock_order("site") == "off"
    assert ropewalk.doctor.lock_order("off") == "site"
    with pytest.raises(ValueError, match="'site'"):
        ropewalk.doctor.lock_order("sight")
