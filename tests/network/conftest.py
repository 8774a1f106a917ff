"""The fixtures for the tests of the network: one skips a test where there can be no network of namespaces."""

from __future__ import annotations

import pytest
from environments.fixtures import templates
from network.hosts import remove_abandoned, why_not

__all__ = ["templates"]


@pytest.fixture
def namespaces_or_skip() -> None:
    reason = why_not()
    if reason:
        pytest.skip(reason)
    remove_abandoned()
