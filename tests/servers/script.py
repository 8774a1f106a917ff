"""The script of a fault server, as data: an answer is one step of it, and its reply is the response. No I/O."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import TYPE_CHECKING, Union

if TYPE_CHECKING:
    from collections.abc import Mapping

    from servers.journal import Request


class Then(enum.Enum):
    """What happens to the connection after the part of the body that the script sends."""

    KEEP_ALIVE = enum.auto()
    CLOSE = enum.auto()
    """TLS close_notify, then FIN."""
    DROP = enum.auto()
    """FIN without close_notify: an end of file for some versions of Python, an SSL error for others."""
    RESET = enum.auto()
    STALL = enum.auto()
    """The connection stays open and silent until the client closes it."""
    GARBAGE_TLS = enum.auto()
    """Bytes that are not a TLS record."""
    BAD_MAC = enum.auto()
    """A TLS record of random bytes: its MAC is wrong."""


class Framing(enum.Enum):
    """How the client finds the end of the body (RFC 9112 section 6.3)."""

    LENGTH = enum.auto()
    CHUNKED = enum.auto()
    UNFINISHED_CHUNKS = enum.auto()
    """All data, but no last chunk."""
    BROKEN_CHUNKS = enum.auto()
    """After the data comes a chunk size that is not a number."""
    UNTIL_CLOSE = enum.auto()


@dataclass(frozen=True)
class Reply:
    """The status, the fields and the complete body of a response, before it is cut."""

    status: int
    fields: Mapping[str, str]
    body: bytes
    first_pos: int = 0


@dataclass(frozen=True)
class Answer:
    """A literal response.

    `cut_after`: the number of bytes of the body that are sent. A body that is not longer is not cut, and `then` is
    ignored. `rate`: bytes per second. `piece`: bytes per write. `delay_s`: seconds before the response. `refuse_s`:
    seconds after it in which the server refuses connections.
    """

    status: int = 200
    fields: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    cut_after: int | None = None
    then: Then = Then.KEEP_ALIVE
    framing: Framing = Framing.LENGTH
    rate: int | None = None
    piece: int = 16384
    delay_s: float = 0.0
    refuse_s: float = 0.0

    def __post_init__(self) -> None:
        require_end_of_cut_body(self)

    def reply(self, request: Request) -> Reply:  # noqa: ARG002
        """Return the same reply to every request."""
        fields = with_defaults(self.fields, self.framing, len(self.body))
        named = re.match(r"bytes (\d+)-", fields.get("Content-Range", ""))
        return Reply(self.status, fields, self.body, int(named[1]) if named else 0)


@dataclass(frozen=True)
class FileAnswer:
    """A file, served according to Range, If-Range, If-None-Match and If-Modified-Since.

    It can deviate from the RFC. `fields` replace those of a 200 or a 206: None removes a field, and {first}, {last},
    {length} and {complete} in a value are filled in. `shift` is added to the requested first-pos. `flips` are the
    positions in the file of bytes that are sent wrong. `partial_status` replaces 206. `multipart` wraps the range.
    The other values are those of `Answer`.
    """

    content: bytes
    etag: str | None = None
    last_modified: str | None = None
    fields: Mapping[str, str | None] = field(default_factory=dict)
    ranges: bool = True
    shift: int = 0
    flips: tuple[int, ...] = ()
    partial_status: int = 206
    multipart: bool = False
    cut_after: int | None = None
    then: Then = Then.KEEP_ALIVE
    framing: Framing = Framing.LENGTH
    rate: int | None = None
    piece: int = 4096
    delay_s: float = 0.0
    refuse_s: float = 0.0

    def __post_init__(self) -> None:
        require_end_of_cut_body(self)

    def reply(self, request: Request) -> Reply:
        """Return the reply to a request.

        RFC 9110 section 13.2.2: If-None-Match comes before If-Modified-Since, then If-Range, then Range.
        """
        if self._is_not_modified(request):
            return Reply(304, with_defaults(self._validators(), Framing.LENGTH, 0), b"")
        wanted = self._wanted(request)
        complete = len(self.content)
        if wanted is None:
            return self._reply_with(200, range(complete))
        if wanted.start >= complete:
            unsatisfied = {"Content-Range": f"bytes */{complete}"}
            return Reply(416, with_defaults(unsatisfied, Framing.LENGTH, 0), b"", complete)
        first = max(0, wanted.start + self.shift)
        return self._reply_with(self.partial_status, range(first, max(first + 1, min(wanted.stop, complete))))

    def _wanted(self, request: Request) -> range | None:
        """Return the positions to send, which may start after the end of the file; None for the complete file."""
        condition = request.fields.get("if-range")
        if not self.ranges or (condition is not None and condition not in self._strong_validators()):
            return None
        complete = len(self.content)
        requested = re.fullmatch(r"bytes=(\d*)-(\d*)", request.fields.get("range", ""))
        if not requested or requested[0] == "bytes=-":
            return None
        if not requested[1]:
            return range(max(0, complete - int(requested[2])), complete)
        return range(int(requested[1]), int(requested[2]) + 1 if requested[2] else complete)

    def _strong_validators(self) -> set[str]:
        """Return what If-Range may contain. A weak ETag never matches (RFC 9110 section 13.1.5)."""
        strong = {self.etag} if self.etag and not self.etag.startswith("W/") else set()
        return strong | ({self.last_modified} if self.last_modified else set())

    def _is_not_modified(self, request: Request) -> bool:
        etags = request.fields.get("if-none-match")
        if etags is not None:
            return self.etag is not None and self.etag in etags
        return self.last_modified is not None and request.fields.get("if-modified-since") == self.last_modified

    def _validators(self) -> dict[str, str]:
        pairs = {"ETag": self.etag, "Last-Modified": self.last_modified}
        return {name: value for name, value in pairs.items() if value is not None}

    def _reply_with(self, status: int, span: range) -> Reply:
        complete = len(self.content)
        body = bytearray(self.content[span.start : span.stop])
        for position in self.flips:
            if position in span:
                body[position - span.start] ^= 0xFF
        named = {"first": span.start, "last": span.stop - 1, "length": len(body), "complete": complete}
        fields = {"Content-Type": "application/octet-stream", "Accept-Ranges": "bytes", **self._validators()}
        if not self.ranges:
            del fields["Accept-Ranges"]
        if len(span) < complete or status != 200:
            fields["Content-Range"] = "bytes {first}-{last}/{complete}"
        if self.multipart and status != 200:
            body = bytearray(as_multipart(fields, bytes(body), named))
        overridden = {**with_defaults(fields, self.framing, len(body)), **self.fields}
        sent = {name: value.format(**named) for name, value in overridden.items() if value is not None}
        return Reply(status, sent, bytes(body), span.start)


@dataclass(frozen=True)
class NoResponse:
    """The request is read, and no response is sent."""

    then: Then = Then.CLOSE
    refuse_s: float = 0.0

    def __post_init__(self) -> None:
        if self.then is Then.KEEP_ALIVE:
            raise ValueError("without a response the connection cannot be kept; for a silent one use STALL")


Scripted = Union[Answer, FileAnswer, NoResponse]


def require_end_of_cut_body(answer: Answer | FileAnswer) -> None:
    """Raise ValueError for a cut body whose connection would be kept."""
    if answer.cut_after is not None and answer.then is Then.KEEP_ALIVE:
        raise ValueError("cut_after needs a `then` other than KEEP_ALIVE; for a silent connection use STALL")


def with_defaults(fields: Mapping[str, str], framing: Framing, length: int) -> dict[str, str]:
    """Return the fields with those that every response has, unless the script replaces them."""
    defaults = {"Date": formatdate(usegmt=True)}
    if framing is Framing.LENGTH:
        defaults["Content-Length"] = str(length)
    elif framing is Framing.UNTIL_CLOSE:
        defaults["Connection"] = "close"
    else:
        defaults["Transfer-Encoding"] = "chunked"
    return {**defaults, **fields}


def as_multipart(fields: dict[str, str], body: bytes, named: Mapping[str, int]) -> bytes:
    """Return one range as multipart/byteranges (RFC 9110 section 14.6), and change `fields` accordingly."""
    inner = f"Content-Type: {fields['Content-Type']}\r\nContent-Range: {fields.pop('Content-Range').format(**named)}"
    fields["Content-Type"] = "multipart/byteranges; boundary=SEPARATOR"
    return f"--SEPARATOR\r\n{inner}\r\n\r\n".encode() + body + b"\r\n--SEPARATOR--\r\n"
