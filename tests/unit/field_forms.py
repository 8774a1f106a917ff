"""The inverse of what `protocol.http_fields` parses and formats, for tests only."""

from __future__ import annotations

import re

from pip_resume.protocol.http_fields import LARGEST_NUMBER, ContentRange, EntityTag

# RFC 9110 section 14.1.1: ranges-specifier = range-unit "=" range-set ; int-range = first-pos "-" [ last-pos ]
# Only the form that pip-resume sends: one range without a last-pos.
_OPEN_RANGE = re.compile(r"[ \t]*bytes=(?P<first>[0-9]{1,19})-[ \t]*", re.IGNORECASE | re.ASCII)


def encode_entity_tag(tag: EntityTag) -> str:
    """Format an ETag. The inverse of ``parse_entity_tag``."""
    return f'{"W/" if tag.weak else ""}"{tag.opaque}"'


def encode_content_range(content_range: ContentRange) -> str:
    """Format a Content-Range. The inverse of ``parse_content_range``."""
    complete_length = "*" if content_range.complete_length is None else content_range.complete_length
    if content_range.first_pos is None:
        return f"bytes */{complete_length}"
    return f"bytes {content_range.first_pos}-{content_range.last_pos}/{complete_length}"


def parse_range(text: str | None) -> int | None:
    """Return the first-pos of a Range with one byte range and without a last-pos; None for every other form.

    RFC 9110 section 14.1.2. The inverse of ``encode_range``.
    """
    match = _OPEN_RANGE.fullmatch(text or "")
    first_pos = None if match is None else int(match["first"])
    return first_pos if first_pos is not None and first_pos <= LARGEST_NUMBER else None
