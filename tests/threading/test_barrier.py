"""Barrier: a place where a number of threads meet before any of them goes on."""

import pickle
import signal
import threading as stock

import pytest
from ropewalk import threading

from tests.threads import Running, asleep, eventually

Broken = stock.BrokenBarrierError


def refused(barrier, timeout=None):
    """Whether a wait ends with BrokenBarrierError."""
    try:
        barrier.wait(timeout)
    except Broken:
        return True
    return False


def test_each_thread_gets_a_number_of_its_own():
    barrier = threading.Barrier(5)
    for _ in range(20):
        with Running(*[barrier.wait] * 5) as running:
            pass
        assert sorted(running.results) == list(range(5))
    assert barrier.n_waiting == 0


def test_nobody_goes_on_before_all_are_there():
    barrier = threading.Barrier(3)
    with Running(barrier.wait, barrier.wait) as running:
        eventually(lambda: barrier.n_waiting == 2)
        assert running.results == []
        assert barrier.wait() == 2
    assert sorted(running.results) == [0, 1]


def test_a_barrier_for_one_lets_it_pass():
    assert [threading.Barrier(1).wait() for _ in range(3)] == [0, 0, 0]


@pytest.mark.parametrize("timeout", [0, -1, 0.01])
def test_a_timeout_breaks_it_for_all(timeout):
    barrier = threading.Barrier(3)
    with Running(lambda: refused(barrier)) as running:
        eventually(lambda: barrier.n_waiting == 1)
        assert refused(barrier, timeout)
    assert running.results == [True]
    assert barrier.broken
    assert refused(barrier)


def test_the_timeout_of_the_barrier_is_that_of_every_wait():
    assert refused(threading.Barrier(2, timeout=0.01))


def test_abort_breaks_it_and_reset_mends_it():
    barrier = threading.Barrier(2)
    with Running(lambda: refused(barrier)) as running:
        eventually(lambda: barrier.n_waiting == 1)
        barrier.abort()
    assert running.results == [True] and barrier.broken and refused(barrier)
    barrier.reset()
    assert not barrier.broken
    with Running(barrier.wait, barrier.wait) as running:
        pass
    assert sorted(running.results) == [0, 1]


def test_reset_sends_away_who_waits():
    barrier = threading.Barrier(2)
    with Running(lambda: refused(barrier)) as running:
        eventually(lambda: barrier.n_waiting == 1)
        barrier.reset()
    assert running.results == [True] and not barrier.broken


def test_an_interrupted_wait_leaves_the_place_to_another():
    barrier = threading.Barrier(2)
    main = stock.main_thread()

    def interrupt():
        eventually(lambda: barrier.n_waiting == 1 and asleep(main))
        signal.pthread_kill(main.ident, signal.SIGINT)

    with Running(interrupt), pytest.raises(KeyboardInterrupt):
        barrier.wait()
    assert barrier.n_waiting == 0 and not barrier.broken
    with Running(barrier.wait, barrier.wait) as running:
        pass
    assert sorted(running.results) == [0, 1]


def test_the_action_is_run_once_by_one_of_them_before_any_goes_on():
    done = []
    barrier = threading.Barrier(3, lambda: done.append(None))
    for turn in range(3):
        with Running(*[lambda: (barrier.wait(), len(done))] * 3) as running:
            pass
        assert sorted(running.results) == [(0, turn + 1), (1, turn + 1), (2, turn + 1)]


def test_an_action_that_raises_breaks_it():
    def fail():
        raise LookupError

    barrier = threading.Barrier(1, fail)
    with pytest.raises(LookupError):
        barrier.wait()
    assert barrier.broken


@pytest.mark.parametrize("arguments", [(), ("two",), (2, None, None, None)])
def test_wrong_arguments_end_as_with_the_original(arguments):
    ends = []
    for module in (threading, stock):
        try:
            ends.append(type(module.Barrier(*arguments).parties))
        except Exception as error:
            ends.append(type(error))
    assert ends[0] == ends[1]


def test_it_looks_like_the_original():
    for change in (lambda barrier: None, lambda barrier: barrier.abort()):
        texts = []
        for module in (threading, stock):
            barrier = module.Barrier(2)
            change(barrier)
            texts.append(repr(barrier).replace(hex(id(barrier)), "0x"))
        assert texts[0] == texts[1]
    assert isinstance(threading.Barrier(2), stock.Barrier)
    with pytest.raises(TypeError):
        pickle.dumps(threading.Barrier(2))


def test_who_waits_goes_on_waiting_when_the_inside_is_touched():
    barrier = threading.Barrier(3)
    with Running(barrier.wait, barrier.wait) as running:
        eventually(lambda: barrier.n_waiting == 2)
        with barrier._cond:
            assert barrier._state == 0
        eventually(lambda: barrier._count == 2)
        assert (barrier._parties, barrier._action, barrier._timeout) == (3, None, None)
        assert barrier.wait() == 2
    assert sorted(running.results) == [0, 1]


def test_a_broken_barrier_stays_broken_when_its_inside_is_touched():
    barrier = threading.Barrier(2)
    barrier.abort()
    assert barrier._state == -2 and barrier.broken and refused(barrier)


def test_a_subclass_that_overrides_a_hook_runs_the_original():
    class Counting(threading.Barrier):
        released = 0

        def _release(self):
            self.released += 1
            super()._release()

    barrier = Counting(2)
    with Running(barrier.wait, barrier.wait) as running:
        pass
    assert sorted(running.results) == [0, 1] and barrier.released == 1


def test_a_subclass_may_take_other_arguments():
    class Pair(threading.Barrier):
        def __init__(self, name):
            super().__init__(2)
            self.name = name

    assert (Pair("both").parties, Pair("both").name) == (2, "both")


def test_who_changes_the_inside_gets_what_it_asks_for():
    barrier, done = threading.Barrier(3), []
    barrier._parties = 1
    barrier._action = lambda: done.append(barrier.parties)
    assert (barrier.wait(5), done) == (0, [1])


def test_who_waits_meets_who_comes_after_the_parties_were_changed():
    barrier = threading.Barrier(3)
    with Running(barrier.wait) as running:
        eventually(lambda: barrier.n_waiting == 1)
        barrier._parties = 2
        eventually(lambda: barrier._count == 1)
        assert barrier.wait(5) == 1
    assert running.results == [0]


@pytest.mark.parametrize("action", [None, lambda: None])
def test_a_wait_called_through_the_class_waits_whatever_algorithm_runs(action):
    class Counting(threading.Barrier):
        def _release(self):
            super()._release()

        def wait(self, timeout=None):
            return threading.Barrier.wait(self, timeout)

    for barrier in (threading.Barrier(2, action), Counting(2, action)):
        with pytest.raises(Broken):
            threading.Barrier.wait(barrier, 0.01)
        assert threading.Barrier.broken.fget(barrier) and threading.Barrier.parties.fget(barrier) == 2


def test_a_subclass_that_keeps_its_inside_elsewhere_runs_the_original():
    class Own(threading.Barrier):
        def __init__(self):
            self._parties, self._action, self._timeout = 2, None, None
            self._cond, self._state, self._count = stock.Condition(), 0, 0

    barrier = Own()
    with Running(barrier.wait, barrier.wait) as running:
        pass
    assert sorted(running.results) == [0, 1] and barrier.parties == 2
    assert refused(barrier, 0.01) and barrier.broken


def test_a_barrier_that_was_never_made_is_refused_as_by_the_original():
    class Unmade(threading.Barrier):
        def __init__(self):
            pass

    for touch in (Unmade.wait, lambda barrier: barrier.broken, lambda barrier: barrier.parties):
        with pytest.raises(AttributeError, match="'Unmade' object has no attribute '_"):
            touch(Unmade())


def test_a_barrier_made_anew_is_as_new():
    barrier = threading.Barrier(2)
    barrier.abort()
    barrier.__init__(1)
    assert not barrier.broken and barrier.wait() == 0


def test_more_parties_than_there_can_be_threads_are_waited_for():
    barrier = threading.Barrier(10**30)
    assert barrier.parties == 10**30 and refused(barrier, 0.01)
