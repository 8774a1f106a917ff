"""The record beside a partial: what its bytes are and how to ask for the rest. No I/O.

Data from outside when it is read back: anything that is not exactly what we would have written is not used.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT = 1
"""Version of the record. A higher one was written by a newer pip-resume and is left alone."""
MAX_RECORD_BYTES = 64 * 1024
"""A record is a few hundred bytes; more than this was not written by us."""
KEPT_FIELDS = (
    "accept-ranges",
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-type",
    "date",
    "etag",
    "expires",
    "last-modified",
    "vary",
)
"""The response fields that pip's cache entry is made from. A white list: cookies and tokens never reach the disk."""
_MAX_LENGTH = 1 << 63


class Checkpoint(NamedTuple):
    """What is known of the representation that a partial is the beginning of."""

    filename: str = ""
    """The name pip gives the file, one path component; empty when not known yet."""
    content_type: str = ""
    host: str = ""
    """For ``pip-resume list``: the index host, without port and userinfo."""
    complete_length: int | None = None
    """In bytes; None when no answer has told it yet."""
    fields: Mapping[str, str] | None = None
    """Fields of the first answer out of KEPT_FIELDS, names in lower case; None when there was none."""
    url_key: str = ""
    """sha256 of the URL that gave the fields: those of another URL say nothing about ours."""
    created_s: float = 0.0
    """Seconds since the epoch."""
    boot_id: str = ""
    """The system's boot when bytes were last written; empty where the system has no such name."""
    inode: int = 0
    """Of the part file the record was written for.

    Without a hash, a record beside another file says nothing about it.
    """
    synced: int = 0
    """How many bytes from the start are known to be on the medium, not only in the system's memory."""

    def field(self, name: str) -> str | None:
        """A field of the first answer by its lower-case name, or None."""
        return (self.fields or {}).get(name)


def kept_fields(fields: Mapping[str, str]) -> dict[str, str]:
    """Those of an answer's fields (names in lower case) that a checkpoint may hold.

    One with control characters is left out.
    """
    kept = {name: fields[name] for name in KEPT_FIELDS if _is_line(fields.get(name))}
    if "etag" in fields and "etag" not in kept:
        # A date must not stand in for an ETag that exists (RFC 9110 section 13.1.5).
        kept.pop("last-modified", None)
    return kept


def kept_name(filename: str) -> str:
    """The file's name as a checkpoint may hold it; empty when it is none that we would read back."""
    return filename if _is_line(filename) and _is_component(filename) else ""


def encode_checkpoint(checkpoint: Checkpoint) -> bytes:
    """The record as it stands on disk: one JSON object with the format's version first."""
    return json.dumps({"format": FORMAT, **checkpoint._asdict()}, indent=1).encode("ascii") + b"\n"


def record_format(record: bytes) -> int | None:
    """The version that a record claims, or None when it is not a record at all."""
    try:
        version = json.loads(record)["format"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return version if type(version) is int else None


def parse_checkpoint(record: bytes) -> Checkpoint | None:
    """The checkpoint of a record, or None for an unknown version or for anything we would not have written."""
    if len(record) > MAX_RECORD_BYTES or record_format(record) != FORMAT:
        return None
    values = json.loads(record)
    del values["format"]
    try:
        checkpoint = Checkpoint(**values)
    except TypeError:
        return None
    return checkpoint if _is_sane(checkpoint) else None


def _is_sane(checkpoint: Checkpoint) -> bool:
    texts = (checkpoint.filename, checkpoint.content_type, checkpoint.host, checkpoint.url_key, checkpoint.boot_id)
    return (
        all(_is_line(text) for text in texts)
        and _is_component(checkpoint.filename)
        and (checkpoint.complete_length is None or _is_length(checkpoint.complete_length))
        and _is_length(checkpoint.synced)
        and _is_inode(checkpoint.inode)
        # A NaN would compare false with every age limit and so live for ever.
        and type(checkpoint.created_s) in (int, float)
        and 0 <= checkpoint.created_s < 1e12
        and (checkpoint.fields is None or _are_fields(checkpoint.fields))
    )


def _is_line(value: Any) -> bool:
    # A line break in a stored field would be a second field in pip's cache entry.
    return isinstance(value, str) and value.isprintable()


def _is_component(name: str) -> bool:
    return name not in (".", "..") and not set(name) & set("/\\:\0")


def _is_length(value: Any) -> bool:
    return type(value) is int and 0 <= value < _MAX_LENGTH


def _is_inode(value: Any) -> bool:
    # 128 bits on some file systems of Windows.
    return type(value) is int and 0 <= value < 1 << 128


def _are_fields(fields: Any) -> bool:
    return isinstance(fields, dict) and all(name in KEPT_FIELDS and _is_line(value) for name, value in fields.items())


def with_length(checkpoint: Checkpoint, complete_length: int | None) -> Checkpoint:
    """The checkpoint with the complete-length that an answer has told; what is known is never forgotten."""
    if complete_length is None:
        return checkpoint
    return checkpoint._replace(complete_length=complete_length)
