"""A transport whose server and cache are a script in memory, for property tests of whole downloads."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import NoReturn

from integration.samples import zip_of
from unit.field_forms import parse_range

from pip_resume.engine.interfaces import Response
from pip_resume.errors import ConnectionLost, NoResponse, PipError
from pip_resume.protocol.messages import ResponseHead
from pip_resume.protocol.retry import Reached
from pip_resume.storage.container import is_sound
from pip_resume.storage.partial import Partial

SIZE = 150_000
FILENAME = "a-1.whl"
CONTENT = zip_of(SIZE, seed=1, member=20_000)
OTHER_CONTENT = zip_of(SIZE + 10_000, seed=2, member=20_000)


def twin_of(content: bytes) -> bytes:
    """Return a sound archive of the same length, in which one byte of one member differs, and its checksums."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as new:
        for number, info in enumerate(old.infolist()):
            member = bytearray(old.read(info))
            if number == 3:
                member[5_000] ^= 0xFF
            new.writestr(zipfile.ZipInfo(info.filename, info.date_time), bytes(member))
    twin = buffer.getvalue()
    assert len(twin) == len(content)
    assert twin != content
    return twin


FILES = {
    "right": CONTENT,
    "other": OTHER_CONTENT,
    "twin": twin_of(CONTENT),
    "damaged": CONTENT[:100_000] + bytes([CONTENT[100_000] ^ 0xFF]) + CONTENT[100_001:],
    "too short": CONTENT[:100_000],
    "too long": CONTENT + b"more",
    "a page": b"<html>Please log in</html>" * 200,
    "empty": b"",
}
DATE = "Fri, 03 Jan 2020 10:00:00 GMT"
MODIFIED = "Thu, 02 Jan 2020 10:00:00 GMT"
CONTENT_RANGES = (
    "bytes {first}-{last}/{complete}",
    "{first}-{last}/{complete}",
    "bytes={first}-{last}/{complete}",
    "bytes {first} - {last} / {complete}",
)

# The arguments have the names of interfaces.Transport, so that they can be given by name.
# ruff: noqa: ARG002


def is_sound_archive(content: bytes) -> bool:
    return is_sound(io.BytesIO(content), FILENAME) is True


@dataclass(frozen=True)
class ScriptedResponse:
    """How a server makes one response to any request."""

    status: int | None = None
    """None: 200, or 206 to a request with Range."""
    to_range: int | str | None = None
    """How it refuses a Range: with this status, with "a page", or with "no response". None: it does not."""
    is_missing: bool = False
    """Whether there is no response to any request."""
    file: str = "right"
    """A key of FILES."""
    ranges: bool = True
    """Whether it obeys a Range."""
    shift: int = 0
    """Added to the first-pos that was requested."""
    framing: str = "length"
    """Or "chunked", or "close"."""
    content_range: str = CONTENT_RANGES[0]
    """The form of Content-Range."""
    complete_length: str = "{size}"
    """In Content-Range."""
    most: int | None = None
    """The longest part in a 206, in bytes."""
    has_empty_part: bool = False
    """Whether it answers with a 206 without bytes at the end of the file, and not with 416."""
    cut: int | None = None
    """Number of bytes of the body after which the connection is lost, or, with framing "close", ends."""
    piece: int = 1 << 20
    """The most bytes that one read returns."""
    etag: str | None = '"v1"'
    last_modified: str | None = None
    coding: str | None = None
    retry_after: str | None = None
    is_https: bool = True
    from_cache: bool = False

    @property
    def may_be_wrong(self) -> bool:
        """Whether bytes of a different file, or from a different position, may come."""
        return self.file != "right" or self.shift != 0 or self.status is not None or self.to_range == "a page"

    @property
    def content(self) -> bytes:
        return FILES[self.file]

    def respond(self, first_pos: int | None) -> BodyFromMemory:
        """Make the response; `first_pos` is that of the request, None without a Range. Raises NoResponse."""
        if self.is_missing or (first_pos is not None and self.to_range == "no response"):
            raise NoResponse("closed without a response", Refused())
        status, start, body = self._part(first_pos)
        fields = self._fields(status, start, body)
        is_cut = self.cut is not None and self.cut < len(body)
        is_lost = is_cut and self.framing != "close"
        head = ResponseHead(status, fields, self.from_cache, "key", self.is_https)
        return BodyFromMemory(head, body[: self.cut] if is_cut else body, is_lost, self.piece)

    def _part(self, first_pos: int | None) -> tuple[int, int, bytes]:
        if first_pos is not None and self.to_range == "a page":
            return 200, 0, FILES["a page"]
        if first_pos is not None and isinstance(self.to_range, int):
            return self.to_range, 0, b""
        if self.status not in (None, 200, 206):
            return self.status or 0, 0, b""
        start = max(0, (first_pos or 0) + self.shift) if self.ranges else 0
        if start >= len(self.content):
            return 206 if self.has_empty_part else 416, start, b""
        is_part = self.ranges and first_pos is not None
        status = self.status or (206 if is_part else 200)
        end = len(self.content) if status != 206 or self.most is None else start + self.most
        return status, start, self.content[start:end]

    def _fields(self, status: int, start: int, body: bytes) -> dict[str, str]:
        values = {
            "date": DATE,
            "etag": self.etag,
            "last-modified": self.last_modified,
            "content-encoding": self.coding,
            "retry-after": self.retry_after,
        }
        fields = {name: value for name, value in values.items() if value is not None}
        size = self.complete_length.format(size=len(self.content))
        if status == 206:
            span = {"first": start, "last": start + len(body) - 1, "complete": size}
            fields["content-range"] = self.content_range.format(**span)
        elif status == 416:
            fields["content-range"] = f"bytes */{size}"
        if self.framing == "length":
            fields["content-length"] = str(len(body))
        elif self.framing == "chunked":
            fields["transfer-encoding"] = "chunked"
        return fields


class BodyFromMemory:
    """See interfaces.Response."""

    timeout_s = 15.0

    def __init__(self, head: ResponseHead, body: bytes, is_lost: bool, piece: int) -> None:
        self.head = head
        self.body = body
        self.is_lost = is_lost
        self._rest = body
        self._piece = piece

    def read(self, size: int) -> bytes:
        size = min(size, self._piece)
        block, self._rest = self._rest[:size], self._rest[size:]
        if not block and self.is_lost:
            raise ConnectionLost("cut")
        return block

    def has_more(self, wait_s: float) -> bool:
        return bool(self._rest)

    def close(self) -> None:
        pass


class Refused(Exception):
    pass


class ScriptedTransport:
    """See interfaces.Transport. It plays its responses in a cycle; its cache has an entry until it is evicted."""

    timeout_s = 15.0

    def __init__(
        self, responses: list[ScriptedResponse], cached: ScriptedResponse | None, *, caches: bool, most_requests: int
    ) -> None:
        """`caches` is whether pip's rules allow an entry. No run may send more than `most_requests`."""
        self._responses: Iterator[ScriptedResponse] = cycle(responses)
        self._cached = cached
        self._caches = caches
        self._most_requests = most_requests
        self.requests = 0
        """Number of requests in this run."""
        self.wrong = 0
        """Number of responses in all runs that may be wrong."""
        self.representations: set[bytes] = set()
        """The files of all responses so far, and the bodies that looked complete."""
        self.handed_over: list[bytes] = []
        """The files that count as right: pip's cache may have them."""
        self.rejected: list[int] = []
        """The statuses for which pip's error was raised."""
        self.reached = Reached.NONE

    def first(self) -> BodyFromMemory:
        return self._play(self._cached or next(self._responses), None)

    def get(
        self, fields: Mapping[str, str], *, with_cache: bool = False, timeout_s: float | None = None
    ) -> BodyFromMemory:
        cached = self._cached if with_cache else None
        return self._play(cached or next(self._responses), parse_range(fields.get("Range")))

    def cached(self) -> BodyFromMemory | None:
        return None if self._cached is None else self._play(self._cached, None)

    def cached_file(self, response: object) -> Path | None:
        return None

    def leave_to_pip(self) -> bool:
        return False

    def evict(self, response: object) -> None:
        self._cached = None

    def reject(self, response: Response) -> NoReturn:
        self.rejected.append(response.head.status)
        raise PipError(Refused())

    def filename(self, response: object) -> str:
        return FILENAME

    def store_in_cache(self, partial: Partial, body: Path, response: object) -> bool:
        self.handed_over.append(body.read_bytes())
        return self._caches

    def begin_run(self) -> None:
        self.requests = 0
        self.reached = Reached.NONE

    def _play(self, scripted: ScriptedResponse, first_pos: int | None) -> BodyFromMemory:
        self.requests += 1
        assert self.requests <= self._most_requests, "the download loops"
        self.wrong += scripted.may_be_wrong
        response = scripted.respond(first_pos)
        self.reached = Reached.THIS_HOST
        self.representations.add(scripted.content)
        status = response.head.status
        # pip takes the body of every status below 400 for the file, unless it asked for a part.
        is_complete = status in (200, 203) or (first_pos is None and status < 400 and status != 206)
        if is_complete and not response.is_lost:
            self.representations.add(response.body)
        return response
