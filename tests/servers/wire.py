"""One accepted connection: it reads requests, writes bytes, and can end in many ways."""

from __future__ import annotations

import contextlib
import os
import re
import select
import socket
import ssl
import struct
import sys
import time
from typing import TYPE_CHECKING

from servers.journal import Request
from servers.script import Then

if sys.platform != "win32":
    import fcntl
    import termios

if TYPE_CHECKING:
    from collections.abc import Callable

# Small, so that few bytes wait in the kernel: they are written, but the client has not got them.
SEND_BUFFER_BYTES = 16384
HEAD_LIMIT_BYTES = 65536
PARTING_S = 1.0
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Wire:
    """A connection, with TLS or without. Every method may raise OSError if the client has closed it."""

    def __init__(self, accepted: socket.socket) -> None:
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        accepted.settimeout(None)
        self._socket = accepted
        self._unread = b""

    def start_tls(self, context: ssl.SSLContext) -> None:
        """Start TLS. Raises OSError if the handshake fails or the client has closed the connection."""
        # Up to Python 3.13 at least, wrap_socket does not close a socket that the client has closed.
        self._socket.getpeername()
        self._socket = context.wrap_socket(self._socket, server_side=True)

    def wait_for_first_bytes(self) -> None:
        """Block until the client has sent something or has closed the connection, at most PARTING_S."""
        select.select([self._socket], [], [], PARTING_S)

    def read_request(self) -> Request | None:
        """Return the next request without its body; None at the end of the connection."""
        while b"\r\n\r\n" not in self._unread:
            received = self._socket.recv(4096)
            if not received or len(self._unread) > HEAD_LIMIT_BYTES:
                return None
            self._unread += received
        head, _, self._unread = self._unread.partition(b"\r\n\r\n")
        line, *rest = head.decode("latin-1").split("\r\n")
        method, target, _ = line.split(" ", 2)
        # A request through a proxy may have the scheme and the host (RFC 9112 section 3.2.2).
        path = re.sub(r"^https?://[^/]*", "", target)
        named = (text.partition(":") for text in rest)
        return Request(method, path, {name.strip().lower(): value.strip() for name, _, value in named})

    def write(self, data: bytes) -> None:
        self._socket.sendall(data)

    def unacknowledged(self) -> int:
        """Return how many of the bytes written the client's system has not acknowledged, with the overhead of TLS.

        Always 0 on Windows, which does not tell.
        """
        if sys.platform == "win32":
            return 0
        waiting: bytes = fcntl.ioctl(self._socket.fileno(), termios.TIOCOUTQ, b"\0" * 4)
        return int.from_bytes(waiting, "little")

    def hang_up(self) -> None:
        """Shut the connection down, so that no thread waits for it. Any thread may call this."""
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def end(self, then: Then) -> None:
        """End the connection as `then` says. It is closed when this returns."""
        ways: dict[Then, Callable[[], None]] = {
            Then.CLOSE: self._close,
            Then.DROP: self._drop,
            Then.RESET: self._reset,
            Then.STALL: self._stall,
            Then.GARBAGE_TLS: lambda: self._write_under_tls(b"HTTP/1.1 502 this is no TLS record\r\n\r\n" * 4),
            Then.BAD_MAC: lambda: self._write_under_tls(b"\x17\x03\x03\x01\x00" + os.urandom(256)),
        }
        try:
            with contextlib.suppress(OSError):
                ways[then]()
        finally:
            self._socket.close()

    def _close(self) -> None:
        if isinstance(self._socket, ssl.SSLSocket):
            # Not blocking: unwrap() sends our close_notify, and then waits for the client's, which may never arrive.
            self._socket.setblocking(False)
            with contextlib.suppress(OSError):
                self._socket.unwrap()
        self._drop()

    def _drop(self) -> None:
        socket.socket.shutdown(self._socket, socket.SHUT_WR)
        self._wait_for_client(PARTING_S)

    def _reset(self) -> None:
        # A reset discards the bytes that are still queued, and the client must get all that the script says.
        deadline_s = time.monotonic() + PARTING_S
        while self.unacknowledged() and time.monotonic() < deadline_s:
            time.sleep(0.001)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)

    def _stall(self) -> None:
        self._wait_for_client(None)

    def _write_under_tls(self, data: bytes) -> None:
        socket.socket.sendall(self._socket, data)
        self._wait_for_client(PARTING_S)

    def _wait_for_client(self, timeout_s: float | None) -> None:
        """Read what the client sends until it closes: closing a socket with unread data would be a reset."""
        deadline_s = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            left_s = None if deadline_s is None else max(0.0, deadline_s - time.monotonic())
            ready, _, _ = select.select([self._socket], [], [], left_s)
            if not ready or not socket.socket.recv(self._socket, 4096):
                return
