"""The slow package index of the demo: one wheel, served on 127.0.0.1."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import os
import re
import socket
import threading
import time
import zipfile
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import TracebackType

PROJECT = "large-demo"
FILENAME = "large_demo-1.0-py3-none-any.whl"
PAYLOAD = "large_demo/payload.bin"
# Large enough for a download of more than a second, so that pip can be killed in the middle of it.
PAYLOAD_BYTES = 12_000_000
BYTES_PER_S = 10_000_000
# Small enough that the rate is even: 300 blocks in a second.
_BLOCK_BYTES = 32 * 1024
# Keep the kernel's send buffer small: the bytes in it already count as fetched.
_SEND_BUFFER_BYTES = 64 * 1024
_OPEN_RANGE = re.compile(r"bytes=([0-9]{1,15})-")


def make_wheel(payload: bytes) -> bytes:
    """Return an uncompressed wheel of PROJECT that contains this payload."""
    files = {
        "large_demo/__init__.py": b"",
        PAYLOAD: payload,
        "large_demo-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: large-demo\nVersion: 1.0\n",
        "large_demo-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "large_demo-1.0.dist-info/RECORD"
    rows = [f"{name},sha256={_record_hash(content)},{len(content)}\n" for name, content in files.items()]
    wheel = io.BytesIO()
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        archive.writestr(record, "".join([*rows, f"{record},,\n"]))
    return wheel.getvalue()


def _record_hash(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode("ascii")


@dataclass
class Sent:
    """One response with bytes of the wheel."""

    first_pos: int
    size: int = 0
    """Bytes sent so far."""


class SlowIndex:
    """A package index with one wheel, sent at BYTES_PER_S. ``sent`` has an entry for each response."""

    def __init__(self, payload: bytes) -> None:
        self.wheel = make_wheel(payload)
        self.sent: list[Sent] = []
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.index = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        """The value for pip's option ``--index-url``."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/simple/"

    @property
    def page(self) -> bytes:
        """The page of the project. Its link has a sha256, as on PyPI."""
        digest = hashlib.sha256(self.wheel).hexdigest()
        link = f'<a href="/files/{FILENAME}#sha256={digest}">{FILENAME}</a>'
        return f"<!DOCTYPE html><html><body>{link}</body></html>".encode("ascii")

    def size_sent(self) -> int:
        """Return how many bytes of the wheel all responses so far have sent."""
        return sum(sent.size for sent in list(self.sent))

    def __enter__(self) -> SlowIndex:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    index: SlowIndex

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing: the demo kills a client on purpose."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name comes from http.server
        """Print nothing between the lines of pip."""

    def do_GET(self) -> None:
        if self.path == f"/simple/{PROJECT}/":
            page = self.server.index.page
            self._send_head(200, {"Content-Type": "text/html", "Content-Length": str(len(page))})
            self.wfile.write(page)
        elif self.path == f"/files/{FILENAME}":
            self._send_wheel()
        else:
            self.send_error(404)

    def _send_wheel(self) -> None:
        length = len(self.server.index.wheel)
        requested = _OPEN_RANGE.fullmatch(self.headers.get("Range", ""))
        first_pos = int(requested[1]) if requested else 0
        if first_pos >= length:
            self._send_head(416, {"Content-Range": f"bytes */{length}", "Content-Length": "0"})
            return
        fields = {"Content-Type": "application/octet-stream", "Accept-Ranges": "bytes"}
        fields["Content-Length"] = str(length - first_pos)
        if requested:
            fields["Content-Range"] = f"bytes {first_pos}-{length - 1}/{length}"
        self._send_head(206 if requested else 200, fields)
        self._send_slowly(first_pos)

    def _send_head(self, status: int, fields: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name, value)
        self.end_headers()

    def _send_slowly(self, first_pos: int) -> None:
        body = memoryview(self.server.index.wheel)[first_pos:]
        sent = Sent(first_pos)
        self.server.index.sent.append(sent)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
        start_s = time.monotonic()
        with contextlib.suppress(OSError):
            while sent.size < len(body):
                block = body[sent.size : sent.size + _BLOCK_BYTES]
                self.connection.sendall(block)
                sent.size += len(block)
                time.sleep(max(0.0, start_s + sent.size / BYTES_PER_S - time.monotonic()))


def make_payload() -> bytes:
    """Return random bytes: they cannot be compressed, and no cache has them."""
    return os.urandom(PAYLOAD_BYTES)
