"""What to ask for, and what the answer means for the bytes we hold: one table, read from top to bottom. No I/O.

Two rules. Every decision about an answer stands in VERDICTS, first match first. And no row answers APPEND unless the
body starts within the bytes we hold (RFC 9110 section 15.3.7.3: parts are combined only when they meet).
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
from pip_resume.protocol.messages import Held, RangeRequest, ResponseHead

if TYPE_CHECKING:
    from pip_resume.artifact import Artifact

OVERLAP_BYTES = 64 * 1024
"""RangeRequest for again in the first request of a later run, and compared.

A changed file is noticed before the rest of it is downloaded.
"""
KEPT_FROM_BYTES = 1024 * 1024
"""Bodies up to this length are not kept across runs.

Nothing to gain, and hundreds of small wheels must not pay for it.
"""
_WAIT_STATUSES = frozenset({408, 429, 500, 502, 503, 504, 520, 527})


class Action(enum.Enum):
    """What to do with an answer."""

    APPEND = "the body continues, or repeats, what we hold"
    REPLACE = "the body takes the place of what we hold"
    RESTART = "the body is not used; ask again without Range"
    VERIFY = "nothing is missing; the digest decides"
    WAIT = "ask again later"
    FAIL = "pip's to report"


class Verdict(NamedTuple):
    """What an answer means."""

    action: Action
    row: str
    """The row of VERDICTS that decided."""
    reason: str = ""
    """For people, after "Starting over: "; empty where there is nothing to explain."""
    first_pos: int = 0
    """Where the body starts; inclusive. At most the offset."""
    end: int | None = None
    """Where this body must end; exclusive. None when only the connection tells."""
    complete_length: int | None = None
    """Of the whole representation; None when the answer does not tell."""


class Case(NamedTuple):
    """One answer to one request, with what the rows look at."""

    asked: RangeRequest
    head: ResponseHead
    held: Held

    @property
    def is_ranged(self) -> bool:
        return self.asked.first_pos is not None

    @property
    def content_range(self) -> ContentRange | None:
        """Only one with positions; ``bytes */N`` belongs to 416."""
        parsed = parse_content_range(self.head.fields.get("content-range"))
        return parsed if parsed is not None and parsed.first_pos is not None else None

    @property
    def told_length(self) -> int | None:
        """The complete-length out of Content-Range."""
        parsed = parse_content_range(self.head.fields.get("content-range"))
        return None if parsed is None else parsed.complete_length

    @property
    def starts_late(self) -> bool:
        first_pos = None if self.content_range is None else self.content_range.first_pos
        return first_pos is not None and first_pos > (self.asked.first_pos or 0)

    @property
    def has_other_length(self) -> bool:
        told, known = self.told_length, self.held.checkpoint.complete_length
        if told is None:
            last_pos = None if self.content_range is None else self.content_range.last_pos
            return known is not None and last_pos is not None and last_pos >= known
        return told < self.held.offset or (known is not None and told != known)

    @property
    def has_other_coding(self) -> bool:
        ours = parse_content_coding(self.held.checkpoint.field("content-encoding"))
        return parse_content_coding(self.head.fields.get("content-encoding")) != ours

    @property
    def has_other_validator(self) -> bool:
        """Whether a field that we could compare differs; an absent one says nothing (RFC 9110 section 15.3.7)."""
        # Equal ETags settle it; only where the answer has none is its date looked at.
        name = "etag" if "etag" in self.head.fields else "last-modified"
        theirs = self.head.fields.get(name)
        return theirs is not None and theirs != self.held.checkpoint.field(name)

    @property
    def is_same_representation(self) -> bool:
        """Whether a 200 certainly carries the bytes that we hold the beginning of."""
        fields = self.head.fields
        theirs = strong_validator(fields.get("etag"), fields.get("last-modified"), fields.get("date"))
        return theirs is not None and theirs == self.held.validator


class Row(NamedTuple):
    """One row of the table: the first whose ``applies`` is true decides."""

    name: str
    section: str
    """Of RFC 9110."""
    applies: Callable[[Case], bool]
    action: Action
    reason: str = ""


def _is_part(case: Case) -> bool:
    return case.head.status == 206


def _is_whole(case: Case) -> bool:
    # 203 is a 200 that a proxy has changed; pip takes it, and the digest will tell.
    return case.head.status in (200, 203)


def _is_complete_at_416(case: Case) -> bool:
    lengths = {case.told_length, case.held.checkpoint.complete_length} - {None}
    # One that refuses to begin before what it calls the end contradicts itself: only a digest may settle that.
    agrees = case.held.digest_known or case.asked.first_pos == case.held.offset
    return case.is_ranged and case.head.status == 416 and lengths == {case.held.offset} and agrees


VERDICTS: tuple[Row, ...] = (
    Row("busy", "15.6.4", lambda case: case.head.status in _WAIT_STATUSES, Action.WAIT),
    Row("416 at the complete-length", "15.5.17", _is_complete_at_416, Action.VERIFY),
    Row(
        "416 elsewhere",
        "15.5.17",
        lambda case: case.is_ranged and case.head.status == 416,
        Action.RESTART,
        "the server has no bytes from there on",
    ),
    Row(
        "206 multipart",
        "15.3.7.2",
        lambda case: _is_part(case) and is_multipart_byteranges(case.head.fields.get("content-type")),
        Action.RESTART,
        "the server answered with several parts",
    ),
    Row(
        "206 without a valid Content-Range",
        "14.4",
        lambda case: _is_part(case) and case.content_range is None,
        Action.RESTART,
        "the server did not say which part it sent",
    ),
    Row(
        "206 that starts too late",
        "14.4",
        lambda case: _is_part(case) and case.starts_late,
        Action.RESTART,
        "the server sent another part than asked for",
    ),
    Row(
        "206 with another complete-length",
        "15.3.7.3",
        lambda case: _is_part(case) and case.has_other_length,
        Action.RESTART,
        "the file on the server has another length now",
    ),
    Row(
        "206 with another coding",
        "8.4",
        lambda case: _is_part(case) and case.is_ranged and case.has_other_coding,
        Action.RESTART,
        "the server packs the file in another way now",
    ),
    Row(
        "206, and the digest decides", "15.3.7.3", lambda case: _is_part(case) and case.held.digest_known, Action.APPEND
    ),
    Row(
        "206 with another validator",
        "15.3.7.3",
        lambda case: _is_part(case) and case.held.offset > 0 and case.has_other_validator,
        Action.RESTART,
        "the file on the server has changed",
    ),
    Row("206 of the same representation", "15.3.7.3", _is_part, Action.APPEND),
    Row(
        "200 with a part of the body",
        "14.4",
        lambda case: _is_whole(case) and case.content_range is not None and case.content_range.first_pos != 0,
        Action.RESTART,
        "the server sent a part and called it the whole",
    ),
    Row(
        "200 of a file that has changed",
        "13.1.5",
        lambda case: (
            _is_whole(case) and case.held.offset > 0 and not case.held.digest_known and not case.is_same_representation
        ),
        Action.REPLACE,
        "nothing proves that the file on the server is still the same",
    ),
    Row("200", "14.2", _is_whole, Action.APPEND),
    Row("anything else", "15", lambda _case: True, Action.FAIL),
)


def plan_request(held: Held) -> RangeRequest:
    """What to ask for next: the rest of what we hold, where that is safe; else everything.

    With a hash Range alone: If-Range would throw the bytes away on another mirror. Without one Range with If-Range and
    a strong validator (RFC 9110 section 13.1.5), and nothing less.
    """
    first_pos = held.offset - held.overlap
    if first_pos <= 0:
        return RangeRequest()
    if held.digest_known:
        return RangeRequest(first_pos)
    validator = held.validator
    return RangeRequest() if validator is None else RangeRequest(first_pos, validator)


def judge(asked: RangeRequest, head: ResponseHead, held: Held) -> Verdict:
    """What the answer means: the first row of VERDICTS that applies."""
    case = Case(asked, head, held)
    row = next(row for row in VERDICTS if row.applies(case))
    return Verdict(
        row.action, row.name, row.reason, *_extent(case) if row.action in _WITH_BODY else (0, None, case.told_length)
    )


_WITH_BODY = (Action.APPEND, Action.REPLACE)


def _extent(case: Case) -> tuple[int, int | None, int | None]:
    """first_pos, end (exclusive) and complete_length of a body that is used."""
    part = case.content_range
    if _is_part(case) and part is not None and part.first_pos is not None and part.last_pos is not None:
        return part.first_pos, part.last_pos + 1, part.complete_length
    length = case.head.content_length
    return 0, length, length


def retry_after_s(head: ResponseHead, now_s: float) -> float | None:
    """Seconds that the server asks us to wait, or None.

    ``now_s`` (seconds since the epoch) counts where it sends no Date.
    """
    date_s = parse_http_date(head.fields.get("date"))
    return parse_retry_after(head.fields.get("retry-after"), now_s if date_s is None else date_s)


def is_kept(head: ResponseHead, artifact: Artifact) -> bool:
    """Whether a body is worth keeping for the next run, and may be.

    A hash, or a strong validator over https, must vouch for it.
    """
    if head.content_length is not None and head.content_length <= KEPT_FROM_BYTES:
        return False
    if artifact.digest is not None:
        return True
    fields = head.fields
    validator = strong_validator(fields.get("etag"), fields.get("last-modified"), fields.get("date"))
    return artifact.is_https and validator is not None
