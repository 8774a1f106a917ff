"""The test servers as fixtures; each test has its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from servers.certificates import Certificates, issue_certificates
from servers.fault_server import FaultServer

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Made once: all servers of a run have the same certificate."""
    return issue_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def http_server() -> Iterator[FaultServer]:
    with FaultServer() as server:
        yield server


@pytest.fixture
def https_server(certificates: Certificates) -> Iterator[FaultServer]:
    with FaultServer(certificates.server_context()) as server:
        yield server
