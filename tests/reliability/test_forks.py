"""fork() in a process full of busy threads."""

from tests.reliability.watched import run


def test_no_child_hangs_that_is_forked_amid_busy_threads():
    ended = run("forks.py", 100)
    ended.assert_clean()
    assert ended.stdout == "parent done\n"
