"""The proxy: what it passes on, and how it stops."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
import urllib3
from servers.client import CONNECTION_ERRORS, CONTENT, FILE, SIZE
from servers.fault_server import FaultServer
from servers.proxy import Proxy

if TYPE_CHECKING:
    from servers.certificates import Certificates


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with Proxy() as proxy:
        yield proxy


def get(proxy: Proxy, url: str, certificates: Certificates) -> bytes:
    """Return the body at a URL, requested through the proxy with a new connection."""
    with urllib3.ProxyManager(proxy.url, ca_certs=str(certificates.ca_file), retries=False, timeout=5.0) as manager:
        return manager.request("GET", url).data


def test_http_and_https_are_passed_on(proxy: Proxy, fault_server: FaultServer, certificates: Certificates) -> None:
    fault_server.plays("/f", FILE)

    assert get(proxy, fault_server.url("/f"), certificates) == CONTENT
    assert (proxy.connections, fault_server.connections) == (1, 1)


def test_over_tls_http_and_https_are_passed_on(fault_server: FaultServer, certificates: Certificates) -> None:
    fault_server.plays("/f", FILE)

    with Proxy(certificates.server_context()) as proxy:
        assert get(proxy, fault_server.url("/f"), certificates) == CONTENT


def test_a_proxy_stops_after_a_number_of_bytes_and_can_be_revived(
    proxy: Proxy, fault_server: FaultServer, certificates: Certificates
) -> None:
    fault_server.plays("/f", FILE)
    proxy.dies_after(SIZE // 2)

    with pytest.raises(CONNECTION_ERRORS):
        get(proxy, fault_server.url("/f"), certificates)
    with pytest.raises(CONNECTION_ERRORS):
        get(proxy, fault_server.url("/f"), certificates)
    assert proxy.connections == 1
    proxy.revive()

    assert get(proxy, fault_server.url("/f"), certificates) == CONTENT
    assert proxy.connections == 2
