"""One running stack for the tests that only send requests."""

from collections.abc import Iterator

import pytest

import localstack


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[localstack.LocalStack]:
    """`imagejobs local` as people start it."""
    with localstack.running(tmp_path_factory.mktemp("local") / "data") as running:
        yield running


@pytest.fixture
def client(stack: localstack.LocalStack) -> Iterator[localstack.Client]:
    """A client of it."""
    with localstack.client(stack) as made:
        yield made
