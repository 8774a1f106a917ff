"""A machine for each test, and the test servers."""

from __future__ import annotations

from pathlib import Path

import pytest
from integration.machine import FOREIGN, Machine
from servers.certificates import Certificates
from servers.fixtures import (
    certificates,
    http_range_server,
    http_server,
    https_range_server,
    https_server,
    nginx_or_skip,
)

__all__ = [
    "certificates",
    "http_range_server",
    "http_server",
    "https_range_server",
    "https_server",
    "nginx_or_skip",
]


@pytest.fixture(autouse=True)
def scrubbed_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in FOREIGN:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def machine(tmp_path: Path, certificates: Certificates) -> Machine:
    return Machine(tmp_path, certificates.ca_file)
