"""No sequence of answers makes a download loop, and none makes wrong bytes pass for right ones."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import NoReturn

from hypothesis import given, settings
from hypothesis import strategies as st
from integration.machine import BOOT_ID, FakeClock, Told
from servers.index_pages import noise

from pip_resume.artifact import Artifact, Digest
from pip_resume.engine import transfer
from pip_resume.errors import ConnectionLost, GaveUp, PipError
from pip_resume.protocol.http_fields import parse_range
from pip_resume.protocol.messages import ResponseHead
from pip_resume.protocol.retry import Budget
from pip_resume.storage.partial import Partial
from pip_resume.storage.store import Store

SIZE = 150_000
CONTENT = noise(SIZE, seed=1)
OTHER = noise(SIZE + 10_000, seed=2)
FILES = {
    "right": CONTENT,
    "other": OTHER,
    "damaged": CONTENT[:100_000] + b"x" + CONTENT[100_001:],
    "too short": CONTENT[:100_000],
    "too long": CONTENT + b"more",
    "a page": OTHER[:5_000],
    "empty": b"",
}
DIGEST = Digest("sha256", hashlib.sha256(CONTENT).hexdigest())
URL = "https://index.test/a-1.whl"
RETRIES = 3
# Each 4 KiB of progress refills the budget, and at most twice everything begins anew.
# The arguments have the names of host.Transport, so that they can be given by name.
# ruff: noqa: ARG002
MOST_REQUESTS = 3 * (RETRIES + 1) * (len(OTHER) // 4096 + 1)


@dataclass(frozen=True)
class Line:
    """One answer, as a server makes it of what it is asked for."""

    status: int | None = None
    """None: 200 or 206 as asked."""
    file: str = "right"
    """One of FILES."""
    ranges: bool = True
    shift: int = 0
    framing: str = "length"
    """Or "chunked", "close"."""
    told: str = "{size}"
    """The complete-length in Content-Range."""
    cut: int | None = None
    """Bytes of the body after which the line breaks (with framing "close": ends)."""
    etag: str | None = '"v1"'
    from_cache: bool = False

    @property
    def is_wrong(self) -> bool:
        """Whether other bytes, or other positions, than those of the file may come."""
        return self.file != "right" or self.shift != 0 or self.status is not None

    @property
    def content(self) -> bytes:
        return FILES[self.file]

    def answer(self, first_pos: int | None) -> Played:
        fields = {"date": "Fri, 03 Jan 2020 10:00:00 GMT", **({"etag": self.etag} if self.etag else {})}
        status, start, body = self._part(first_pos)
        if status in (206, 416):
            size = self.told.format(size=len(self.content))
            span = f"{start}-{start + len(body) - 1}" if status == 206 else "*"
            fields["content-range"] = f"bytes {span}/{size}"
        if self.framing == "length":
            fields["content-length"] = str(len(body))
        elif self.framing == "chunked":
            fields["transfer-encoding"] = "chunked"
        is_cut = self.cut is not None and self.cut < len(body)
        breaks = is_cut and self.framing != "close"
        return Played(
            ResponseHead(status, fields, self.from_cache, "key"), body[: self.cut] if is_cut else body, breaks
        )

    def _part(self, first_pos: int | None) -> tuple[int, int, bytes]:
        if self.status not in (None, 200, 206):
            return self.status or 0, 0, b""
        start = max(0, (first_pos or 0) + self.shift) if self.ranges else 0
        if start >= len(self.content):
            return 416, start, b""
        is_part = self.ranges and first_pos is not None
        return self.status or (206 if is_part else 200), start, self.content[start:]


class Played:
    """See host.Answer."""

    def __init__(self, head: ResponseHead, body: bytes, breaks: bool) -> None:
        self.head = head
        self._body = body
        self._breaks = breaks

    def read(self, size: int) -> bytes:
        block, self._body = self._body[:size], self._body[size:]
        if not block and self._breaks:
            raise ConnectionLost("cut")
        return block

    def close(self) -> None:
        pass


class Refused(Exception):
    pass


class Script:
    """See host.Transport: plays its lines again and again, with a cache that forgets nothing unless it is told to."""

    def __init__(self, lines: list[Line], cached: Line | None) -> None:
        self._lines: Iterator[Line] = cycle(lines)
        self._cached = cached
        self.requests = 0
        self.wrong = 0
        self.handed_over: list[bytes] = []

    def first(self) -> Played:
        return self._played(self._cached or next(self._lines), None)

    def get(self, fields: Mapping[str, str]) -> Played:
        return self._played(next(self._lines), parse_range(fields.get("Range")))

    def cached(self) -> Played | None:
        return None if self._cached is None else self._played(self._cached, None)

    def cached_file(self, answer: object) -> Path | None:
        return None

    def evict(self, answer: object) -> None:
        self._cached = None

    def reject(self, answer: object) -> NoReturn:
        raise PipError(Refused())

    def filename(self, answer: object) -> str:
        return "a-1.whl"

    def store_in_cache(self, partial: Partial, body: Path, answer: object) -> None:
        self.handed_over.append(body.read_bytes())

    def begin_run(self) -> None:
        self.requests = 0

    def _played(self, line: Line, first_pos: int | None) -> Played:
        self.requests += 1
        assert self.requests <= MOST_REQUESTS, "it loops"
        self.wrong += line.is_wrong
        return line.answer(first_pos)


CUTS = st.sampled_from([None, None, 0, 1, 5_000, 70_000, 140_000])
FRAMINGS = st.sampled_from(["length", "length", "chunked", "close"])
HONEST = st.builds(
    Line, ranges=st.booleans(), framing=FRAMINGS, cut=CUTS, etag=st.sampled_from(['"v1"', 'W/"v1"', None])
)
LIES = st.builds(
    Line,
    status=st.sampled_from([None, None, 200, 206]),
    file=st.sampled_from(list(FILES)),
    ranges=st.booleans(),
    shift=st.sampled_from([0, 0, -1000, 1, -SIZE]),
    framing=FRAMINGS,
    told=st.sampled_from(["{size}", "*", "150000", "1", "nonsense"]),
    cut=CUTS,
    etag=st.sampled_from(['"v1"', '"v2"', None]),
)
REFUSALS = st.builds(
    Line, status=st.sampled_from([416, 429, 503, 304, 404]), told=st.sampled_from(["{size}", "7", "x"])
)
CACHED = st.builds(
    Line, file=st.sampled_from(["right", "other", "damaged", "empty"]), cut=CUTS, from_cache=st.just(True)
)


def download(script: Script, directory: Path, digest: Digest | None) -> bytes | None:
    """What one run of pip gets, None for an error in its own words or ours."""
    location = Path(tempfile.mkdtemp(dir=directory))
    script.begin_run()
    store = Store(directory / "cache", BOOT_ID)
    artifact = Artifact(URL, "a-1.whl", digest)
    try:
        finished = transfer.download(artifact, location, script, store, Told(), Budget(RETRIES), FakeClock())
    except (GaveUp, PipError):
        return None
    return finished.path.read_bytes()


# Each example is two whole runs with files on disk.
some = settings(max_examples=settings().max_examples // 2)


@some
@given(st.lists(HONEST | LIES | REFUSALS, min_size=1, max_size=6), st.none() | CACHED)
def test_with_a_hash_no_answers_make_it_loop_or_wrong_bytes_pass(lines: list[Line], cached: Line | None) -> None:
    script = Script(lines, cached)
    with tempfile.TemporaryDirectory() as directory:
        results = [download(script, Path(directory), DIGEST) for _run in range(2)]

    assert set(script.handed_over) <= {CONTENT}
    # Only after a second wrong download pip gets the file, to judge it itself.
    assert set(results) <= {CONTENT, None} or script.wrong >= 2


@some
@given(st.lists(HONEST | LIES | REFUSALS, min_size=1, max_size=6), st.none() | CACHED)
def test_without_a_hash_no_answers_make_it_loop(lines: list[Line], cached: Line | None) -> None:
    script = Script(lines, cached)
    with tempfile.TemporaryDirectory() as directory:
        for _run in range(2):
            download(script, Path(directory), None)


@some
@given(st.lists(HONEST, min_size=1, max_size=6))
def test_with_a_hash_an_honest_server_on_a_bad_line_never_makes_a_wrong_file(lines: list[Line]) -> None:
    script = Script(lines, None)
    with tempfile.TemporaryDirectory() as directory:
        results = [download(script, Path(directory), DIGEST) for _run in range(2)]

    assert set(results) <= {CONTENT, None}


@some
@given(st.lists(HONEST.filter(lambda line: line.framing != "close"), min_size=1, max_size=6))
def test_without_a_hash_an_honest_server_that_tells_the_end_never_makes_a_wrong_file(lines: list[Line]) -> None:
    script = Script(lines, None)
    with tempfile.TemporaryDirectory() as directory:
        results = [download(script, Path(directory), None) for _run in range(2)]

    assert set(results) <= {CONTENT, None}
