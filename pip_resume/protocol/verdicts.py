"""What to request, and what a response means for the bytes held: one table, first match first. No I/O.

Two rules. Every decision about a response is a row of VERDICTS. And no row says APPEND unless the body starts within
the bytes held (RFC 9110 section 15.3.7.3: parts can be combined only if they meet).
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Callable, NamedTuple

from pip_resume.protocol.http_fields import (
    ContentRange,
    is_multipart_byteranges,
    parse_content_coding,
    parse_content_range,
    parse_http_date,
    parse_retry_after,
    strong_validator,
)
from pip_resume.protocol.messages import Held, Request, ResponseHead

if TYPE_CHECKING:
    from pip_resume.artifact import Artifact

OVERLAP_BYTES = 64 * 1024
"""Requested again in the first request of a later run, and compared.

A changed file is noticed before the rest of it is downloaded. wget2 issue 389: a proxy put 64 KiB of junk at the seam.
"""
STORED_FROM_BYTES = 1024 * 1024
"""Bodies up to this length are not stored for the next run: a second's download, for which a hundred small wheels must
not pay with files of their own."""
WAIT_STATUSES = {
    408: "RFC 9110 section 15.5.9: the client may repeat the request",
    429: "RFC 6585 section 4: too many requests",
    500: "pip retries it (pip._internal.network.session, status_forcelist)",
    502: "RFC 9110 section 15.6.3: the gateway got an invalid response; pip up to 24.0 retries it",
    503: "RFC 9110 section 15.6.4: temporarily overloaded; pip retries it",
    504: "RFC 9110 section 15.6.5: the gateway got no response in time",
    520: "Cloudflare: the origin sent an unknown error; pip retries it",
    527: "Cloudflare: the connection to the origin failed (Railgun); pip retries it",
}
"""The statuses that ask us to try again later, with the source of each."""


class Action(enum.Enum):
    """What to do with a response."""

    APPEND = "the body continues, or repeats, what is held"
    REPLACE = "the body takes the place of what is held"
    RESTART = "the body is not used; request again without Range"
    VERIFY = "nothing is missing; the digest decides"
    WAIT = "request again later"
    FAIL = "pip reports it"


class Verdict(NamedTuple):
    """What a response means."""

    action: Action
    row: str
    """The name of the row of VERDICTS that decided."""
    section: str = ""
    """The RFC and its section that the row is based on."""
    reason: str = ""
    """For people, after "Starting over: ". Empty if there is nothing to explain."""
    first_pos: int = 0
    """Where the body starts. Inclusive. At most the offset."""
    end: int | None = None
    """Where this body must end. Exclusive. None if only the connection tells."""
    complete_length: int | None = None
    """Number of bytes of the complete file. None if the response does not say."""


class Case(NamedTuple):
    """One response to one request, with what the rows look at."""

    request: Request
    head: ResponseHead
    held: Held

    @property
    def is_ranged(self) -> bool:
        return self.request.first_pos is not None

    @property
    def content_range(self) -> ContentRange | None:
        """Only one with positions; ``bytes */N`` belongs to 416."""
        parsed = parse_content_range(self.head.fields.get("content-range"))
        return parsed if parsed is not None and parsed.first_pos is not None else None

    @property
    def sent_length(self) -> int | None:
        """The complete-length in Content-Range."""
        parsed = parse_content_range(self.head.fields.get("content-range"))
        return None if parsed is None else parsed.complete_length

    @property
    def starts_late(self) -> bool:
        first_pos = None if self.content_range is None else self.content_range.first_pos
        return first_pos is not None and first_pos > (self.request.first_pos or 0)

    @property
    def has_different_length(self) -> bool:
        sent, known = self.sent_length, self.held.checkpoint.complete_length
        if sent is None:
            last_pos = None if self.content_range is None else self.content_range.last_pos
            return known is not None and last_pos is not None and last_pos >= known
        return sent < self.held.offset or (known is not None and sent != known)

    @property
    def has_different_coding(self) -> bool:
        ours = parse_content_coding(self.held.checkpoint.field("content-encoding"))
        return parse_content_coding(self.head.fields.get("content-encoding")) != ours

    @property
    def has_different_validator(self) -> bool:
        """Whether a field that can be compared differs. An absent one says nothing (RFC 9110 section 15.3.7)."""
        # Equal ETags settle it. The date is compared only if the response has no ETag.
        name = "etag" if "etag" in self.head.fields else "last-modified"
        theirs = self.head.fields.get(name)
        return theirs is not None and theirs != self.held.checkpoint.field(name)

    @property
    def is_same_representation(self) -> bool:
        """Whether a 200 certainly carries the file that we hold the start of."""
        fields = self.head.fields
        theirs = strong_validator(fields.get("etag"), fields.get("last-modified"), fields.get("date"))
        return theirs is not None and theirs == self.held.validator


class Row(NamedTuple):
    """One row of the table: the first whose ``applies`` is true decides."""

    name: str
    section: str
    """The RFC and its section."""
    applies: Callable[[Case], bool]
    action: Action
    reason: str = ""


def _is_part(case: Case) -> bool:
    return case.head.status == 206


def _is_complete_file(case: Case) -> bool:
    # 203 is a 200 that a proxy has changed. pip accepts it, and the digest decides.
    return case.head.status in (200, 203)


def _is_416_at_the_end(case: Case) -> bool:
    lengths = {case.sent_length, case.held.checkpoint.complete_length} - {None}
    # A 416 for a first-pos below its own complete-length is contradictory. It is trusted only if a digest can decide.
    agrees = case.held.digest_known or case.request.first_pos == case.held.offset
    return case.is_ranged and case.head.status == 416 and lengths == {case.held.offset} and agrees


VERDICTS: tuple[Row, ...] = (
    Row("busy", "RFC 9110 section 15.6.4", lambda case: case.head.status in WAIT_STATUSES, Action.WAIT),
    Row("416 at the complete-length", "RFC 9110 section 15.5.17", _is_416_at_the_end, Action.VERIFY),
    Row(
        "416 elsewhere",
        "RFC 9110 section 15.5.17",
        lambda case: case.is_ranged and case.head.status == 416,
        Action.RESTART,
        "the server rejected the requested range (416)",
    ),
    Row(
        "206 multipart",
        "RFC 9110 section 15.3.7.2",
        lambda case: _is_part(case) and is_multipart_byteranges(case.head.fields.get("content-type")),
        Action.RESTART,
        "the server answered with several parts",
    ),
    Row(
        "206 without a valid Content-Range",
        "RFC 9110 section 14.4",
        lambda case: _is_part(case) and case.content_range is None,
        Action.RESTART,
        "the server did not say which part it sent",
    ),
    Row(
        "206 that starts too late",
        "RFC 9110 section 14.4",
        lambda case: _is_part(case) and case.starts_late,
        Action.RESTART,
        "the server sent a different range from the one requested",
    ),
    Row(
        "206 with a different complete-length",
        "RFC 9110 section 15.3.7.3",
        lambda case: _is_part(case) and case.has_different_length,
        Action.RESTART,
        "the file on the server now has a different length",
    ),
    Row(
        "206 with a different content coding",
        "RFC 9110 section 8.4",
        lambda case: _is_part(case) and case.is_ranged and case.has_different_coding,
        Action.RESTART,
        "the server now sends a different Content-Encoding",
    ),
    Row(
        "206, and the digest decides",
        "RFC 9110 section 15.3.7.3",
        lambda case: _is_part(case) and case.held.digest_known,
        Action.APPEND,
    ),
    Row(
        "206 with a different validator",
        "RFC 9110 section 15.3.7.3",
        lambda case: _is_part(case) and case.held.offset > 0 and case.has_different_validator,
        Action.RESTART,
        "the file on the server has changed",
    ),
    Row("206 of the same representation", "RFC 9110 section 15.3.7.3", _is_part, Action.APPEND),
    Row(
        "200 with a part of the body",
        "RFC 9110 section 14.4",
        lambda case: _is_complete_file(case) and case.content_range is not None and case.content_range.first_pos != 0,
        Action.RESTART,
        "the server answered 200 but sent only part of the file",
    ),
    Row(
        "200 of a file that may have changed",
        "RFC 9110 section 13.1.5",
        lambda case: (
            _is_complete_file(case)
            and case.held.offset > 0
            and not case.held.digest_known
            and not case.is_same_representation
        ),
        Action.REPLACE,
        "nothing proves that the file on the server is still the same",
    ),
    Row("200", "RFC 9110 section 14.2", _is_complete_file, Action.APPEND),
    Row("anything else", "RFC 9110 section 15", lambda _case: True, Action.FAIL),
)


def plan_request(held: Held) -> Request:
    """Return what to request next: the rest of what is held, if that is safe; else the complete file.

    With a hash it is Range alone: If-Range would discard the bytes on a different mirror. Without one it is Range with
    If-Range and a strong validator (RFC 9110 section 13.1.5), or a plain GET if there is no such validator.
    """
    first_pos = held.offset - held.overlap
    if first_pos <= 0:
        return Request()
    if held.digest_known:
        return Request(first_pos)
    validator = held.validator
    return Request() if validator is None else Request(first_pos, validator)


def judge(request: Request, head: ResponseHead, held: Held) -> Verdict:
    """Tell what a response means: the first row of VERDICTS that applies."""
    case = Case(request, head, held)
    row = next(row for row in VERDICTS if row.applies(case))
    extent = _extent(case) if row.action in _WITH_BODY else (0, None, case.sent_length)
    return Verdict(row.action, row.name, row.section, row.reason, *extent)


_WITH_BODY = (Action.APPEND, Action.REPLACE)


def _extent(case: Case) -> tuple[int, int | None, int | None]:
    """Return first_pos, end (exclusive) and complete_length of a body that is used."""
    part = case.content_range
    if _is_part(case) and part is not None and part.first_pos is not None and part.last_pos is not None:
        return part.first_pos, part.last_pos + 1, part.complete_length
    length = case.head.content_length
    return 0, length, length


def retry_after_s(head: ResponseHead, now_s: float) -> float | None:
    """Return the seconds that the server asks us to wait, or None.

    ``now_s`` (seconds since the epoch) is used if the response has no Date.
    """
    date_s = parse_http_date(head.fields.get("date"))
    return parse_retry_after(head.fields.get("retry-after"), now_s if date_s is None else date_s)


def is_storable(head: ResponseHead, artifact: Artifact) -> bool:
    """Whether a body may be stored for the next run, and is worth it.

    Either a hash must prove it, or a strong validator over https.
    """
    if head.content_length is not None and head.content_length <= STORED_FROM_BYTES:
        return False
    if artifact.digest is not None:
        return True
    fields = head.fields
    validator = strong_validator(fields.get("etag"), fields.get("last-modified"), fields.get("date"))
    return artifact.is_https and validator is not None
