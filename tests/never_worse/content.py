"""The bytes that a server has: builds of a wheel and pages. And what a file on disk turns out to be."""

from __future__ import annotations

import functools
import gzip
import hashlib
import io
import random
import zipfile
import zlib
from typing import Callable, Literal

BuildName = Literal["first", "different", "one byte", "longer"]
FileKind = Literal["build", "truncated", "damaged", "page", "build with a page at the end", "gzip of a build", "mixed"]

LOGIN_PAGE = (b"<html><title>Log in</title>" + b"<p>Please log in to use this network.</p>" * 120 + b"</html>")[:5000]
ERROR_PAGE = b"<html><title>502 Bad Gateway</title>" + b"<p>The upstream server has gone away.</p>" * 16 + b"</html>"
METADATA = b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n"
FILENAME = "demo-1.0-py3-none-any.whl"

_INFO = {
    "demo-1.0.dist-info/METADATA": METADATA,
    "demo-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nGenerator: none\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    "demo-1.0.dist-info/RECORD": b"demo/data.bin,,\ndemo-1.0.dist-info/METADATA,,\ndemo-1.0.dist-info/WHEEL,,\n",
}
_MOST_NOISE = 9_000_000
_FLIPPED_AT = 200
"""Near the start, so that a file whose end is from the other build has a wrong CRC."""


@functools.lru_cache(maxsize=1)
def _noise() -> bytes:
    """Return bytes that nothing can compress, more than the largest build has."""
    return random.Random("never worse").randbytes(_MOST_NOISE)


@functools.lru_cache(maxsize=64)
def build(size: int, name: BuildName) -> bytes:
    """Return a wheel of this many bytes (`longer` has a tenth more): a zip file that packs nothing."""
    length = size + size // 10 if name == "longer" else size
    start = {"different": 1_000_003, "longer": 2_000_003}.get(name, 0)
    noise = (_noise() + _noise())[start : start + length - len(_wheel(b""))]
    if name == "one byte":
        noise = noise[:_FLIPPED_AT] + bytes([noise[_FLIPPED_AT] ^ 1]) + noise[_FLIPPED_AT + 1 :]
    return _wheel(noise)


def _wheel(data: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, member in {"demo/data.bin": data, **_INFO}.items():
            archive.writestr(zipfile.ZipInfo(name), member)
    return packed.getvalue()


def damaged(size: int) -> bytes:
    """Return the first build with zeros in its second half, as a disk may have it."""
    complete = build(size, "first")
    return complete[: size // 2] + bytes(size - size // 2)


@functools.lru_cache(maxsize=64)
def hexdigest(size: int, name: BuildName, algorithm: str) -> str:
    """Return the digest of a build."""
    return hashlib.new(algorithm, build(size, name)).hexdigest()


@functools.lru_cache(maxsize=8)
def gzipped(size: int, name: BuildName) -> bytes:
    """Return a build as a server sends it that compresses what it sends."""
    return gzip.compress(build(size, name), 0, mtime=0)


def is_sound_container(content: bytes) -> bool:
    """Whether pip could unpack the wheel: its directory is there, and the CRC of each member is right."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return archive.testzip() is None
    except (zipfile.BadZipFile, EOFError, NotImplementedError, zlib.error, RuntimeError):
        return False


def kind_of(content: bytes, size: int) -> tuple[FileKind, str]:
    """Return what a file is, and of which build. `mixed` is everything that no server has sent as one body."""
    if content in (LOGIN_PAGE, ERROR_PAGE):
        return "page", ""
    if content == damaged(size):
        return "damaged", "first"
    kinds: tuple[tuple[FileKind, Callable[[BuildName], bool]], ...] = (
        ("build", lambda name: content == build(size, name)),
        ("truncated", lambda name: build(size, name).startswith(content)),
        ("build with a page at the end", lambda name: build(size, name).startswith(_without_page(content))),
        ("gzip of a build", lambda name: gzipped(size, name).startswith(_without_page(content))),
    )
    names: tuple[BuildName, ...] = ("first", "different", "one byte", "longer")
    found = ((kind, name) for kind, fits in kinds for name in names if fits(name))
    return next(found, ("mixed", ""))


def _without_page(content: bytes) -> bytes:
    """Return what stands before an error page, or before its start, at the end; all of it if there is none."""
    start = content.rfind(ERROR_PAGE[:20])
    return content[:start] if start >= 0 and ERROR_PAGE.startswith(content[start:]) else content
