"""The fixture that skips a test where there can be no network of namespaces."""

from __future__ import annotations

import pytest
from network.hosts import remove_abandoned, why_not


@pytest.fixture
def namespaces_or_skip() -> None:
    reason = why_not()
    if reason:
        pytest.skip(reason)
    remove_abandoned()
