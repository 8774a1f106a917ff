"""One request and its answer as values, with what we hold when it is sent. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pip_resume.protocol.checkpoint import Checkpoint
from pip_resume.protocol.http_fields import encode_range, parse_content_length, strong_validator

if TYPE_CHECKING:
    from collections.abc import Mapping


class Held(NamedTuple):
    """The bytes we have and what we know about them."""

    offset: int = 0
    """Number of bytes from the start."""
    checkpoint: Checkpoint = Checkpoint()
    digest_known: bool = False
    """Whether the link has a hash, so that a validator is not needed: the digest decides at the end."""
    overlap: int = 0
    """How many of the bytes to ask for once more: OVERLAP_BYTES for those of an earlier run, none within a run."""

    @property
    def validator(self) -> str | None:
        """What may go into If-Range, or None."""
        field = self.checkpoint.field
        return strong_validator(field("etag"), field("last-modified"), field("date"))

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing, as far as the complete-length is known."""
        return self.offset > 0 and self.offset == self.checkpoint.complete_length


class RangeRequest(NamedTuple):
    """One request: a plain GET, or one with a single open range."""

    first_pos: int | None = None
    """Inclusive; None for a plain GET."""
    if_range: str | None = None

    @property
    def fields(self) -> dict[str, str]:
        """The request fields for it."""
        if self.first_pos is None:
            return {}
        fields = {"Range": encode_range(self.first_pos)}
        # RFC 9110 section 13.1.5: never without Range.
        return {**fields, "If-Range": self.if_range} if self.if_range else fields


class ResponseHead(NamedTuple):
    """The status and fields of an answer."""

    status: int
    fields: Mapping[str, str]
    """Names in lower case; repeated fields joined with a comma."""
    from_cache: bool = False
    """Whether pip's HTTP cache gave it, so that no server said anything."""
    url_key: str = ""
    """sha256 of the URL that really answered, after redirects."""

    @property
    def is_chunked(self) -> bool:
        """Whether the body ends with a chunk of its own (RFC 9112 section 7.1)."""
        return "chunked" in self.fields.get("transfer-encoding", "").lower()

    @property
    def content_length(self) -> int | None:
        """Bytes of this body (of the part, in a 206), or None. RFC 9112 section 6.3: Transfer-Encoding overrides it."""
        return None if self.is_chunked else parse_content_length(self.fields.get("content-length"))

    @property
    def is_close_delimited(self) -> bool:
        """Whether the body simply ends with the connection, so that a cut looks like an end (RFC 9112 section 8)."""
        return not self.is_chunked and self.content_length is None

    @property
    def is_cut_like_its_end(self) -> bool:
        """Whether wrong bytes at the end of this body are an interruption rather than tampering."""
        return self.status in (200, 203, 206) and self.is_close_delimited and not self.from_cache
