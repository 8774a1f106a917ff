"""One response to one request, with all that the rows of ``verdicts`` look at, as a value. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pip_resume.protocol.http_fields import (
    ContentRange,
    parse_content_coding,
    parse_content_range,
    parse_entity_tag,
    parse_first_pos,
    parse_loose_content_range,
)

if TYPE_CHECKING:
    from pip_resume.protocol.messages import Held, Request, ResponseHead
    from pip_resume.protocol.trust import Trust


class Case(NamedTuple):
    """One response to one request, with what the rows look at."""

    request: Request
    head: ResponseHead
    held: Held
    trust: Trust

    @property
    def is_ranged(self) -> bool:
        return self.request.is_ranged

    @property
    def is_part(self) -> bool:
        return self.head.status == 206

    @property
    def is_complete_file(self) -> bool:
        """Whether pip takes the body for the file: any status below 400, but not the answer to a range."""
        return self.head.status < 400 and not self.is_part

    @property
    def content_range(self) -> ContentRange | None:
        """Only one with positions; ``bytes */N`` belongs to 416. With a hash also in forms that some servers use."""
        if self.held.digest_known and (rest := self._rest_by_length()) is not None:
            return rest
        text = self.head.fields.get("content-range")
        parsed = parse_content_range(text)
        if parsed is None and self.held.digest_known:
            parsed = parse_loose_content_range(text)
        return parsed if parsed is not None and parsed.first_pos is not None else None

    def _rest_by_length(self) -> ContentRange | None:
        """Return what was requested if this part has exactly as many bytes, and does not start anywhere else.

        Whatever else its Content-Range says: some servers count last-pos or the complete-length wrong by one, or leave
        the field out. Only where a digest decides in the end. None for a part of a different length.
        """
        first_pos, complete_length = self.request.first_pos, self.held.checkpoint.complete_length
        if not self.is_part or first_pos is None or complete_length is None:
            return None
        text = self.head.fields.get("content-range")
        starts_there = text is None or parse_first_pos(text) == first_pos
        is_rest = starts_there and self.head.content_length == complete_length - first_pos
        return ContentRange(first_pos, complete_length - 1, complete_length) if is_rest else None

    @property
    def sent_length(self) -> int | None:
        """The complete-length in Content-Range."""
        parsed = self.content_range or parse_content_range(self.head.fields.get("content-range"))
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
        return self.held.offset > 0 and parse_content_coding(self.head.fields.get("content-encoding")) != ours

    @property
    def has_different_date(self) -> bool:
        """Whether both responses have a Last-Modified, and they differ."""
        ours, theirs = self.held.checkpoint.field("last-modified"), self.head.fields.get("last-modified")
        return ours is not None and theirs is not None and theirs != ours

    @property
    def is_date_forgiven(self) -> bool:
        """Whether a different date counts no more: the run has started over for one, and a strong ETag is equal.

        A weak ETag, or none, does not prove equal bytes (RFC 9110 section 8.8.1).
        """
        tag = parse_entity_tag(self.held.checkpoint.field("etag"))
        return self.trust.forgave_date and tag is not None and not tag.weak

    @property
    def has_different_etag(self) -> bool:
        """Whether the ETags differ. An ETag that the first response did not have is one that differs."""
        theirs = self.head.fields.get("etag")
        return theirs is not None and theirs != self.held.checkpoint.field("etag")

    @property
    def lacks_validator(self) -> bool:
        """Whether the validator that the first response had is missing.

        RFC 9110 section 15.3.7 allows a 206 to leave out the date, but not the ETag. If the date stands in for the
        ETag, because that is weak, it has to be there, too.
        """
        is_without_etag = self.held.checkpoint.field("etag") is not None and "etag" not in self.head.fields
        is_date_needed = self.request.if_range is None and self.held.date is not None
        return is_without_etag or (is_date_needed and "last-modified" not in self.head.fields)
