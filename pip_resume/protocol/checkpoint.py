"""The record beside a partial: what its bytes are, and how to request the rest. No I/O.

When it is read back it is data from outside: a record that we would not have written is not used.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT = 3
"""The version of the record. A higher one was written by a newer pip-resume and is left alone.

The rule: a field that is added, removed or changes its meaning makes a new number. All older numbers stay readable, and
``tests/unit/records`` has a record of each. Format 1 had ``created_s``, which nothing
read; ``is_unhashed`` is new in format 3.
"""
MAX_RECORD_BYTES = 64 * 1024
"""A record has a few hundred bytes. A larger file was not written by us."""
RECORDED_FIELDS = (
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
"""The fields of the first response that a record may hold: those that decide about ranges and about pip's cache entry.

A list of what is allowed, so that cookies and tokens never reach the disk.
"""
_MAX_LENGTH = 1 << 63
_MAX_NAME = 255
"""The longest name of a file or a host. A record with a longer one would fill the terminal."""
_REMOVED_IN_2 = "created_s"


class Checkpoint(NamedTuple):
    """What is known of the file that a partial is the start of."""

    filename: str = ""
    """The name that pip gives the file: one path component. Empty if it is not known yet."""
    content_type: str = ""
    host: str = ""
    """For ``pip-resume list``: the host of the index, without port and userinfo."""
    complete_length: int | None = None
    """In bytes. None if no response has given it yet."""
    fields: Mapping[str, str] | None = None
    """Those of RECORDED_FIELDS that the first response had, names in lower case. None if there was no response."""
    url_key: str = ""
    """artifact.url_key of the URL that gave the fields. Those of a different URL say nothing about ours."""
    boot_id: str = ""
    """The system's boot in which bytes were last written. Empty if the system has no such name."""
    inode: int = 0
    """The inode of the part file that the record was written for.

    Without a hash, a record beside a different file says nothing about it.
    """
    synced: int = 0
    """How many bytes from the start are known to be on the medium, and not only in the system's memory."""
    is_https: bool = True
    """Whether every URL on the way to the first response was https."""
    is_unhashed: bool | None = None
    """Whether the bytes were stored for a link without a hash. None before format 3.

    Without a hash only such bytes are used: an index could name any part file by a hash of its choice.
    """

    def field(self, name: str) -> str | None:
        """Return a field of the first response by its lower-case name, or None."""
        return (self.fields or {}).get(name)


def recorded_fields(fields: Mapping[str, str]) -> dict[str, str]:
    """Return those of a response's fields (names in lower case) that a record may hold.

    A field with control characters is left out.
    """
    recorded = {name: fields[name] for name in RECORDED_FIELDS if _is_line(fields.get(name))}
    if "etag" in fields and "etag" not in recorded:
        # A date must not stand in for an ETag that exists (RFC 9110 section 13.1.5).
        recorded.pop("last-modified", None)
    return recorded


def recorded_name(filename: str) -> str:
    """Return the file's name as a record may hold it; empty if parse_checkpoint would reject it."""
    return filename if _is_line(filename) and _is_component(filename) else ""


def encode_checkpoint(checkpoint: Checkpoint) -> bytes:
    """Encode a checkpoint as a record: one JSON object, with the format's version first."""
    return json.dumps({"format": FORMAT, **checkpoint._asdict()}, indent=1).encode("ascii") + b"\n"


def record_format(record: bytes) -> int | None:
    """Return the version that a record claims to have; None if it is not a record at all."""
    try:
        version = json.loads(record)["format"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return version if type(version) is int else None


def parse_checkpoint(record: bytes) -> Checkpoint | None:
    """Decode a record; None for an unknown version, and for everything that we would not have written."""
    version = record_format(record) if len(record) <= MAX_RECORD_BYTES else None
    if version not in (1, 2, FORMAT):
        return None
    values = json.loads(record)
    del values["format"]
    if version == 1:
        values.pop(_REMOVED_IN_2, None)
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
        and len(checkpoint.host) <= _MAX_NAME
        and (checkpoint.complete_length is None or _is_length(checkpoint.complete_length))
        and _is_length(checkpoint.synced)
        and _is_inode(checkpoint.inode)
        and _is_truth(checkpoint.is_https)
        and (checkpoint.is_unhashed is None or _is_truth(checkpoint.is_unhashed))
        and (checkpoint.fields is None or _are_fields(checkpoint.fields))
    )


def _is_line(value: Any) -> bool:
    # A line break in a recorded field would be a second field in pip's cache entry.
    return isinstance(value, str) and value.isprintable()


def _is_component(name: str) -> bool:
    return len(name) <= _MAX_NAME and name not in (".", "..") and not set(name) & set("/\\:\0")


def _is_length(value: Any) -> bool:
    return type(value) is int and 0 <= value < _MAX_LENGTH


def _is_truth(value: Any) -> bool:
    return type(value) is bool


def _is_inode(value: Any) -> bool:
    # Some file systems of Windows have inodes of 128 bits.
    return type(value) is int and 0 <= value < 1 << 128


def _are_fields(fields: Any) -> bool:
    return isinstance(fields, dict) and all(
        name in RECORDED_FIELDS and _is_line(value) for name, value in fields.items()
    )


def with_length(checkpoint: Checkpoint, complete_length: int | None) -> Checkpoint:
    """Return the checkpoint with the complete-length of a response. None changes nothing: what is known is kept."""
    if complete_length is None:
        return checkpoint
    return checkpoint._replace(complete_length=complete_length)
