"""The client for the tests of the servers, and the file that it requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import urllib3
from servers.fault_server import FileAnswer
from servers.index_pages import noise

if TYPE_CHECKING:
    from servers.certificates import Certificates

SIZE = 50_000
CONTENT = noise(SIZE, seed=1)
ETAG = '"v1"'
MODIFIED = "Fri, 03 Jan 2020 10:00:00 GMT"
FILE = FileAnswer(CONTENT, etag=ETAG, last_modified=MODIFIED)
CONNECTION_ERRORS = (urllib3.exceptions.HTTPError, OSError)


class Client:
    """urllib3 without retries. The bytes that arrived before an error are kept in `received`."""

    def __init__(self, certificates: Certificates) -> None:
        self.pool = urllib3.PoolManager(ca_certs=str(certificates.ca_file), retries=False, timeout=5.0)
        self.received = b""

    def get(self, url: str, **fields: str) -> urllib3.BaseHTTPResponse:
        """Return the complete response; names of fields have _ for -."""
        return self.pool.request("GET", url, headers={name.replace("_", "-"): value for name, value in fields.items()})

    def follow(self, url: str, **fields: str) -> urllib3.BaseHTTPResponse:
        """Return the complete response after up to three redirects."""
        return self.pool.request("GET", url, headers=fields, retries=3)

    def read(self, url: str) -> None:
        """Read the body into `received`, 1024 bytes at a time."""
        self.received = b""
        response = self.pool.request("GET", url, preload_content=False)
        for block in response.stream(1024):
            self.received += block
