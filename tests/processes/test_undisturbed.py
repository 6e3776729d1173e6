"""Ctrl-C while workers are started; and what a worker hangs on."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import threading
import warnings

import pytest
from ropewalk.concurrent.futures import ProcessPoolExecutor
from ropewalk.concurrent.futures.process_employer import ExecutorEmployer
from ropewalk.multiprocessing.pool import Pool
from ropewalk.processes.undisturbed import undisturbed

from tests.processes import tasks

LONG = 120
METHODS = ["fork", "spawn", "forkserver"]


def test_an_interrupt_waits_for_the_end_of_the_block():
    reached = False
    with pytest.raises(KeyboardInterrupt):
        with undisturbed():
            with undisturbed():
                signal.raise_signal(signal.SIGINT)
            reached = True
    assert reached
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_without_an_interrupt_all_is_as_before():
    with undisturbed():
        pass
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with pytest.raises(ZeroDivisionError), undisturbed():
        raise ZeroDivisionError
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_child_that_is_forked_inside_is_interrupted_at_once():
    with undisturbed():
        child = os.fork()
        if not child:
            try:
                signal.raise_signal(signal.SIGINT)
            except KeyboardInterrupt:
                os._exit(7)
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


def test_another_thread_changes_nothing():
    seen = []

    def look():
        with undisturbed():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [signal.default_int_handler]


@pytest.mark.parametrize("method", METHODS)
def test_an_interrupt_while_workers_are_started_leaves_a_whole_pool(monkeypatch, method):
    hire = ExecutorEmployer.hire

    def interrupted(self):
        worker = hire(self)
        signal.raise_signal(signal.SIGINT)
        return worker

    executor = ProcessPoolExecutor(2, multiprocessing.get_context(method))
    monkeypatch.setattr(ExecutorEmployer, "hire", interrupted)
    with pytest.raises(KeyboardInterrupt):
        executor.submit(tasks.double, 1)
    monkeypatch.undo()
    workers = set(executor._processes)
    assert workers
    assert executor.submit(tasks.double, 2).result(LONG) == 4
    assert workers <= set(executor._processes)
    executor.shutdown()
    assert not multiprocessing.active_children()


def test_an_interrupt_while_a_pool_is_made_leaves_no_worker(monkeypatch):
    from ropewalk.multiprocessing import pool as module

    hire = module._Employer.hire

    def interrupted(self):
        worker = hire(self)
        signal.raise_signal(signal.SIGINT)
        return worker

    monkeypatch.setattr(module._Employer, "hire", interrupted)

    def make():
        try:
            Pool(2, context=multiprocessing.get_context("fork"))
        except KeyboardInterrupt:
            return True  # and nothing holds what there is of the pool
        return False

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # as an error it would hold the pool
        assert make()
        gc.collect()
    for worker in multiprocessing.active_children():
        worker.join(LONG)
    assert not multiprocessing.active_children()


@pytest.mark.parametrize("method", METHODS)
def test_no_signal_comes_by_the_originals_sentinel(method):
    with ProcessPoolExecutor(1, multiprocessing.get_context(method)) as executor:
        assert executor.submit(tasks.asks_for_signals_of_its_sentinel).result(LONG) is False
