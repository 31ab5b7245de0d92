"""A world in memory for each test."""

from collections.abc import Iterator

import pytest

from support.operator.world import World


@pytest.fixture
def world() -> Iterator[World]:
    """A world without faults."""
    world = World()
    yield world
    world.close()
