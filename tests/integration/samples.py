"""The file that most of these tests download, and the responses of a server that has it."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from typing import Protocol

from integration.machine import Machine, hashed_link
from pip._internal.models.link import Link
from servers.fault_server import Answer, FaultServer, FileAnswer, Framing, Then
from servers.index_pages import IMMUTABLE, ZIP_EPOCH, noise

from pip_resume.protocol.planning import OVERLAP_BYTES

PATH = "/files/sample-1.0-py3-none-any.whl"
SIZE = 1_500_000
"""In bytes. A file of up to STORED_FROM_BYTES would not be stored."""
HELD = 1_200_000
"""How many bytes of the file CUT sends, which are held, and stored, afterwards."""
REST_RANGE = f"bytes={HELD}-"
"""The Range field of the next request in the same run, with a hash."""
NEXT_RUN_RANGE = f"bytes={HELD - OVERLAP_BYTES}-"
"""The Range field of the first request of the next run; without a hash, of the next request in the same run, too."""
MEMBER_BYTES = 90_000


def zip_of(size: int, seed: int, member: int = MEMBER_BYTES) -> bytes:
    """Make a zip file of exactly this size in bytes: members of noise, whose checksums show every changed byte."""
    sizes = [member] * (size // member - 1)
    without_last = _zip_of_members([*sizes, 0], seed)
    content = _zip_of_members([*sizes, size - len(without_last)], seed)
    assert len(content) == size
    return content


def _zip_of_members(sizes: list[int], seed: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for number, size in enumerate(sizes):
            archive.writestr(zipfile.ZipInfo(f"sample/{number:03}", ZIP_EPOCH), noise(size, seed * 1000 + number))
    return buffer.getvalue()


CONTENT = zip_of(SIZE, seed=1)
OTHER_CONTENT = zip_of(SIZE, seed=2)
FILE = FileAnswer(CONTENT, etag='"v1"', fields={"Cache-Control": IMMUTABLE})
WITHOUT_RANGES = replace(FILE, ranges=False)
UNTIL_CLOSE = replace(FILE, framing=Framing.UNTIL_CLOSE)
LOGIN_PAGE = Answer(200, {"Content-Type": "text/html"}, b"<html>Please log in</html>" * 200)


def cut(response: FileAnswer, after: int = HELD, then: Then = Then.CLOSE) -> FileAnswer:
    """Return the same response, of which `after` bytes are sent."""
    return replace(response, cut_after=after, then=then)


CUT = cut(FILE)


class Server(Protocol):
    """Any of the test servers."""

    def url(self, path: str) -> str: ...


def link_with_hash(server: Server, *, name: str = "sha256") -> Link:
    """Return the link to the file on this server, with a hash in its fragment."""
    return hashed_link(server.url(PATH), CONTENT, name=name)


def link_without_hash(server: Server) -> Link:
    """Return the link to the file on this server."""
    return Link(server.url(PATH))


def link_with_partial(machine: Machine, server: FaultServer, *then: Answer | FileAnswer, has_hash: bool = True) -> Link:
    """Let one run store the first HELD bytes of the file; return the link.

    `then` is what the server sends afterwards; without it the server goes on to cut the file.
    """
    link = link_with_hash(server) if has_hash else link_without_hash(server)
    server.plays(PATH, CUT, *then)
    machine.download_partly(link)
    return link
