"""A simulated clock and network, put below pip's copy of urllib3. Everything above it is pip's real code.

`install` changes this process for good: it is called in a process that is forked for one run of pip.
"""

from __future__ import annotations

import errno
import io
import random
import select
import socket
import ssl
import time
from typing import TYPE_CHECKING, Any, Callable

from never_worse.clock import Clock, Endless
from never_worse.connection import Connection, Event
from never_worse.server import Request

if TYPE_CHECKING:
    from collections.abc import Iterator

    from never_worse.situation import Outage
    from never_worse.world import World

CONNECT_S = 0.05
TLS_S = 0.05
FAILED_CONNECT_S = 0.01
MONOTONIC_START_S = 1000.0
MOST_REQUESTS = 15_000


class FakeSocket:
    """The client's side of one connection: what a socket does, on the simulated clock."""

    def __init__(self, network: Network, host: str, connection: Connection, timeout_s: float | None) -> None:
        self._network = network
        self._clock = network.clock
        self._host = host
        self._scheme = "http"
        self._connection = connection
        self._timeout_s = timeout_s
        self._request = b""
        self._events: Iterator[Event] | None = None
        self._pending: Event | None = None
        self._received = b""
        self._ended = ""
        self._io_refs = 0
        self._is_closed = False

    def start_tls(self) -> None:
        self._scheme = "https"

    def settimeout(self, timeout_s: float | None) -> None:
        self._timeout_s = timeout_s

    def gettimeout(self) -> float | None:
        return self._timeout_s

    def getsockname(self) -> tuple[str, int]:
        return ("127.0.0.1", 1)

    def setsockopt(self, *_: object) -> None: ...

    def getpeercert(self, *_: object, **__: object) -> dict[str, Any]:
        return {"subjectAltName": (("DNS", self._host),)}

    def version(self) -> str:
        return "TLSv1.3"

    def selected_alpn_protocol(self) -> None:
        return None

    def getpeername(self) -> tuple[str, int]:
        return self._host, 443 if self._scheme == "https" else 80

    def pending(self) -> int:
        return len(self._received)

    def fileno(self) -> int:
        return -1

    def shutdown(self, _how: int) -> None: ...

    def makefile(self, _mode: str = "rb", *_: object, **__: object) -> io.BufferedReader:
        """Make what the real socket makes, so that pip's http.client buffers and times out as it does there."""
        this: Any = self
        self._io_refs += 1
        return io.BufferedReader(socket.SocketIO(this, "r"))

    def close(self) -> None:
        self._is_closed = True

    def detach(self) -> int:
        self.close()
        return -1

    def _decref_socketios(self) -> None:
        self._io_refs -= 1

    def sendall(self, data: bytes) -> None:
        """Take a request. It is complete with its empty line: only GET and HEAD are sent."""
        if self._ended == "reset" or self._connection.has_died_idle(self._clock.now_s):
            self._ended = "reset"
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")
        self._request += bytes(data)
        if self._request.endswith(b"\r\n\r\n"):
            request, self._request = _parse(self._request, self._host, self._scheme), b""
            self._network.count_request()
            self._events = self._connection.events(request, self._clock.now_s)

    def recv(self, size: int, _flags: int = 0) -> bytes:
        buffer = bytearray(size)
        return bytes(buffer[: self.recv_into(buffer)])

    def recv_into(self, buffer: Any, nbytes: int = 0, _flags: int = 0) -> int:
        """Wait until something has arrived, and give up to that many bytes of it."""
        if not self._received and not self._ended:
            self._wait_for_event()
        if not self._received:
            return self._raise_end()
        size = min(nbytes or len(buffer), len(buffer), len(self._received))
        buffer[:size] = self._received[:size]
        self._received = self._received[size:]
        return size

    def is_readable(self) -> bool:
        """Whether a read would not wait: for urllib3, the sign of a connection that cannot be used again."""
        if self._received or self._ended:
            return True
        event = self._next_event()
        if event is None:
            return self._connection.has_died_idle(self._clock.now_s)
        return event.at_s <= self._clock.now_s

    def wait_readable(self, wait_s: float) -> bool:
        """Wait for up to that long until a read would not wait."""
        if self._received or self._ended:
            return True
        event = self._next_event()
        until_s = self._clock.now_s + wait_s
        if event is None or event.end in ("silence", "sleep") or event.at_s > until_s:
            self._clock.sleep(wait_s)
            return False
        self._clock.advance_to(event.at_s)
        return True

    def _next_event(self) -> Event | None:
        if self._pending is None and self._events is not None:
            self._pending = next(self._events, None)
        return self._pending

    def _wait_for_event(self) -> None:
        event = self._next_event()
        due_s = float("inf") if event is None or event.end == "silence" else event.at_s
        is_asleep = event is not None and event.end == "sleep"
        if self._timeout_s is not None and due_s > self._clock.now_s + self._timeout_s and not is_asleep:
            self._time_out()
        if event is None or due_s == float("inf"):
            raise Endless("a read without a timeout")
        self._pending = None
        self._clock.advance_to(event.at_s)
        if event.end == "sleep":
            self._pending = Event(event.at_s, end="silence")
            self._time_out()
        self._received, self._ended = event.data, event.end
        self._network.count_body(event)
        self._network.stop_if_due()

    def _time_out(self) -> None:
        assert self._timeout_s is not None
        self._clock.sleep(self._timeout_s)
        raise socket.timeout("The read operation timed out")

    def _raise_end(self) -> int:
        """Do what a read does at the end of a connection: 0 for an orderly one, else an error."""
        if self._ended == "reset":
            raise ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")
        if self._ended == "tls record":
            error = ssl.SSLError(ssl.SSL_ERROR_SSL, "[SSL: DECRYPTION_FAILED_OR_BAD_RECORD_MAC] decryption failed")
            error.reason = "DECRYPTION_FAILED_OR_BAD_RECORD_MAC"
            raise error
        if self._ended == "tls eof":
            raise ssl.SSLEOFError(ssl.SSL_ERROR_EOF, "EOF occurred in violation of protocol (_ssl.c:2406)")
        return 0


def _parse(data: bytes, host: str, scheme: str) -> Request:
    lines = data.decode("latin-1").split("\r\n")
    target = lines[0].split(" ")[1]
    pairs = (line.split(": ", 1) for line in lines[1:] if ": " in line)
    return Request(host, target, {name.lower(): value for name, value in pairs}, scheme)


class Network:
    """Makes connections, and ends the run where the situation says so."""

    def __init__(self, world: World, kill: Callable[[], None]) -> None:
        """`kill` ends this process. It does not return."""
        self.world = world
        self.clock = Clock(world)
        self._kill = kill
        self._arrived = 0
        self._requests = 0

    def count_request(self) -> None:
        self._requests += 1
        if self._requests > MOST_REQUESTS:
            raise Endless("too many requests")

    def count_body(self, event: Event) -> None:
        self.world.state.body_bytes += event.body_bytes
        self._arrived = max(self._arrived, event.position)

    def stop_if_due(self) -> None:
        """End the run if so much of the file has arrived now for the first time."""
        used = self.world.state.used
        for stop in self.world.situation.user.stops:
            is_due = self._arrived >= max(1, int(stop.share * self.world.size))
            if is_due and stop.name not in used:
                used.add(stop.name)
                if stop.how == "kill":
                    self._kill()
                raise KeyboardInterrupt

    def create_connection(self, address: tuple[str, int], timeout: Any = None, *_: object, **__: object) -> FakeSocket:
        """Stand in for urllib3's function of this name."""
        self._sleep_if_asleep()
        timeout_s = timeout if isinstance(timeout, (int, float)) else None
        outage = self._outage()
        if outage is not None:
            self._fail(outage, timeout_s)
        self.clock.sleep(CONNECT_S)
        connection = Connection(self.world, "https" if address[1] == 443 else "http", self.clock.now_s)
        return FakeSocket(self, address[0], connection, timeout_s)

    def wrap(self, sock: FakeSocket, *_: object, **__: object) -> FakeSocket:
        """Stand in for urllib3's ssl_wrap_socket."""
        outage = self._outage("certificate")
        self.clock.sleep(TLS_S)
        if outage is not None:
            error = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed")
            error.reason = "CERTIFICATE_VERIFY_FAILED"
            error.verify_code, error.verify_message = 18, "self-signed certificate"
            raise error
        sock.start_tls()
        return sock

    def _outage(self, *how: str) -> Outage | None:
        wanted = how or ("refused", "unreachable", "dns", "silence")
        outages = (each for each in self.world.situation.outages if each.how in wanted)
        return next((each for each in outages if self.world.is_active(each, self.clock.now_s)), None)

    def _fail(self, outage: Outage, timeout_s: float | None) -> None:
        """Raise what connecting raises during an outage; return if the outage ends before the timeout."""
        if outage.how == "silence":
            end_s = self.world.end_of(outage) + CONNECT_S
            if timeout_s is None or end_s < self.clock.now_s + timeout_s:
                self.clock.advance_to(end_s)
                return
            self.clock.sleep(timeout_s)
            raise socket.timeout("timed out")
        self.clock.sleep(FAILED_CONNECT_S)
        if outage.how == "dns":
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        if outage.how == "unreachable":
            raise OSError(errno.ENETUNREACH, "Network is unreachable")
        raise ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")

    def _sleep_if_asleep(self) -> None:
        for sleep in self.world.situation.sleeps:
            if self.world.is_active(sleep, self.clock.now_s):
                self.clock.advance_to(self.world.end_of(sleep))


class FakePoll:
    """What select.poll gives, for one simulated socket."""

    def __init__(self) -> None:
        self._socket: FakeSocket | None = None

    def register(self, registered: FakeSocket, _events: int) -> None:
        self._socket = registered

    def poll(self, wait_ms: float) -> list[int]:
        assert self._socket is not None
        return [1] if self._socket.wait_readable(wait_ms / 1000) else []


def install(network: Network, seed: str) -> None:
    """Put the clock and the network in the place of the real ones. `seed` makes chance repeatable."""
    from pip._vendor.urllib3 import connection
    from pip._vendor.urllib3.util import connection as util_connection
    from pip._vendor.urllib3.util import wait

    world, clock = network.world, network.clock
    patched: Any = time
    patched.sleep = clock.sleep
    patched.time = lambda: world.epoch_s + clock.now_s
    patched.monotonic = lambda: MONOTONIC_START_S + clock.now_s
    patched.perf_counter = patched.monotonic
    patched.time_ns = lambda: int(patched.time() * 1e9)
    patched.monotonic_ns = patched.perf_counter_ns = lambda: int(patched.monotonic() * 1e9)
    chance: Any = random
    chance.random = random.Random(seed).random
    connections: Any = util_connection
    connections.create_connection = network.create_connection
    classes: Any = connection
    classes.ssl_wrap_socket = network.wrap
    selecting: Any = select
    selecting.poll = FakePoll
    waits: Any = wait
    waits.wait_for_socket = _wait_for_socket


def _wait_for_socket(sock: FakeSocket, *_: object, **__: object) -> bool:
    return sock.is_readable()
