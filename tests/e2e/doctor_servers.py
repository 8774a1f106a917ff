"""Kinds of servers that `pip-resume doctor` meets, each with what it has to find out."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

from servers.fault_server import Framing, NoResponse
from servers.index_pages import IMMUTABLE, LONG_AGO, honest, wheel_artifact
from servers.journal import Request
from servers.script import Answer, FileAnswer, Reply, Scripted

MIB = 1024 * 1024
WITH_HASH = wheel_artifact("sample", size=8 * MIB)
WITHOUT_HASH = dataclasses.replace(WITH_HASH, hashes=())
GOOD = honest(WITH_HASH)
BARE = FileAnswer(WITH_HASH.content)
"""A file without validators and without Cache-Control."""
PIP, OURS, NOBODY = "pip's cache", "pip-resume", "nobody"


@dataclasses.dataclass(frozen=True)
class IgnoresIfRange(FileAnswer):
    """A file of a server that honours Range and ignores If-Range, such as the S3 of moto."""

    def reply(self, request: Request) -> Reply:
        fields = {name: value for name, value in request.fields.items() if name != "if-range"}
        return super().reply(dataclasses.replace(request, fields=fields))


@dataclasses.dataclass(frozen=True)
class NeverAcceptsIfRange(FileAnswer):
    """A file of a server that sends the whole file for every If-Range."""

    def reply(self, request: Request) -> Reply:
        fields = dict(request.fields)
        if "if-range" in fields:
            del fields["range"]
        return super().reply(dataclasses.replace(request, fields=fields))


class Kind(NamedTuple):
    """What a server does with the file, and what the report says about it."""

    script: tuple[Scripted, ...]
    within: bool
    across: bool
    kept_by: str
    words: tuple[str, ...]
    """Each is part of the text of a finding."""


def like(base: FileAnswer, **changes: object) -> FileAnswer:
    return dataclasses.replace(base, **changes)  # type: ignore[arg-type]


def same(kind: type[IgnoresIfRange | NeverAcceptsIfRange], base: FileAnswer) -> FileAnswer:
    """Return an answer of this class with the values of a different one."""
    return kind(**{each.name: getattr(base, each.name) for each in dataclasses.fields(base)})


ONLY_TAG = like(BARE, etag='"1"')
ONLY_DATE = like(BARE, last_modified=LONG_AGO)
WEAK_TAG = like(BARE, etag='W/"1"')

KINDS_WITH_HASH = {
    "as nginx": Kind(
        (GOOD,), True, True, PIP, ("honoured: 206, with the right bytes", "a strong ETag, Last-Modified", "sha256: ")
    ),
    "no validator and no Cache-Control": Kind(
        (BARE,), True, True, OURS, ("no ETag, no Last-Modified", "not tried: there is no strong validator")
    ),
    "weak ETag": Kind((like(GOOD, etag='W/"1"'),), True, True, PIP, ("a weak ETag, Last-Modified",)),
    "no-store": Kind(
        (like(GOOD, fields={"Cache-Control": "no-store"}),), True, True, OURS, ("the server forbids it (no-store)",)
    ),
    "Range ignored": Kind(
        (like(GOOD, ranges=False),),
        False,
        False,
        PIP,
        (
            "ignored: 200, the complete file",
            "Resumes: no (the server ignores Range, and sends the complete file).",
            "not tried: it needs ranges",
        ),
    ),
    "Range ignored, chunked": Kind(
        (like(BARE, ranges=False, framing=Framing.CHUNKED),), False, False, OURS, ("ignored: 200, the complete file",)
    ),
    "Range refused with 403": Kind(
        (like(GOOD, partial_status=403, fields={"Content-Range": None}),),
        False,
        False,
        PIP,
        ("not usable: 403, the server refuses Range",),
    ),
    "Range refused by closing": Kind(
        (GOOD, NoResponse()), False, False, PIP, ("not usable: no response (closed without a response)",)
    ),
    "busy for ranges": Kind(
        (GOOD, Answer(503)), False, False, PIP, ("not usable: 503", "too busy at the moment; try again later")
    ),
    "206 without Content-Range": Kind(
        (like(GOOD, fields={"Cache-Control": IMMUTABLE, "Content-Range": None}),),
        # The part has the length of the rest, and the hash decides.
        True,
        True,
        PIP,
        ("honoured: 206, with the right bytes",),
    ),
    "206 with a different range": Kind(
        (like(GOOD, shift=100_000),),
        False,
        False,
        PIP,
        ("not usable: 206, the server sent a different range from the one requested",),
    ),
    "206 as multipart": Kind(
        (like(GOOD, multipart=True),), False, False, PIP, ("not usable: 206, the server answered with several parts",)
    ),
    "wrong bytes in the range": Kind(
        (GOOD, like(GOOD, flips=(20_000,))),
        False,
        False,
        PIP,
        ("206, but the bytes are not those that were requested", "the server sends wrong bytes for a range"),
    ),
    "If-Range ignored": Kind((same(IgnoresIfRange, GOOD),), True, True, PIP, ("ignored: 206 for a different",)),
    "If-Range never accepted": Kind(
        (same(NeverAcceptsIfRange, GOOD),), True, True, PIP, ("the server does not accept its own validator (200)",)
    ),
    "content coding gzip": Kind(
        (like(GOOD, fields={"Content-Encoding": "gzip"}),), True, True, PIP, ("Content-Encoding gzip",)
    ),
}
"""Over https, with a sha256 on the page of the index."""

KINDS_WITHOUT_HASH = {
    "206 without Content-Range": Kind(
        (like(GOOD, fields={"Cache-Control": IMMUTABLE, "Content-Range": None}),),
        False,
        False,
        PIP,
        (
            "not usable: 206, the server did not say which part it sent",
            "the parts that the server sends cannot be used",
        ),
    ),
    "strong ETag": Kind((ONLY_TAG,), True, True, PIP, ("none: the index does not say", "honoured: 206 for the same")),
    "strong date": Kind((ONLY_DATE,), True, True, NOBODY, ("no ETag, Last-Modified", "honoured: 206 for the same")),
    "weak ETag and strong date": Kind(
        (like(WEAK_TAG, last_modified=LONG_AGO),), True, True, PIP, ("a weak ETag, Last-Modified",)
    ),
    "weak ETag alone": Kind((WEAK_TAG,), False, False, PIP, ("without a strong validator nothing proves",)),
    "no validator": Kind((BARE,), False, False, NOBODY, ("without a strong validator nothing proves",)),
    "If-Range ignored": Kind(
        (same(IgnoresIfRange, ONLY_TAG),), True, True, PIP, ("ignored: 206 for a different validator too",)
    ),
    "If-Range never accepted": Kind(
        (same(NeverAcceptsIfRange, ONLY_TAG),), False, False, PIP, ("the server does not accept its own",)
    ),
    "Range ignored": Kind((like(ONLY_TAG, ranges=False),), False, False, PIP, ("ignored: 200, the complete file",)),
}
"""Over https, without a hash on the page of the index."""
