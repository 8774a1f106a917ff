"""No sequence of responses makes a download loop for ever, and none makes a wrong file count as the right one."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import NoReturn

from hypothesis import example, given, settings
from hypothesis import strategies as st
from integration.fakes import FakeClock, RecordingDisplay
from integration.machine import BOOT_ID, run_download
from integration.share import Share
from servers.index_pages import noise

from pip_resume.artifact import Artifact, Digest
from pip_resume.errors import ConnectionLost, GaveUp, PipError
from pip_resume.protocol.http_fields import parse_range
from pip_resume.protocol.messages import ResponseHead
from pip_resume.storage.partial import Partial
from pip_resume.storage.store import Store

SIZE = 150_000
CONTENT = noise(SIZE, seed=1)
OTHER_CONTENT = noise(SIZE + 10_000, seed=2)
FILES = {
    "right": CONTENT,
    "other": OTHER_CONTENT,
    "damaged": CONTENT[:100_000] + b"x" + CONTENT[100_001:],
    "too short": CONTENT[:100_000],
    "too long": CONTENT + b"more",
    "a page": OTHER_CONTENT[:5_000],
    "empty": b"",
}
DIGEST = Digest("sha256", hashlib.sha256(CONTENT).hexdigest())
URL = "https://index.test/a-1.whl"
RETRIES = 3
# Each 4 KiB of progress refills the retry budget, and a run starts over at most twice.
MOST_REQUESTS = 3 * (RETRIES + 1) * (len(OTHER_CONTENT) // 4096 + 1)

# The arguments have the names of interfaces.Transport, so that they can be given by name.
# ruff: noqa: ARG002


@dataclass(frozen=True)
class ScriptedResponse:
    """How a server makes one response to any request."""

    status: int | None = None
    """None: 200, or 206 to a request with Range."""
    file: str = "right"
    """A key of FILES."""
    ranges: bool = True
    """Whether it obeys a Range."""
    shift: int = 0
    """Added to the first-pos that was requested."""
    framing: str = "length"
    """Or "chunked", or "close"."""
    complete_length: str = "{size}"
    """In Content-Range."""
    cut: int | None = None
    """Number of bytes of the body after which the connection is lost, or, with framing "close", ends."""
    etag: str | None = '"v1"'
    from_cache: bool = False

    @property
    def may_be_wrong(self) -> bool:
        """Whether bytes of a different file, or from a different position, may come."""
        return self.file != "right" or self.shift != 0 or self.status is not None

    @property
    def content(self) -> bytes:
        return FILES[self.file]

    def respond(self, first_pos: int | None) -> BodyFromMemory:
        """Make the response; `first_pos` is that of the request, None without a Range."""
        fields = {"date": "Fri, 03 Jan 2020 10:00:00 GMT", **({"etag": self.etag} if self.etag else {})}
        status, start, body = self._part(first_pos)
        if status in (206, 416):
            size = self.complete_length.format(size=len(self.content))
            span = f"{start}-{start + len(body) - 1}" if status == 206 else "*"
            fields["content-range"] = f"bytes {span}/{size}"
        if self.framing == "length":
            fields["content-length"] = str(len(body))
        elif self.framing == "chunked":
            fields["transfer-encoding"] = "chunked"
        is_cut = self.cut is not None and self.cut < len(body)
        is_lost = is_cut and self.framing != "close"
        head = ResponseHead(status, fields, self.from_cache, "key")
        return BodyFromMemory(head, body[: self.cut] if is_cut else body, is_lost)

    def _part(self, first_pos: int | None) -> tuple[int, int, bytes]:
        if self.status not in (None, 200, 206):
            return self.status or 0, 0, b""
        start = max(0, (first_pos or 0) + self.shift) if self.ranges else 0
        if start >= len(self.content):
            return 416, start, b""
        is_part = self.ranges and first_pos is not None
        return self.status or (206 if is_part else 200), start, self.content[start:]


class BodyFromMemory:
    """See interfaces.Response."""

    def __init__(self, head: ResponseHead, body: bytes, is_lost: bool) -> None:
        self.head = head
        self._body = body
        self._is_lost = is_lost

    def read(self, size: int) -> bytes:
        block, self._body = self._body[:size], self._body[size:]
        if not block and self._is_lost:
            raise ConnectionLost("cut")
        return block

    def close(self) -> None:
        pass


class Refused(Exception):
    pass


class ScriptedTransport:
    """See interfaces.Transport. It plays its responses in a cycle; its cache has an entry until it is evicted."""

    def __init__(self, responses: list[ScriptedResponse], cached: ScriptedResponse | None) -> None:
        self._responses: Iterator[ScriptedResponse] = cycle(responses)
        self._cached = cached
        self.requests = 0
        """Number of requests in this run."""
        self.wrong = 0
        """Number of responses in all runs that may be wrong."""
        self.stored_in_cache: list[bytes] = []

    def first(self) -> BodyFromMemory:
        return self._play(self._cached or next(self._responses), None)

    def get(self, fields: Mapping[str, str]) -> BodyFromMemory:
        return self._play(next(self._responses), parse_range(fields.get("Range")))

    def cached(self) -> BodyFromMemory | None:
        return None if self._cached is None else self._play(self._cached, None)

    def cached_file(self, response: object) -> Path | None:
        return None

    def evict(self, response: object) -> None:
        self._cached = None

    def reject(self, response: object) -> NoReturn:
        raise PipError(Refused())

    def filename(self, response: object) -> str:
        return "a-1.whl"

    def store_in_cache(self, partial: Partial, body: Path, response: object) -> None:
        self.stored_in_cache.append(body.read_bytes())

    def begin_run(self) -> None:
        self.requests = 0

    def _play(self, response: ScriptedResponse, first_pos: int | None) -> BodyFromMemory:
        self.requests += 1
        assert self.requests <= MOST_REQUESTS, "the download loops"
        self.wrong += response.may_be_wrong
        return response.respond(first_pos)


CUTS = st.sampled_from([None, None, 0, 1, 5_000, 70_000, 140_000])
FRAMINGS = st.sampled_from(["length", "length", "chunked", "close"])
RIGHT = st.builds(
    ScriptedResponse, ranges=st.booleans(), framing=FRAMINGS, cut=CUTS, etag=st.sampled_from(['"v1"', 'W/"v1"', None])
)
WRONG = st.builds(
    ScriptedResponse,
    status=st.sampled_from([None, None, 200, 206]),
    file=st.sampled_from(list(FILES)),
    ranges=st.booleans(),
    shift=st.sampled_from([0, 0, -1000, 1, -SIZE]),
    framing=FRAMINGS,
    complete_length=st.sampled_from(["{size}", "*", "150000", "1", "nonsense"]),
    cut=CUTS,
    etag=st.sampled_from(['"v1"', '"v2"', None]),
)
WITHOUT_BODY = st.builds(
    ScriptedResponse,
    status=st.sampled_from([416, 429, 503, 304, 404]),
    complete_length=st.sampled_from(["{size}", "7", "x"]),
)
CACHED = st.builds(
    ScriptedResponse,
    file=st.sampled_from(["right", "other", "damaged", "empty"]),
    cut=CUTS,
    from_cache=st.just(True),
)
ANY_RESPONSES = st.lists(RIGHT | WRONG | WITHOUT_BODY, min_size=1, max_size=6)
RIGHT_RESPONSES = st.lists(RIGHT, min_size=1, max_size=6)
RIGHT_RESPONSES_WITH_AN_END = st.lists(
    RIGHT.filter(lambda response: response.framing != "close"), min_size=1, max_size=6
)


def run_twice(transport: ScriptedTransport, digest: Digest | None) -> list[bytes | None]:
    """Return what each of two runs gives to pip; None if it raises an error of pip or gives up."""
    with tempfile.TemporaryDirectory() as name:
        return [run_once(transport, Path(name), digest) for _run in range(2)]


def run_once(transport: ScriptedTransport, directory: Path, digest: Digest | None) -> bytes | None:
    transport.begin_run()
    artifact, store = Artifact(URL, "a-1.whl", digest), Store(directory / "cache", BOOT_ID)
    try:
        finished = run_download(artifact, transport, store, RecordingDisplay(), FakeClock(), directory, retries=RETRIES)
    except (GaveUp, PipError):
        return None
    return finished.path.read_bytes()


# Each example is two complete runs with files on disk.
fewer_examples = settings(max_examples=settings().max_examples // 2)


def test_with_a_hash_no_responses_make_it_loop_or_a_wrong_file_pass() -> None:
    completed = Share("a run completes the right file")

    @fewer_examples
    @given(ANY_RESPONSES, st.none() | CACHED)
    @example([ScriptedResponse()], None)
    def check(responses: list[ScriptedResponse], cached: ScriptedResponse | None) -> None:
        transport = ScriptedTransport(responses, cached)

        results = run_twice(transport, DIGEST)

        completed.count(CONTENT in transport.stored_in_cache)
        assert set(transport.stored_in_cache) <= {CONTENT}
        # pip gets a wrong file only after a second wrong download, and judges it.
        assert set(results) <= {CONTENT, None} or transport.wrong >= 2

    check()
    completed.assert_at_least(3)


def test_without_a_hash_no_responses_make_it_loop() -> None:
    completed = Share("a run completes a file")

    @fewer_examples
    @given(ANY_RESPONSES, st.none() | CACHED)
    @example([ScriptedResponse()], None)
    def check(responses: list[ScriptedResponse], cached: ScriptedResponse | None) -> None:
        results = run_twice(ScriptedTransport(responses, cached), None)

        completed.count(results != [None, None])

    check()
    completed.assert_at_least(20)


def check_no_wrong_file(right_responses: st.SearchStrategy[list[ScriptedResponse]], digest: Digest | None) -> None:
    completed = Share("a run completes the right file")

    @fewer_examples
    @given(right_responses)
    @example([ScriptedResponse()])
    def check(responses: list[ScriptedResponse]) -> None:
        results = run_twice(ScriptedTransport(responses, None), digest)

        completed.count(CONTENT in results)
        assert set(results) <= {CONTENT, None}

    check()
    completed.assert_at_least(20)


def test_with_a_hash_right_responses_on_bad_connections_never_make_a_wrong_file() -> None:
    check_no_wrong_file(RIGHT_RESPONSES, DIGEST)


def test_without_a_hash_right_responses_whose_end_is_known_never_make_a_wrong_file() -> None:
    check_no_wrong_file(RIGHT_RESPONSES_WITH_AN_END, None)
