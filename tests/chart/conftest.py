"""Skips this folder where helm is missing, and fails it in CI."""

import pytest

import chart_render
from conftest import missing


@pytest.fixture(scope="session", autouse=True)
def helm() -> None:
    """Make sure that helm is there."""
    if chart_render.helm_missing():
        missing("helm")
