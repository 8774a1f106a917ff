"""A server on raw sockets whose responses are scripts, given as data. It can break connections in every way.

server.plays("/file", FileAnswer(content, cut_after=400, then=Then.RESET), FileAnswer(content))
...
assert server.asked_ranges("/file") == [None, "bytes=400-"]
"""

from __future__ import annotations

import contextlib
import enum
import functools
import math
import threading
import time
from http import HTTPStatus
from typing import TYPE_CHECKING

from servers.body import cut_end, ending, pieces
from servers.journal import Recorded
from servers.listener import Listener
from servers.script import Answer, FileAnswer, Framing, NoResponse, Then
from servers.wire import Wire

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Callable

    from servers.body import Body
    from servers.journal import Exchange, Request
    from servers.script import Reply, Scripted
    from typing_extensions import Self

__all__ = ["Answer", "FaultServer", "FileAnswer", "Framing", "Greeting", "NoResponse", "Then"]

NOT_SCRIPTED = Answer(404, body=b"no script for this path\n")


class Greeting(enum.Enum):
    """What happens to a new connection, before TLS."""

    SERVE = enum.auto()
    CLOSE = enum.auto()
    """It is closed once the client has sent something."""
    RESET = enum.auto()
    """The same with a reset. An earlier reset would sometimes reach the client before it has sent its request."""
    HANG = enum.auto()
    """It is accepted, and stays silent."""


END_AFTER = {Greeting.CLOSE: Then.DROP, Greeting.RESET: Then.RESET, Greeting.HANG: Then.STALL}


class FaultServer(Recorded):
    """Listens on a free port of 127.0.0.1 from its construction to `close`. Each connection has a thread."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        super().__init__()
        self._tls = tls
        self._scripts: dict[str, list[Scripted]] = {}
        self._greetings = [Greeting.SERVE]
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._open: set[Wire] = set()
        self._idle: set[Wire] = set()
        self._threads: list[threading.Thread] = []
        self.connections = 0
        """Number of connections accepted so far, with every greeting."""
        self._listener = Listener(self._greet)
        self._listener.open()

    @property
    def port(self) -> int:
        return self._listener.port

    @property
    def host(self) -> str:
        """The host in the URLs of this server. With https it is a name in the certificate."""
        return "localhost" if self._tls else "127.0.0.1"

    def url(self, path: str) -> str:
        return f"{'https' if self._tls else 'http'}://{self.host}:{self.port}{path}"

    def plays(self, path: str, *answers: Scripted) -> None:
        """Play the first answer for the first GET of this path, and so on. The last repeats. A HEAD uses none up."""
        if self._tls is None and any(answer.then in {Then.GARBAGE_TLS, Then.BAD_MAC} for answer in answers):
            raise ValueError("TLS errors need a server with TLS")
        with self._lock:
            self._scripts[path] = list(answers)

    def greets(self, *greetings: Greeting) -> None:
        """Greet the next connections in this way. The last greeting repeats."""
        with self._lock:
            self._greetings = list(greetings)

    def refuse(self, for_s: float = math.inf) -> None:
        """Close the idle connections, and refuse new ones for this time. They are refused when this returns."""
        self._listener.pause()
        with self._lock:
            idle = list(self._idle)
        for wire in idle:
            wire.hang_up()
        if for_s < math.inf:
            self._start(functools.partial(self._reopen_after, for_s))

    def listen_again(self) -> None:
        """Accept connections again, on the same port."""
        self._listener.open()

    def close(self) -> None:
        """Close all connections and wait for the threads."""
        self._closing.set()
        self._listener.close()
        with self._lock:
            wires, threads = list(self._open), list(self._threads)
        for wire in wires:
            wire.hang_up()
        for thread in threads:
            thread.join(5)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, daemon=True)
        with self._lock:
            self._threads = [*(t for t in self._threads if t.is_alive()), thread]
            thread.start()

    def _reopen_after(self, for_s: float) -> None:
        if not self._closing.wait(for_s):
            self._listener.open()

    def _greet(self, accepted: socket.socket) -> None:
        wire = Wire(accepted)
        with self._lock:
            self.connections += 1
            greeting = self._greetings.pop(0) if len(self._greetings) > 1 else self._greetings[0]
            self._open.add(wire)
        self._start(functools.partial(self._attend, wire, greeting))

    def _attend(self, wire: Wire, greeting: Greeting) -> None:
        """Serve one connection until it ends."""
        then = END_AFTER.get(greeting, Then.DROP)
        try:
            # OSError: the client has closed the connection, or rejects our certificate. Tests do both on purpose.
            with contextlib.suppress(OSError):
                if greeting in {Greeting.CLOSE, Greeting.RESET}:
                    wire.wait_for_first_bytes()
                elif greeting is Greeting.SERVE:
                    if self._tls is not None:
                        wire.start_tls(self._tls)
                    then = self._converse(wire)
        finally:
            wire.end(then)
            with self._lock:
                self._open.discard(wire)

    def _converse(self, wire: Wire) -> Then:
        """Respond to requests until a response, or the client, ends the connection."""
        while not self._closing.is_set():
            with self._lock:
                self._idle.add(wire)
            request = wire.read_request()
            with self._lock:
                self._idle.discard(wire)
            if request is None:
                break
            exchange = self.journal.begin(request)
            answer = self._next_answer(request)
            then = Then.KEEP_ALIVE
            try:
                then = self._play(wire, answer, exchange)
            finally:
                if answer.refuse_s:
                    self.refuse(answer.refuse_s)
            if then is not Then.KEEP_ALIVE:
                return then
        return Then.CLOSE

    def _next_answer(self, request: Request) -> Scripted:
        with self._lock:
            script = self._scripts.get(request.path) or self._scripts.get(request.path.partition("?")[0])
            if not script:
                return NOT_SCRIPTED
            return script.pop(0) if len(script) > 1 and request.method != "HEAD" else script[0]

    def _play(self, wire: Wire, answer: Scripted, exchange: Exchange) -> Then:
        """Send one response as the script says, and return what happens to the connection then."""
        if isinstance(answer, NoResponse):
            return answer.then
        self._closing.wait(answer.delay_s)
        reply = answer.reply(exchange.request)
        exchange.status, exchange.first_pos = reply.status, reply.first_pos
        wire.write(encode_head(reply))
        if exchange.request.method == "HEAD":
            return Then.KEEP_ALIVE
        self._send_body(wire, answer, reply.body, exchange)
        return ending(answer, len(reply.body))

    def _send_body(self, wire: Wire, answer: Body, body: bytes, exchange: Exchange) -> None:
        """Send the body at its rate. Only what the client's system has acknowledged counts as sent."""
        start_s, end = time.monotonic(), cut_end(answer, len(body))
        for data, so_far in pieces(answer, body):
            if so_far == end:
                # Before the write: the client may be done, and the test may ask, before this thread runs again.
                self.journal.note_sent(exchange, end)
            wire.write(data)
            if answer.rate is not None:
                self._closing.wait(start_s + so_far / answer.rate - time.monotonic())
            self.journal.note_sent(exchange, so_far - wire.unacknowledged())


def encode_head(reply: Reply) -> bytes:
    """Return the status line and the fields as bytes."""
    try:
        reason = HTTPStatus(reply.status).phrase
    except ValueError:
        reason = "Unknown"
    lines = [f"HTTP/1.1 {reply.status} {reason}", *(f"{name}: {value}" for name, value in reply.fields.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")
