"""A proxy for http and https that can stop in the middle of a response, and that clients may reach over TLS.

RFC 9112 section 3.2.2, RFC 9110 section 9.3.6.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading
from urllib.parse import urlsplit

from servers.listener import Listener

HEAD_LIMIT_BYTES = 65536
BLOCK_BYTES = 16384
TIMEOUT_S = 10.0


class Proxy:
    """Listens on a free port of 127.0.0.1 from its construction to `close`.

    Each connection of a client gets its own connection to the server.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        """With `tls` the connections of clients are encrypted: an https request is TLS within TLS then."""
        self._tls = tls
        self.connections = 0
        """Number of connections accepted so far."""
        self._left: int | None = None
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = Listener(self._greet)
        self._listener.open()

    @property
    def url(self) -> str:
        start = "http://127.0.0.1" if self._tls is None else "https://localhost"
        return f"{start}:{self._listener.port}"

    def dies_after(self, size: int) -> None:
        """Close all connections and stop to listen after this many bytes were sent to clients."""
        self._left = size

    def revive(self) -> None:
        """Listen again on the same port, without a limit."""
        self._left = None
        self._listener.open()

    def close(self) -> None:
        self._listener.close()
        self._hang_up()
        for thread in self._threads:
            thread.join(TIMEOUT_S)

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _greet(self, client: socket.socket) -> None:
        self.connections += 1
        thread = threading.Thread(target=self._attend, args=(client,), daemon=True)
        with self._lock:
            self._open.add(client)
        self._threads.append(thread)
        thread.start()

    def _attend(self, client: socket.socket) -> None:
        # OSError: one of the two has closed its connection. That ends the other connection.
        with client, contextlib.suppress(OSError):
            if self._tls is None:
                self._serve(client)
            else:
                with self._tls.wrap_socket(client, server_side=True) as encrypted:
                    self._serve(encrypted)
        with self._lock:
            self._open.discard(client)

    def _serve(self, client: socket.socket) -> None:
        method, target, rest = read_head(client).split(b" ", 2)
        address = target if method == b"CONNECT" else urlsplit(target).netloc
        host, _, port = address.decode().rpartition(":")
        with socket.create_connection((host, int(port)), TIMEOUT_S) as server:
            if method == b"CONNECT":
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                server.sendall(b" ".join([method, urlsplit(target).path, rest]))
            self._relay(client, server)

    def _relay(self, client: socket.socket, server: socket.socket) -> None:
        """Copy in both directions until one side closes or the proxy stops."""
        while True:
            for ready in select.select([client, server], [], [], TIMEOUT_S)[0]:
                data = received(ready)
                if not data:
                    return
                if ready is client:
                    server.sendall(data)
                else:
                    client.sendall(self._within_limit(data))

    def _within_limit(self, data: bytes) -> bytes:
        """Return the part of the data that is below the limit. Raises ConnectionError if none is."""
        with self._lock:
            if self._left is None:
                return data
            data, self._left = data[: self._left], max(0, self._left - len(data))
        if not data:
            self._listener.pause()
            self._hang_up()
            raise ConnectionError("stopped")
        return data

    def _hang_up(self) -> None:
        with self._lock:
            for client in self._open:
                with contextlib.suppress(OSError):
                    client.shutdown(socket.SHUT_RDWR)


def received(connection: socket.socket) -> bytes:
    """Return what has arrived, which has to be something, also what is decrypted already: `select` does not see it."""
    data = connection.recv(BLOCK_BYTES)
    while isinstance(connection, ssl.SSLSocket) and connection.pending():
        data += connection.recv(BLOCK_BYTES)
    return data


def read_head(client: socket.socket) -> bytes:
    """Return all bytes up to the empty line, and possibly some after it."""
    head = b""
    while b"\r\n\r\n" not in head:
        received = client.recv(4096)
        if not received or len(head) > HEAD_LIMIT_BYTES:
            raise ConnectionError("no request")
        head += received
    return head
