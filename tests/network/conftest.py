"""Skips the tests of this folder where there can be no network of namespaces."""

from __future__ import annotations

import pytest
from network.hosts import remove_abandoned, why_not


@pytest.fixture(autouse=True)
def network_namespaces() -> None:
    reason = why_not()
    if reason:
        pytest.skip(reason)
    remove_abandoned()
