"""The body of a urllib3 response, read as it arrives: without waiting until a block is full."""

from __future__ import annotations

import http.client
import select
from typing import Any

_BLOCK_BYTES = 16 * 1024
"""What one read of a body that cannot be read as it arrives waits for: one TLS record."""


class Body:
    """The undecoded body of one urllib3 response. What urllib3 and http.client raise passes through."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw
        self._fp = getattr(raw, "_fp", None)
        is_network = isinstance(self._fp, http.client.HTTPResponse)
        if not is_network:
            self.read = self._read_block
        elif hasattr(raw, "read1"):
            self.read = self._read1
        else:
            self.read = self._read1_past_urllib3
        self._socket = _socket_of(self._fp) if is_network else None
        self._poll: Any = None

    def _read_block(self, size: int) -> bytes:
        """Read from pip's cache."""
        return bytes(self._raw.read(size, decode_content=False))

    def _read1(self, size: int) -> bytes:
        """Read with urllib3 2 (pip 26.1 and newer)."""
        return self._raw.read1(size, decode_content=False) or b""

    def _read1_past_urllib3(self, size: int) -> bytes:
        """Read with urllib3 1.26, which can only wait for a full block, and do what it would do at the end."""
        fp: Any = self._fp
        block: bytes = fp.read1(size)
        if fp.length == 0 and not fp.chunked:
            fp.close()  # Python 3.12 and older leave it open: python/cpython#113199.
        if fp.isclosed():
            self._raw.release_conn()
        return block

    def has_more(self, wait_s: float) -> bool:
        """Whether bytes have arrived, or do within ``wait_s`` seconds. False if that cannot be known."""
        if self._socket is None:
            return False
        pending = getattr(self._socket, "pending", None)
        if pending is not None and pending() > 0:
            return True
        if not hasattr(select, "poll"):  # Windows
            return bool(select.select([self._socket], [], [], wait_s)[0])
        if self._poll is None:
            self._poll = select.poll()
            self._poll.register(self._socket, select.POLLIN)
        return bool(self._poll.poll(wait_s * 1000))


def _socket_of(fp: Any) -> Any:
    """Return the socket behind an http.client response; None if there is none, as with TLS through a TLS proxy."""
    found = getattr(getattr(getattr(fp, "fp", None), "raw", None), "_sock", None)
    return found if hasattr(found, "fileno") and hasattr(found, "recv_into") else None
