"""The dining philosophers, who would starve without the doctor."""

from tests.reliability.watched import run


def test_five_philosophers_eat_a_thousand_meals_each_though_they_deadlock():
    ended = run("philosophers.py", 1000)
    ended.assert_clean()
    assert ended.stdout.split() == ["1000"] * 5 + ["True"]
