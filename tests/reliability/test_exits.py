"""The interpreter goes away under threads that wait for it or run through the engine."""

import pytest

from tests.reliability.watched import FULL, run_many

BATCH = 20
"""Exits in one test, few enough for its watchdog."""
BATCHES = 17 if FULL else 1


@pytest.mark.parametrize("batch", range(BATCHES))
@pytest.mark.parametrize("kind", ["parked", "busy", "pool"])
def test_an_exit_with_daemon_threads_crashes_nothing(kind, batch):
    for ended in run_many("exits.py", range(batch * BATCH, (batch + 1) * BATCH), kind):
        ended.assert_clean()
