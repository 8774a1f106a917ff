"""A certificate authority for the tests, with certificates for localhost, for 127.0.0.1 and for a client."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

import trustme

if TYPE_CHECKING:
    from pathlib import Path

HOSTS = ("localhost", "127.0.0.1")


@dataclass(frozen=True)
class Certificates:
    """Files in PEM format, as pip's --cert and --client-cert, curl and nginx need them."""

    ca_file: Path
    server_chain: Path
    server_key: Path
    client_file: Path
    """Key and certificate in one file, as pip needs them."""

    def server_context(self) -> ssl.SSLContext:
        """Return the context of a server that accepts every client."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.server_chain, self.server_key)
        return context

    def server_context_that_asks_for_a_certificate(self) -> ssl.SSLContext:
        """Return the context of a server that accepts only clients with the certificate in `client_file`."""
        context = self.server_context()
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(self.ca_file)
        return context


def issue_certificates(directory: Path) -> Certificates:
    """Make a new authority and its certificates in this directory, which is created if it does not exist."""
    directory.mkdir(parents=True, exist_ok=True)
    files = Certificates(
        ca_file=directory / "ca.pem",
        server_chain=directory / "server.pem",
        server_key=directory / "server.key",
        client_file=directory / "client.pem",
    )
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(files.ca_file))
    server = authority.issue_cert(*HOSTS)
    server.private_key_pem.write_to_path(str(files.server_key))
    for certificate in server.cert_chain_pems:
        certificate.write_to_path(str(files.server_chain), append=True)
    authority.issue_cert("client@localhost.test").private_key_and_cert_chain_pem.write_to_path(str(files.client_file))
    return files
