"""The fixtures of these tests: a machine for each test, and the test servers."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from integration.gateway import Gateway
from integration.interrupted_downloads import Downloads
from integration.machine import DOWNLOAD_MODULE, VARIABLES_OF_REQUESTS, Machine
from servers.certificates import Certificates
from servers.fault_server import FaultServer
from servers.fixtures import *  # noqa: F403 - pytest finds fixtures by the names in this module.

from pip_resume.inside_pip.run import RUN


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in VARIABLES_OF_REQUESTS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture(autouse=True)
def new_run() -> None:
    """Let each test be a run of pip that remembers nothing."""
    RUN.forget()


@pytest.fixture
def machine(tmp_path: Path, certificates: Certificates) -> Iterator[Machine]:
    made = Machine(tmp_path, certificates.ca_file)
    yield made
    made.store.close()


@pytest.fixture
def downloads(machine: Machine, caplog: pytest.LogCaptureFixture) -> Downloads:
    caplog.set_level(logging.INFO, DOWNLOAD_MODULE.__name__)
    return Downloads(machine)


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    """A server that is reached over http through a gateway."""
    with Gateway() as running:
        yield running


@pytest.fixture
def https_gateway(certificates: Certificates) -> Iterator[Gateway]:
    with Gateway(certificates.server_context()) as running:
        yield running


@pytest.fixture(params=["http_server", "https_server"])
def server(request: pytest.FixtureRequest) -> FaultServer:
    """A test that uses this fixture runs over http and over https."""
    found: FaultServer = request.getfixturevalue(request.param)
    return found
