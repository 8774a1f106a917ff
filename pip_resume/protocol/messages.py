"""A request, the head of its response, and what is held when it is sent, as values. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pip_resume.protocol.checkpoint import Checkpoint
from pip_resume.protocol.http_fields import encode_range, parse_content_length, strong_date, strong_validator

if TYPE_CHECKING:
    from collections.abc import Mapping


class Held(NamedTuple):
    """The bytes that this run has, and what is known about them."""

    offset: int = 0
    """Number of bytes held from the start of the file."""
    checkpoint: Checkpoint = Checkpoint()
    digest_known: bool = False
    """Whether the link has a hash. No validator is needed then: the digest decides at the end."""
    overlap: int = 0
    """How many bytes before the offset to request again and compare."""

    @property
    def validator(self) -> str | None:
        """The value for If-Range, or None if there is none."""
        field = self.checkpoint.field
        return strong_validator(field("etag"), field("last-modified"), field("date"))

    @property
    def date(self) -> str | None:
        """The Last-Modified that is compared beside a weak ETag, or None. A date is never sent where an ETag exists."""
        field = self.checkpoint.field
        return strong_date(field("last-modified"), field("date")) if field("etag") is not None else None

    @property
    def can_continue(self) -> bool:
        """Whether a ranged request can continue what is held."""
        return self.digest_known or self.validator is not None or self.date is not None

    @property
    def is_complete(self) -> bool:
        """Whether no byte is missing. False while the complete-length is unknown."""
        return self.offset > 0 and self.offset == self.checkpoint.complete_length


class Request(NamedTuple):
    """A plain GET, or a GET with one open range."""

    first_pos: int | None = None
    """Inclusive. None for a plain GET."""
    if_range: str | None = None
    """The validator for If-Range, or None to send no If-Range."""
    no_cache: bool = False
    """Whether caches on the way have to ask the server (RFC 9111 section 5.2.1.4)."""

    @property
    def is_ranged(self) -> bool:
        """Whether the request carries Range."""
        return self.first_pos is not None

    @property
    def fields(self) -> dict[str, str]:
        """The fields that this request has beyond those that pip sends."""
        fields = {"Cache-Control": "no-cache"} if self.no_cache else {}
        if self.first_pos is None:
            return fields
        fields["Range"] = encode_range(self.first_pos)
        if self.if_range is not None:
            # RFC 9110 section 13.1.5: If-Range is never sent without Range.
            fields["If-Range"] = self.if_range
        return fields


class ResponseHead(NamedTuple):
    """The status and the fields of a response."""

    status: int
    fields: Mapping[str, str]
    """Names in lower case. Repeated fields are joined with a comma."""
    from_cache: bool = False
    """Whether pip's HTTP cache gave the response, without asking a server."""
    url_key: str = ""
    """artifact.url_key of the URL that gave the response, after all redirects."""
    is_https: bool = True
    """Whether every URL on the way to the response, redirects included, was https."""

    @property
    def is_chunked(self) -> bool:
        """Whether the body ends with a last chunk (RFC 9112 section 7.1)."""
        return "chunked" in self.fields.get("transfer-encoding", "").lower()

    @property
    def content_length(self) -> int | None:
        """Number of bytes in this body (in a 206: in the part), or None. RFC 9112 section 6.3.

        Transfer-Encoding overrides Content-Length.
        """
        return None if self.is_chunked else parse_content_length(self.fields.get("content-length"))

    @property
    def is_close_delimited(self) -> bool:
        """Whether only the end of the connection ends the body. A cut looks like an end then (RFC 9112 section 8)."""
        return not self.is_chunked and self.content_length is None

    @property
    def may_be_cut(self) -> bool:
        """Whether wrong bytes may mean that this body was cut, and not that the file is a different one."""
        return self.status < 400 and self.is_close_delimited and not self.from_cache
