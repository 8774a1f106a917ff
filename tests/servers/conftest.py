"""The fixtures of the test servers."""

from __future__ import annotations

from servers.fixtures import (
    certificates,
    fault_server,
    http_range_server,
    http_server,
    https_range_server,
    https_server,
    nginx_or_skip,
)

__all__ = [
    "certificates",
    "fault_server",
    "http_range_server",
    "http_server",
    "https_range_server",
    "https_server",
    "nginx_or_skip",
]
