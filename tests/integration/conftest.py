"""One running stack for the tests that only send requests."""

from collections.abc import Iterator

import pytest

from support.api.client import ApiClient
from support.servers import local_stack


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[local_stack.LocalStack]:
    """`imagejobs local` as people start it."""
    with local_stack.running(tmp_path_factory.mktemp("local") / "data") as running:
        yield running


@pytest.fixture
def client(stack: local_stack.LocalStack) -> Iterator[ApiClient]:
    """A client of it."""
    with local_stack.client(stack) as made:
        yield made
