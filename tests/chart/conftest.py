"""Skips this folder where helm is missing, and fails it in CI."""

import pytest

from conftest import missing
from support.cluster import chart_render


@pytest.fixture(scope="session", autouse=True)
def helm() -> None:
    """Make sure that helm is there."""
    if chart_render.helm_missing():
        missing("helm")
