"""The certificates of the servers and of a client."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING

import pytest
from servers.client import CONNECTION_ERRORS, CONTENT, FILE
from servers.fault_server import FaultServer

if TYPE_CHECKING:
    from servers.certificates import Certificates
    from servers.client import Client


def test_the_authority_is_trusted_only_with_its_file(https_server: FaultServer) -> None:
    address = ("127.0.0.1", https_server.port)
    with (
        pytest.raises(ssl.SSLCertVerificationError),
        socket.create_connection(address) as plain,
    ):
        ssl.create_default_context().wrap_socket(plain, server_hostname="localhost")


def test_a_server_can_require_a_client_certificate(certificates: Certificates, client: Client) -> None:
    with FaultServer(certificates.server_context_that_asks_for_a_certificate()) as server:
        server.plays("/f", FILE)
        with pytest.raises(CONNECTION_ERRORS):
            client.get(server.url("/f"))
        client.pool.connection_pool_kw["cert_file"] = str(certificates.client_file)

        assert client.get(server.url("/f")).data == CONTENT
