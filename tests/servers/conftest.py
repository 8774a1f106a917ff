"""The fixtures for the tests of the servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from servers.client import Client
from servers.fixtures import (
    certificates,
    fault_server,
    http_range_server,
    http_server,
    https_range_server,
    https_server,
    nginx_or_skip,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from servers.certificates import Certificates

__all__ = [
    "certificates",
    "fault_server",
    "http_range_server",
    "http_server",
    "https_range_server",
    "https_server",
    "nginx_or_skip",
]


@pytest.fixture
def client(certificates: Certificates) -> Iterator[Client]:
    client = Client(certificates)
    yield client
    client.pool.clear()
