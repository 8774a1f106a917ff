"""The servers of a situation on real sockets of 127.0.0.1, in real time. They send what the simulated ones send."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING

from never_worse.connection import Connection
from never_worse.server import LINK_HOST, LOGIN_HOST, OTHER_HOST, Request
from servers.listener import Listener
from servers.script import Then
from servers.wire import Wire

if TYPE_CHECKING:
    import socket

    from never_worse.connection import EndHow, Event
    from never_worse.world import World
    from servers.certificates import Certificates
    from servers.journal import Request as WireRequest

THEN: dict[EndHow, Then] = {
    "close": Then.CLOSE,
    "reset": Then.RESET,
    "tls record": Then.BAD_MAC,
    "tls eof": Then.DROP,
    "silence": Then.STALL,
}
POLL_S = 0.02


class RealServer:
    """Plays a world until it is closed. The certificate is for `localhost` (the link's host) and for 127.0.0.1."""

    def __init__(self, world: World, certificates: Certificates) -> None:
        self.world = world
        self._certificates = certificates
        self._begun_s = time.monotonic()
        self._lock = threading.Lock()
        self._open: set[Wire] = set()
        self._closing = threading.Event()
        self.body_bytes = 0
        self._listeners = {
            "https": Listener(lambda accepted: self._start(accepted, "https")),
            "http": Listener(lambda accepted: self._start(accepted, "http")),
        }
        for listener in self._listeners.values():
            listener.open()
        self._watch = threading.Thread(target=self._watch_outages, daemon=True)
        self._watch.start()

    @property
    def now_s(self) -> float:
        return time.monotonic() - self._begun_s

    def url(self, path: str, *, host: str = "localhost", scheme: str = "") -> str:
        scheme = scheme or self.world.situation.scheme
        return f"{scheme}://{host}:{self._listeners[scheme].port}{path}"

    def close(self) -> None:
        self._closing.set()
        self._watch.join()
        for listener in self._listeners.values():
            listener.close()
        self._hang_up()

    def _hang_up(self) -> None:
        with self._lock:
            wires = list(self._open)
        for wire in wires:
            wire.hang_up()

    def _watch_outages(self) -> None:
        """Close the listening sockets while connections are refused."""
        while not self._closing.wait(POLL_S):
            outages = [each for each in self.world.situation.outages if each.how == "refused"]
            is_refusing = any(self.world.is_active(each, self.now_s) for each in outages)
            for listener in self._listeners.values():
                if is_refusing:
                    listener.close()
                else:
                    listener.open()
            if is_refusing:
                self._hang_up()

    def _start(self, accepted: socket.socket, scheme: str) -> None:
        threading.Thread(target=self._attend, args=(Wire(accepted), scheme), daemon=True).start()

    def _attend(self, wire: Wire, scheme: str) -> None:
        end: EndHow = "tls eof"
        with self._lock:
            self._open.add(wire)
        try:
            with contextlib.suppress(OSError):  # The client has gone.
                if scheme == "https":
                    wire.start_tls(self._certificates.server_context())
                end = self._converse(wire, scheme)
        finally:
            wire.end(THEN[end])
            with self._lock:
                self._open.discard(wire)

    def _converse(self, wire: Wire, scheme: str) -> EndHow:
        connection = Connection(self.world, scheme, self.now_s)
        while not self._closing.is_set():
            request = wire.read_request()
            if request is None:
                return "close"
            events = connection.events(self._seen_as(request, scheme), self.now_s)
            while True:
                with self._lock:
                    event = next(events, None)
                if event is None:
                    break
                self._send(wire, event)
                if event.end:
                    return event.end
        return "close"

    def _send(self, wire: Wire, event: Event) -> None:
        self._closing.wait(max(0.0, event.at_s - self.now_s))
        data = event.data
        if b"\r\nLocation: " in data:
            data = self._with_real_hosts(data)
        wire.write(data)
        with self._lock:
            self.body_bytes += event.body_bytes

    def _seen_as(self, request: WireRequest, scheme: str) -> Request:
        """Return the request with the host that it has in the situation."""
        host = OTHER_HOST if request.fields.get("host", "").startswith("127.0.0.1") else LINK_HOST
        return Request(LOGIN_HOST if request.path == "/login" else host, request.path, request.fields, scheme)

    def _with_real_hosts(self, head: bytes) -> bytes:
        login = self.url("/login", host="127.0.0.1", scheme="https")
        named = {f"https://{LOGIN_HOST}/": login}
        for scheme in ("https", "http"):
            named[f"{scheme}://{LINK_HOST}"] = self.url("", scheme=scheme)
            named[f"{scheme}://{OTHER_HOST}"] = self.url("", host="127.0.0.1", scheme=scheme)
        for simulated, real in named.items():
            head = head.replace(simulated.encode(), real.encode())
        return head
