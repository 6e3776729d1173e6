"""Signals that come in while the main thread waits, or stands in the middle of a put."""

import pytest

from tests.reliability.watched import run

SIGNALS = 10_000


def test_timed_waits_end_and_not_early_in_a_storm_of_signals():
    run("signals.py", "timed_waits", SIGNALS).assert_clean()


@pytest.mark.parametrize("case", ["put_again", "put_while_full", "put_while_comparing"])
def test_a_put_entered_again_from_a_signal_handler_does_not_hang(case):
    run("signals.py", case, SIGNALS).assert_clean()
