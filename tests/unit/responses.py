"""Heads of responses, and what is held when they arrive, for the tests of the protocol."""

from __future__ import annotations

from pip_resume.protocol.checkpoint import Checkpoint
from pip_resume.protocol.messages import Held, ResponseHead

OFFSET, LENGTH = 600_000, 1_000_000
ETAG = {"etag": '"v1"'}
LONG_AGO = "Fri, 03 Jan 2020 10:00:00 GMT"
A_SECOND_LATER = "Fri, 03 Jan 2020 10:00:01 GMT"
STRONG_DATE = {"last-modified": LONG_AGO, "date": A_SECOND_LATER}
WEAK_ETAG = {"etag": 'W/"v1"'}

EMPTY = Held(digest_known=True)
"""Nothing is held."""
EMPTY_UNHASHED = Held()
HASHED = Held(OFFSET, Checkpoint(complete_length=LENGTH, fields=ETAG), digest_known=True)
"""A part of the file is held, and the link has a hash."""
UNHASHED = HASHED._replace(digest_known=False)
UNSIZED = HASHED._replace(checkpoint=Checkpoint(fields=ETAG))
"""As HASHED, but the complete-length is unknown."""
UNSIZED_UNHASHED = UNSIZED._replace(digest_known=False)
COMPLETE = HASHED._replace(offset=LENGTH)
COMPLETE_UNHASHED = COMPLETE._replace(digest_known=False)


def unhashed_with(fields: dict[str, str]) -> Held:
    """Return UNHASHED as if the first response had had these fields."""
    return UNHASHED._replace(checkpoint=Checkpoint(complete_length=LENGTH, fields=fields))


def part(first: object = OFFSET, last: object = LENGTH - 1, length: object = LENGTH, **fields: str) -> ResponseHead:
    """Make a 206 with this Content-Range; ``fields`` have _ for - and may replace it."""
    return ResponseHead(206, {**ETAG, "content-range": f"bytes {first}-{last}/{length}", **with_dashes(fields)})


def complete(length: int | None = LENGTH, **fields: str) -> ResponseHead:
    """Make a 200 with this Content-Length, or without any for None; ``fields`` have _ for -."""
    content_length = {} if length is None else {"content-length": str(length)}
    return ResponseHead(200, {**ETAG, **content_length, **with_dashes(fields)})


def unsatisfied(length: object) -> ResponseHead:
    """Make a 416 that gives this complete-length."""
    return ResponseHead(416, {"content-range": f"bytes */{length}"})


def without(head: ResponseHead, name: str) -> ResponseHead:
    """Return a head without one field."""
    return head._replace(fields={key: value for key, value in head.fields.items() if key != name})


def with_dashes(fields: dict[str, str]) -> dict[str, str]:
    """Return fields with the names that HTTP gives them: - for _."""
    return {name.replace("_", "-"): value for name, value in fields.items()}
