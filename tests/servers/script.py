"""What a fault server answers, as data. No I/O."""

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
    """What happens to the connection when the body has been sent as far as the script says."""

    KEEP_ALIVE = enum.auto()
    CLOSE = enum.auto()
    """Orderly: TLS close_notify, then FIN."""
    DROP = enum.auto()
    """FIN without close_notify: a plain end of file on some Pythons, an SSL error on others."""
    RESET = enum.auto()
    STALL = enum.auto()
    """Silence on an open connection until the client leaves."""
    GARBAGE_TLS = enum.auto()
    """Bytes that are no TLS record, under the TLS layer."""
    BAD_MAC = enum.auto()
    """A TLS record that nobody encrypted."""


class Framing(enum.Enum):
    """How the end of the body is told (RFC 9112 section 6.3)."""

    LENGTH = enum.auto()
    CHUNKED = enum.auto()
    UNFINISHED_CHUNKS = enum.auto()
    """All the data, but no last chunk."""
    BROKEN_CHUNKS = enum.auto()
    """A chunk size that is no number where the body is cut."""
    UNTIL_CLOSE = enum.auto()


@dataclass(frozen=True)
class Reply:
    """ResponseHead and whole body of one answer, before anything goes wrong."""

    status: int
    fields: Mapping[str, str]
    body: bytes
    first_pos: int = 0


@dataclass(frozen=True)
class Answer:
    """A literal answer.

    `cut_after` is a number of bytes of this body; one that is not longer ends as if neither that nor `then` was given.
    `rate` is bytes per second, `piece` bytes per write. `refuse_s`: for so long the server does not listen once the
    answer has ended.
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
        forbid_silent_cut(self)

    def reply(self, request: Request) -> Reply:  # noqa: ARG002
        """The same whatever is asked."""
        fields = with_defaults(self.fields, self.framing, len(self.body))
        named = re.match(r"bytes (\d+)-", fields.get("Content-Range", ""))
        return Reply(self.status, fields, self.body, int(named[1]) if named else 0)


@dataclass(frozen=True)
class FileAnswer:
    """A file, served as Range, If-Range, If-None-Match and If-Modified-Since ask, as far as it is not told to lie.

    The lies: `fields` replace those of 200 and 206 (None removes one; {first} {last} {length} {complete} are filled),
    `shift` is added to the asked first-pos, `flips` are positions in the file whose byte is sent wrong,
    `partial_status` replaces 206, `multipart` wraps the range. The rest as in `Answer`.
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
        forbid_silent_cut(self)

    def reply(self, request: Request) -> Reply:
        """RFC 9110 section 13.2.2: If-None-Match before If-Modified-Since before If-Range before Range."""
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
        """The positions to send, None for the whole file; may begin behind its end."""
        condition = request.fields.get("if-range")
        if not self.ranges or (condition is not None and condition not in self._strong_validators()):
            return None
        complete = len(self.content)
        asked = re.fullmatch(r"bytes=(\d*)-(\d*)", request.fields.get("range", ""))
        if not asked or asked[0] == "bytes=-":
            return None
        if not asked[1]:
            return range(max(0, complete - int(asked[2])), complete)
        return range(int(asked[1]), int(asked[2]) + 1 if asked[2] else complete)

    def _strong_validators(self) -> set[str]:
        """What If-Range may name: no weak ETag ever matches (RFC 9110 section 13.1.5)."""
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
        told = {name: value.format(**named) for name, value in overridden.items() if value is not None}
        return Reply(status, told, bytes(body), span.start)


@dataclass(frozen=True)
class NoResponse:
    """The request is read and nothing is answered."""

    then: Then = Then.CLOSE
    refuse_s: float = 0.0

    def __post_init__(self) -> None:
        if self.then is Then.KEEP_ALIVE:
            raise ValueError("without an answer the connection cannot go on; STALL is silence")


Scripted = Union[Answer, FileAnswer, NoResponse]


def forbid_silent_cut(answer: Answer | FileAnswer) -> None:
    """A body that is cut has to end in some way."""
    if answer.cut_after is not None and answer.then is Then.KEEP_ALIVE:
        raise ValueError("cut_after needs a `then` other than KEEP_ALIVE; STALL is silence")


def with_defaults(fields: Mapping[str, str], framing: Framing, length: int) -> dict[str, str]:
    """The fields that every answer has, where the script does not name them itself."""
    defaults = {"Date": formatdate(usegmt=True)}
    if framing is Framing.LENGTH:
        defaults["Content-Length"] = str(length)
    elif framing is Framing.UNTIL_CLOSE:
        defaults["Connection"] = "close"
    else:
        defaults["Transfer-Encoding"] = "chunked"
    return {**defaults, **fields}


def as_multipart(fields: dict[str, str], body: bytes, named: Mapping[str, int]) -> bytes:
    """One range as multipart/byteranges (RFC 9110 section 14.6); changes `fields` to say so."""
    inner = f"Content-Type: {fields['Content-Type']}\r\nContent-Range: {fields.pop('Content-Range').format(**named)}"
    fields["Content-Type"] = "multipart/byteranges; boundary=SEPARATOR"
    return f"--SEPARATOR\r\n{inner}\r\n\r\n".encode() + body + b"\r\n--SEPARATOR--\r\n"
