"""What the tests of pools are given."""

from __future__ import annotations

import pytest

from tests.processes.sides import METHODS, ExecutorSide, PoolSide


@pytest.fixture(params=[ExecutorSide, PoolSide], ids=["executor", "pool"])
def side(request):
    return request.param


@pytest.fixture(params=METHODS)
def crew(request, side):
    """Two workers, started in each way."""
    crew = side(2, request.param)
    yield crew
    crew.end()
