"""How a body is read from its connection: real sockets, http.client and pip's urllib3, with TLS and without."""

from __future__ import annotations

import contextlib
import http.client
import random
import socket
import ssl
import struct
import threading
import time
from typing import TYPE_CHECKING

import pytest
from pip._vendor.urllib3 import HTTPResponse
from pip._vendor.urllib3.util.ssltransport import SSLTransport
from servers.certificates import issue_certificates

from pip_resume.inside_pip.body import MORE_S, Body
from pip_resume.inside_pip.failures import is_of_the_network

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

TIMEOUT_S = 5.0
SIZE = 256 * 1024
CONTENT = random.Random(1).randbytes(700_001)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
NEXT_RESPONSE = b"HTTP/1.1 204 No Content\r\n\r\n"


class Connection:
    """Both ends of one connection on this machine, and a body that is read from it."""

    def __init__(self, contexts: tuple[ssl.SSLContext, ssl.SSLContext] | None) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.client: Any = socket.create_connection(listener.getsockname())
            self.server: Any = listener.accept()[0]
        self._raw: Any = None
        for end in (self.client, self.server):
            end.settimeout(TIMEOUT_S)
            # All that a test sends fits, so that one thread is enough.
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * 1024 * 1024)
            end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)
        if contexts is not None:
            self._encrypt(*contexts)

    def _encrypt(self, of_server: ssl.SSLContext, of_client: ssl.SSLContext) -> None:
        self.server = of_server.wrap_socket(self.server, server_side=True, do_handshake_on_connect=False)
        self.client = of_client.wrap_socket(self.client, server_hostname="localhost", do_handshake_on_connect=False)
        waiting = [self.client, self.server]
        while waiting:
            end = waiting.pop(0)
            end.settimeout(0.05)
            try:
                end.do_handshake()
            except (socket.timeout, ssl.SSLWantReadError):
                waiting.append(end)
            end.settimeout(TIMEOUT_S)

    def body(self, head: bytes) -> tuple[Body, Any]:
        """Send a head, and return the body of the response that begins with it."""
        self.server.sendall(head)
        response = http.client.HTTPResponse(self.client, method="GET")
        response.begin()
        raw = HTTPResponse(
            response,  # type: ignore[arg-type, unused-ignore]
            headers=dict(response.headers),
            preload_content=False,
            decode_content=False,
        )
        self._raw = raw
        return Body(raw), raw

    def reset(self) -> None:
        """Close the server's end with a TCP reset."""
        with socket.socket(fileno=self.server.detach()) as bare:
            bare.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def close(self) -> None:
        for end in (self._raw, self._raw._fp, self.client, self.server):
            with contextlib.suppress(OSError):
                end.close()


@pytest.fixture(scope="module")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    files = issue_certificates(tmp_path_factory.mktemp("certificates"))
    of_server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    of_server.load_cert_chain(files.server_chain, files.server_key)
    return of_server, ssl.create_default_context(cafile=str(files.ca_file))


@pytest.fixture(params=["http", "https"])
def connection(request: pytest.FixtureRequest, contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> Iterator[Connection]:
    connection = Connection(contexts if request.param == "https" else None)
    try:
        yield connection
    finally:
        connection.close()


def read_all(body: Body) -> list[bytes]:
    """Return what each read has returned, up to the end of the body."""
    blocks = []
    while block := body.read(SIZE):
        blocks.append(bytes(block))
    return blocks


def test_one_read_returns_all_that_has_arrived(connection: Connection) -> None:
    body, _ = connection.body(HEAD % len(CONTENT))
    connection.server.sendall(CONTENT)

    blocks = read_all(body)

    assert b"".join(blocks) == CONTENT
    # Three full blocks would be 786432 bytes; the last byte may come alone.
    assert len(blocks) <= 6


def test_the_next_response_on_the_connection_is_not_read(connection: Connection) -> None:
    body, raw = connection.body(HEAD % len(CONTENT))
    connection.server.sendall(CONTENT + NEXT_RESPONSE)

    assert b"".join(read_all(body)) == CONTENT
    assert raw._fp.isclosed()
    following = http.client.HTTPResponse(connection.client, method="GET")
    following.begin()
    assert following.status == 204


@pytest.mark.parametrize("length", [1, 2, SIZE - 1, SIZE, SIZE + 1])
def test_a_body_of_any_length_is_read_to_its_end(connection: Connection, length: int) -> None:
    body, raw = connection.body(HEAD % length)
    connection.server.sendall(CONTENT[:length] + NEXT_RESPONSE)

    assert b"".join(read_all(body)) == CONTENT[:length]
    assert raw._fp.isclosed()


def test_a_read_waits_for_a_first_byte_but_not_for_the_rest_of_a_block(connection: Connection) -> None:
    body, _ = connection.body(HEAD % len(CONTENT))
    connection.server.sendall(CONTENT[:1000])
    begun_s = time.monotonic()

    assert body.read(SIZE) == CONTENT[:1000]
    assert time.monotonic() - begun_s < TIMEOUT_S / 2
    assert not body.has_more(MORE_S)
    # The connection has the timeout that pip has given it.
    assert connection.client.gettimeout() == TIMEOUT_S
    connection.server.sendall(CONTENT[1000:3000])
    assert body.has_more(TIMEOUT_S)
    assert body.read(SIZE) == CONTENT[1000:3000]


def test_a_body_without_a_length_is_read_to_the_end_of_the_connection(connection: Connection) -> None:
    body, _ = connection.body(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
    connection.server.sendall(CONTENT)
    connection.server.close()

    assert b"".join(read_all(body)) == CONTENT
    assert body.read(SIZE) == b""


def test_all_bytes_before_an_early_end_are_returned(connection: Connection) -> None:
    body, _ = connection.body(HEAD % len(CONTENT))
    connection.server.sendall(CONTENT[:500_000])
    connection.server.close()
    blocks = []

    with contextlib.suppress(Exception):  # urllib3 2 raises an error at an early end, 1.26 does not.
        while block := body.read(SIZE):
            blocks.append(bytes(block))

    assert b"".join(blocks) == CONTENT[:500_000]


def test_an_error_after_bytes_is_raised_by_the_read_that_follows_them(connection: Connection) -> None:
    body, _ = connection.body(HEAD % len(CONTENT))
    received: list[bytes] = []
    connection.server.sendall(CONTENT[:200_000])
    received.append(bytes(body.read(SIZE)))
    connection.server.sendall(CONTENT[200_000:200_100])
    received.append(bytes(body.read(SIZE)))
    connection.reset()

    with pytest.raises(Exception) as caught:  # noqa: PT011 - the class depends on urllib3.
        body.read(SIZE)

    assert b"".join(received) == CONTENT[:200_100]
    assert is_of_the_network(caught.value)


def test_an_error_in_the_middle_of_a_block_comes_after_the_bytes_before_it() -> None:
    """A socket that fails at a certain byte: a real reset discards bytes that have arrived."""
    connection = Connection(None)
    try:
        body, _ = connection.body(HEAD % len(CONTENT))
        connection.server.sendall(CONTENT[:1000])
        failing = FailingSocket(connection.client, CONTENT[1000:1500])
        body._socket = failing

        assert body.read(SIZE) == CONTENT[:1000]
        connection.server.sendall(CONTENT[1000:1500])
        assert body.read(SIZE) == CONTENT[1000:1500]
        assert body.has_more(0)
        for _ in range(2):
            with pytest.raises(ConnectionResetError):
                body.read(SIZE)
    finally:
        connection.close()


def test_a_tls_connection_through_a_tls_proxy_is_read_by_http_client_alone(connection: Connection) -> None:
    """urllib3 buffers bytes there that no descriptor shows: to wait for them would end in a timeout."""
    body, raw = connection.body(HEAD % 10)
    assert body._socket is not None
    raw._fp.fp.raw._sock, connected = object.__new__(SSLTransport), raw._fp.fp.raw._sock

    assert Body(raw)._socket is None

    raw._fp.fp.raw._sock = connected


def test_bytes_that_trickle_are_returned_in_time(connection: Connection) -> None:
    body, _ = connection.body(HEAD % len(CONTENT))
    connection.server.sendall(b"a")
    assert body.read(SIZE) == b"a"
    has_ended = threading.Event()

    def trickle() -> None:
        while not has_ended.wait(0.001):
            connection.server.sendall(b"b")

    thread = threading.Thread(target=trickle)
    thread.start()
    try:
        begun_s = time.monotonic()
        block = body.read(SIZE)
        assert 0 < len(block) < SIZE
        assert time.monotonic() - begun_s < 1.0
    finally:
        has_ended.set()
        thread.join()


class FailingSocket:
    """A connected socket that gives some bytes, and then a reset."""

    def __init__(self, connected: socket.socket, rest: bytes) -> None:
        self._connected = connected
        self._rest = rest

    def fileno(self) -> int:
        return self._connected.fileno()

    def gettimeout(self) -> float | None:
        return self._connected.gettimeout()

    def settimeout(self, timeout_s: float | None) -> None:
        self._connected.settimeout(timeout_s)

    def recv_into(self, buffer: memoryview) -> int:
        if not self._rest:
            raise ConnectionResetError(104, "reset")
        number = len(self._rest)
        buffer[:number], self._rest = self._rest, b""
        return number
