"""What to request next, how long to wait before it, and what is worth storing. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pip_resume.protocol.http_fields import parse_http_date, parse_retry_after, strong_date, strong_validator
from pip_resume.protocol.messages import Held, Request, ResponseHead
from pip_resume.protocol.trust import FULL, Trust

if TYPE_CHECKING:
    from pip_resume.artifact import Artifact

OVERLAP_BYTES = 64 * 1024
"""Requested again and compared: in the first request of a later run, and without a hash in every ranged request.

A changed file is noticed before the rest of it is downloaded. wget2 issue 389: a proxy put 64 KiB of junk at the seam.
"""
MIN_OVERLAP_BYTES = 4 * 1024
"""Without a hash the overlap is halved after each cut that brought less, down to this: a page of memory."""
STORED_FROM_BYTES = 1024 * 1024
"""Bodies up to this length are not stored for the next run: a second's download, for which a hundred small wheels must
not pay with files of their own."""


def plan_request(held: Held, trust: Trust = FULL) -> Request:
    """Return what to request next: the rest of what is held, if that is safe; else the complete file.

    With a hash it is Range alone: If-Range would discard the bytes on a different mirror. Without one it is Range with
    If-Range and a strong validator (RFC 9110 section 13.1.5). Where the ETag is weak and the date strong it is Range
    alone, and both are compared (section 15.3.7.3). Otherwise it is a plain GET.
    """
    plain = Request(no_cache=trust.doubts_caches)
    first_pos = held.offset - held.overlap
    if first_pos <= 0 or not trust.allows_range or not held.can_continue:
        return plain
    return plain._replace(first_pos=first_pos, if_range=None if held.digest_known else held.validator)


def retry_after_s(head: ResponseHead, now_s: float) -> float | None:
    """Return the seconds that the server asks us to wait, or None.

    ``now_s`` (seconds since the epoch) is used if the response has no Date.
    """
    date_s = parse_http_date(head.fields.get("date"))
    return parse_retry_after(head.fields.get("retry-after"), now_s if date_s is None else date_s)


def is_storable(head: ResponseHead, artifact: Artifact) -> bool:
    """Whether a body may be stored for the next run, and is worth it.

    Either a hash must prove it, or a validator over https all the way.
    """
    if head.content_length is not None and head.content_length <= STORED_FROM_BYTES:
        return False
    if artifact.digest is not None:
        return True
    etag, modified, date = (head.fields.get(name) for name in ("etag", "last-modified", "date"))
    has_validator = strong_validator(etag, modified, date) is not None or strong_date(modified, date) is not None
    return artifact.is_https and head.is_https and has_validator
