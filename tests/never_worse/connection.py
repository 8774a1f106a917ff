"""One connection as the server sees it: which bytes go out at what time, and how it ends. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from never_worse.content import ERROR_PAGE
from never_worse.server import reply_to
from never_worse.world import RequestLine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from never_worse.server import Reply, Request
    from never_worse.situation import Cut
    from never_worse.world import World

LATENCY_S = 0.05
"""From a request to its response."""
RETRANSMIT_S = 0.5
"""From the end of a silence to the first byte after it."""
IDLE_S = 60.0
"""After so many seconds without a request the server closes a connection."""
PIECE_S, MOST_PIECE_BYTES = 0.2, 16 * 1024
"""A piece is what arrives in this time, one TLS record at most."""
_WRONG_LENGTH_BY = {"length too long": 100, "length too short": -100}
_CHUNKED = ("chunked", "unfinished chunks")

EndHow = Literal["", "close", "reset", "tls record", "tls eof", "silence", "sleep"]


class Event(NamedTuple):
    """Something that reaches the client."""

    at_s: float
    data: bytes = b""
    body_bytes: int = 0
    """How many bytes of `data` belong to a body."""
    position: int = 0
    """The end of these bytes in the file. Exclusive. 0 if they are not the file's."""
    end: EndHow = ""
    """How the connection ends; empty if it goes on. `sleep`: the computer sleeps until `at_s`, then silence."""


class Connection:
    """The server's side of one connection."""

    def __init__(self, world: World, scheme: str, born_s: float) -> None:
        self._world = world
        self._scheme = scheme
        self.born_s = born_s
        self._idle_since_s = born_s
        self._sent_bodies = 0

    def has_died_idle(self, at_s: float) -> bool:
        """Whether the client can see that a connection without a request is dead."""
        return at_s - self._idle_since_s > IDLE_S or self._struck(at_s) == "reset"

    def events(self, request: Request, at_s: float) -> Iterator[Event]:
        """Yield what reaches the client after a request. The state of the world changes with each event."""
        state = self._world.state
        now_s = at_s + LATENCY_S
        struck = self._interruption(now_s)
        if struck.end:
            state.requests.append(RequestLine(at_s, request.path, request.first_pos, 0))
            yield struck
            return
        now_s = struck.at_s
        reply = reply_to(self._world, request, now_s)
        state.requests.append(RequestLine(at_s, request.path, request.first_pos, reply.status))
        if reply.end:
            yield Event(now_s, end=reply.end)
            return
        yield Event(now_s, _head(reply))
        yield from self._body(reply, now_s)

    def _body(self, reply: Reply, now_s: float) -> Iterator[Event]:
        start = 0
        while start < len(reply.body):
            struck = self._interruption(now_s)
            if struck.end:
                self._world.state.breaks += 1
                yield struck
                return
            now_s = struck.at_s
            end = self._end_of_piece(reply, start, now_s)
            now_s += (end - start) / self._bytes_per_s(now_s)
            self._sent_bodies += end - start
            position = 0 if reply.first_pos is None else reply.first_pos + end
            if position:
                self._world.sent(position, now_s)
            yield Event(now_s, _framed(reply, reply.body[start:end]), end - start, position)
            cut = self._cut(position, now_s)
            if cut is not None:
                yield from self._break(cut, reply, now_s)
                return
            start = end
        if reply.framing == "chunked" and _has_body(reply):
            yield Event(now_s, b"0\r\n\r\n")
        if reply.framing in ("close", "unfinished chunks", "length too long") and _has_body(reply):
            yield Event(now_s, end="close")
        self._idle_since_s = now_s

    def _end_of_piece(self, reply: Reply, start: int, now_s: float) -> int:
        """Return where the next piece of a body ends: before everything that may happen at a position."""
        ends = [start + max(1, min(int(self._bytes_per_s(now_s) * PIECE_S), MOST_PIECE_BYTES)), len(reply.body)]
        for cut in self._world.situation.cuts:
            if cut.every and now_s < cut.until_s:
                ends.append(start + max(1, cut.every - self._sent_bodies))
        if reply.first_pos is not None:
            here = reply.first_pos + start
            positions = [self._world.next_threshold(here), *map(self._position_of, self._world.situation.cuts)]
            ends += [start + position - here for position in positions if position is not None and position > here]
        return min(ends)

    def _bytes_per_s(self, now_s: float) -> float:
        rates = [self._world.situation.bytes_per_s]
        for slow in self._world.situation.slow:
            begin_s = self._world.begin_of(slow.begins)
            is_spared = slow.only_open and (begin_s is None or self.born_s > begin_s)
            if self._world.is_active(slow, now_s) and not is_spared:
                rates.append(slow.bytes_per_s)
        return min(rates)

    def _position_of(self, cut: Cut) -> int | None:
        """Return where a cut happens that has not happened yet; None if it has, or if it has no place."""
        if cut.at is None or cut.name in self._world.state.used:
            return None
        return max(1, int(cut.at * self._world.size))

    def _cut(self, position: int, now_s: float) -> Cut | None:
        """Return the cut that happens after this position, if there is one."""
        for cut in self._world.situation.cuts:
            if position and self._position_of(cut) == position:
                self._world.state.used.add(cut.name)
                return cut
            if cut.every and self._sent_bodies >= cut.every and now_s < cut.until_s:
                return cut
        return None

    def _break(self, cut: Cut, reply: Reply, now_s: float) -> Iterator[Event]:
        self._world.state.breaks += 1
        if cut.how == "error page":
            yield Event(now_s, _framed(reply, ERROR_PAGE), len(ERROR_PAGE))
            yield Event(now_s, end="close")
        elif cut.how in ("tls record", "tls eof") and self._scheme == "http":
            yield Event(now_s, end="reset")
        else:
            yield Event(now_s, end=cut.how)

    def _interruption(self, now_s: float) -> Event:
        """Return what an outage or a sleep does to this connection: an end, or the time at which it goes on."""
        world = self._world
        for sleep in world.situation.sleeps:
            begin_s = world.begin_of(sleep.begins)
            if begin_s is not None and self.born_s <= begin_s <= now_s:
                return Event(max(now_s, world.end_of(sleep)), end="sleep")
        struck = self._struck(now_s)
        if struck == "reset":
            return Event(now_s, end="reset")
        silent = [outage for outage in world.situation.outages if outage.how in ("silence", "unreachable")]
        ends_s = [world.end_of(outage) + RETRANSMIT_S for outage in silent if world.is_active(outage, now_s)]
        return Event(max([now_s, *ends_s]))

    def _struck(self, now_s: float) -> str:
        """Return `reset` if an outage has ended this connection."""
        for outage in self._world.situation.outages:
            begin_s = self._world.begin_of(outage.begins)
            if outage.how in ("refused", "certificate") and begin_s is not None and self.born_s <= begin_s <= now_s:
                return "reset"
        return ""


def _has_body(reply: Reply) -> bool:
    return reply.status not in (204, 304) and not 100 <= reply.status < 200


def _head(reply: Reply) -> bytes:
    lines = [f"HTTP/1.1 {reply.status} Status"]
    lines += [f"{name}: {value}" for name, value in reply.fields.items()]
    if reply.framing in _CHUNKED and _has_body(reply):
        lines.append("Transfer-Encoding: chunked")
    elif reply.framing == "close":
        lines.append("Connection: close")
    elif _has_body(reply):
        lines.append(f"Content-Length: {max(0, len(reply.body) + _WRONG_LENGTH_BY.get(reply.framing, 0))}")
    interim = f"HTTP/1.1 {reply.interim} Interim\r\n\r\n" if reply.interim else ""
    return (interim + "\r\n".join(lines) + "\r\n\r\n").encode()


def _framed(reply: Reply, data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data) if reply.framing in _CHUNKED else data
