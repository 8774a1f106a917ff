"""What a response means for the bytes held: one table, first match first. No I/O.

Two rules. Every decision about a response is a row of VERDICTS. And no row says APPEND unless the body starts within
the bytes held (RFC 9110 section 15.3.7.3: parts can be combined only if they meet).
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Callable, NamedTuple

from pip_resume.protocol.cases import Case
from pip_resume.protocol.http_fields import is_multipart_byteranges, parse_empty_content_range
from pip_resume.protocol.statuses import NOT_IMPLEMENTED, says_later
from pip_resume.protocol.trust import FULL, Trust

if TYPE_CHECKING:
    from pip_resume.protocol.messages import Held, Request, ResponseHead


class Action(enum.Enum):
    """What to do with a response."""

    APPEND = "the body continues, or repeats, what is held"
    ASK_PLAINLY = "the body is not used; send a plain request, once"
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
    """For people. Empty if there is nothing to explain."""
    first_pos: int = 0
    """Where the body starts. Inclusive. At most the offset."""
    end: int | None = None
    """Where this body must end. Exclusive. None if only the connection tells."""
    complete_length: int | None = None
    """Number of bytes of the complete file. None if the response does not say."""


class Row(NamedTuple):
    """One row of the table: the first whose ``applies`` is true decides."""

    name: str
    section: str
    """The RFC and its section."""
    applies: Callable[[Case], bool]
    action: Action
    reason: str = ""


def _is_busy(case: Case) -> bool:
    # urllib3 obeys Retry-After on 413, 429 and 503 (Retry.RETRY_AFTER_STATUS_CODES).
    return says_later(case.head.status) or (case.head.status == 413 and "retry-after" in case.head.fields)


def _is_416_at_the_end(case: Case) -> bool:
    return case.head.status == 416 and _is_at_the_end(case, case.sent_length)


def _is_empty_part_at_the_end(case: Case) -> bool:
    if not case.is_part:
        return False
    length = parse_empty_content_range(case.head.fields.get("content-range"))
    return length is not None and _is_at_the_end(case, length)


def _is_at_the_end(case: Case, sent_length: int | None) -> bool:
    """Whether no byte is missing, by each complete-length that is known."""
    lengths = {sent_length, case.held.checkpoint.complete_length} - {None}
    # A response without bytes for a first-pos below the end contradicts itself: only a digest can prove it right.
    agrees = case.held.digest_known or case.request.first_pos == case.held.offset
    return case.is_ranged and lengths == {case.held.offset} and agrees


def _is_no_response_to_a_range(case: Case) -> bool:
    status = case.head.status
    # 401 and 407 as well: a wrong password fails in the plain request, too. Then pip's own error follows.
    return case.is_ranged and ((status not in (200, 203, 206) and status < 500) or status in NOT_IMPLEMENTED)


def _is_length_of_rest(case: Case) -> bool:
    """Whether a response says that its body is as long as what was requested, and not as the complete file."""
    length, first_pos = case.held.checkpoint.complete_length, case.request.first_pos
    return length is not None and first_pos is not None and case.head.content_length == length - first_pos


def _is_sent_over_http(case: Case) -> bool:
    return case.is_part and not case.held.digest_known and case.held.checkpoint.is_https and not case.head.is_https


RANGE_REFUSED = "no response to a range"
"""The row of a server that refuses a request because of Range."""
_ONLY_A_PART = "the server answered 200 but sent only part of the file"
VERDICTS: tuple[Row, ...] = (
    Row("busy", "RFC 9110 section 15.6.4", _is_busy, Action.WAIT),
    Row("416 at the complete-length", "RFC 9110 section 15.5.17", _is_416_at_the_end, Action.VERIFY),
    Row(
        "206 without a byte at the complete-length",
        "RFC 9110 section 15.5.17",
        _is_empty_part_at_the_end,
        Action.VERIFY,
    ),
    Row(
        "416 elsewhere",
        "RFC 9110 section 15.5.17",
        lambda case: case.is_ranged and case.head.status == 416,
        Action.ASK_PLAINLY,
        "the server rejected the requested range (416)",
    ),
    Row(
        RANGE_REFUSED,
        "RFC 9110 section 14.2",
        _is_no_response_to_a_range,
        Action.ASK_PLAINLY,
        "the server refuses Range",
    ),
    Row(
        "200 with a part of the body",
        "RFC 9110 section 14.4",
        lambda case: case.is_complete_file and case.content_range is not None and case.content_range.first_pos != 0,
        Action.ASK_PLAINLY,
        _ONLY_A_PART,
    ),
    Row(
        "200 with the length of the rest",
        "RFC 9110 section 8.6",
        lambda case: case.is_complete_file and _is_length_of_rest(case),
        Action.ASK_PLAINLY,
        _ONLY_A_PART,
    ),
    Row(
        "200 with a different content coding",
        "RFC 9110 section 8.4",
        lambda case: case.is_complete_file and case.is_ranged and case.has_different_coding,
        Action.ASK_PLAINLY,
        "the server now sends a different Content-Encoding",
    ),
    Row("200", "RFC 9110 section 14.2", lambda case: case.is_complete_file, Action.APPEND),
    Row(
        "206 multipart",
        "RFC 9110 section 15.3.7.2",
        lambda case: case.is_part and is_multipart_byteranges(case.head.fields.get("content-type")),
        Action.ASK_PLAINLY,
        "the server answered with several parts",
    ),
    Row(
        "206 without a valid Content-Range",
        "RFC 9110 section 14.4",
        lambda case: case.is_part and case.content_range is None,
        Action.ASK_PLAINLY,
        "the server did not say which part it sent",
    ),
    Row(
        "206 that starts too late",
        "RFC 9110 section 14.4",
        lambda case: case.is_part and case.starts_late,
        Action.ASK_PLAINLY,
        "the server sent a different range from the one requested",
    ),
    Row(
        "206 with a different complete-length",
        "RFC 9110 section 15.3.7.3",
        lambda case: case.is_part and case.has_different_length,
        Action.ASK_PLAINLY,
        "the file on the server now has a different length",
    ),
    Row(
        "206 with a different content coding",
        "RFC 9110 section 8.4",
        lambda case: case.is_part and case.is_ranged and case.has_different_coding,
        Action.ASK_PLAINLY,
        "the server now sends a different Content-Encoding",
    ),
    Row(
        "206, and the digest decides",
        "RFC 9110 section 15.3.7.3",
        lambda case: case.is_part and case.held.digest_known,
        Action.APPEND,
    ),
    Row(
        "206 over http",
        "RFC 9110 section 17.1",
        _is_sent_over_http,
        Action.ASK_PLAINLY,
        "the server now redirects to http",
    ),
    Row(
        "206 with a different ETag",
        "RFC 9110 section 15.3.7.3",
        lambda case: case.is_part and case.held.offset > 0 and case.has_different_etag,
        Action.ASK_PLAINLY,
        "the file on the server has changed",
    ),
    Row(
        "206 without the validator",
        "RFC 9110 section 15.3.7",
        lambda case: case.is_part and case.held.offset > 0 and case.lacks_validator,
        Action.ASK_PLAINLY,
        "nothing proves that the file on the server is still the same",
    ),
    Row(
        "206 with a different date",
        "RFC 9110 section 15.3.7.3",
        lambda case: case.is_part and case.held.offset > 0 and case.has_different_date and not case.is_date_forgiven,
        Action.ASK_PLAINLY,
        "the file on the server has a different date",
    ),
    Row("206 of the same representation", "RFC 9110 section 15.3.7.3", lambda case: case.is_part, Action.APPEND),
    Row("anything else", "RFC 9110 section 15", lambda _case: True, Action.FAIL),
)
DATE_DIFFERS = "206 with a different date"
"""The row that applies once per file and run if the ETags are equal: mirrors may differ in their dates."""


def judge(request: Request, head: ResponseHead, held: Held, trust: Trust = FULL) -> Verdict:
    """Tell what a response means: the first row of VERDICTS that applies."""
    case = Case(request, head, held, trust)
    row = next(row for row in VERDICTS if row.applies(case))
    extent = _extent(case) if row.action is Action.APPEND else (0, None, case.sent_length)
    return Verdict(row.action, row.name, row.section, row.reason, *extent)


def has_same_etag(request: Request, head: ResponseHead, held: Held) -> bool:
    """Whether nothing says that the file on the server has changed since the response whose bytes are held.

    With a hash ``judge`` does not require it, because mirrors differ in their ETags. It is required where a connection
    that still brings bytes of the old file would be given up.
    """
    return not Case(request, head, held, FULL).has_different_etag


def _extent(case: Case) -> tuple[int, int | None, int | None]:
    """Return first_pos, end (exclusive) and complete_length of a body that is used."""
    part = case.content_range
    if case.is_part and part is not None and part.first_pos is not None and part.last_pos is not None:
        return part.first_pos, part.last_pos + 1, part.complete_length
    length = case.head.content_length
    return 0, length, length
