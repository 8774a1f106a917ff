"""The servers as fixtures; each test has its own server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pytest
from servers.certificates import Certificates, issue_certificates
from servers.fault_server import FaultServer
from servers.nginx import Nginx, find_nginx
from servers.range_server import RangeServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class StartNginx(Protocol):
    """Starts an nginx that is stopped after the test; a test may call it several times."""

    def __call__(self, directives: str = "", certificates: Certificates | None = None) -> Nginx: ...


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Issue certificates once per run: all servers have the same one."""
    return issue_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def http_server() -> Iterator[FaultServer]:
    with FaultServer() as server:
        yield server


@pytest.fixture
def https_server(certificates: Certificates) -> Iterator[FaultServer]:
    with FaultServer(certificates.server_context()) as server:
        yield server


@pytest.fixture(params=["http", "https"])
def fault_server(request: pytest.FixtureRequest, certificates: Certificates) -> Iterator[FaultServer]:
    """Give a server with http, then one with https: a test with this fixture runs twice."""
    with FaultServer(certificates.server_context() if request.param == "https" else None) as server:
        yield server


@pytest.fixture
def http_range_server() -> Iterator[RangeServer]:
    with RangeServer() as server:
        yield server


@pytest.fixture
def https_range_server(certificates: Certificates) -> Iterator[RangeServer]:
    with RangeServer(certificates.server_context()) as server:
        yield server


@pytest.fixture
def nginx_or_skip(tmp_path: Path) -> Iterator[StartNginx]:
    """Give a function that starts an nginx with these directives; with certificates it uses https."""
    if find_nginx() is None:
        pytest.skip("nginx is not installed (Debian: apt install nginx-light)")
    running: list[Nginx] = []

    def start(directives: str = "", certificates: Certificates | None = None) -> Nginx:
        running.append(Nginx(tmp_path / f"nginx-{len(running)}", directives, certificates))
        return running[-1]

    yield start
    for nginx in running:
        nginx.close()
