"""No sequence of responses makes a download loop for ever, and none makes a wrong file count as the right one."""

from __future__ import annotations

import hashlib
import re
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from integration.fakes import FakeClock, RecordingDisplay
from integration.machine import BOOT_ID, ONE_ATTEMPT, attempts_alone, run_download
from integration.scripted_transport import (
    CONTENT,
    CONTENT_RANGES,
    DATE,
    FILENAME,
    FILES,
    MODIFIED,
    OTHER_CONTENT,
    SIZE,
    ScriptedResponse,
    ScriptedTransport,
    is_sound_archive,
)
from integration.share import Share

from pip_resume.artifact import Artifact, Digest
from pip_resume.errors import GaveUp, PipError, Stage
from pip_resume.protocol import planning
from pip_resume.protocol.checkpoint import parse_checkpoint
from pip_resume.protocol.retry import PROGRESS_BYTES, Options
from pip_resume.storage.store import Store

pytestmark = pytest.mark.slow

DIGEST = Digest("sha256", hashlib.sha256(CONTENT).hexdigest())
HTTPS_URL, HTTP_URL = f"https://index.test/{FILENAME}", f"http://index.test/{FILENAME}"
DAMAGED = "the archive is damaged"
# With the number of attempts that each allows without a new byte.
THREE_ATTEMPTS = attempts_alone(3)
OPTIONS = {ONE_ATTEMPT: 1, THREE_ATTEMPTS: 3, Options(retries=2): 12, Options(patience_s=60.0): 60}
FRESH_STARTS = 3
"""How often the count of new bytes may begin at 0 again. See engine.attempts."""


@dataclass(frozen=True)
class Case:
    """What a property test draws."""

    responses: list[ScriptedResponse]
    cached: ScriptedResponse | None = None
    caches: bool = False
    """Whether pip's cache takes the file."""
    url: str = HTTPS_URL
    options: Options = THREE_ATTEMPTS

    @property
    def cut_files(self) -> set[bytes]:
        """The files that seem to be complete when they have ended with their connection at the same place twice."""
        return {CONTENT[: each.cut] for each in self.responses if each.framing == "close" and each.cut is not None}

    @property
    def most_requests(self) -> int:
        """The limit for one run: each 4 KiB of progress renews the patience, and progress may begin at 0 again."""
        progress = (1 + FRESH_STARTS) * (len(OTHER_CONTENT) // PROGRESS_BYTES + 1)
        return progress * (1 + OPTIONS[self.options])


@dataclass
class Result:
    """How two runs have ended."""

    contents: list[bytes | None] = field(default_factory=list)
    """What each run has given to pip; None if it raised an error of pip or gave up."""
    displays: list[RecordingDisplay] = field(default_factory=list)


def run_twice(case: Case, digest: Digest | None) -> tuple[Result, ScriptedTransport]:
    transport = ScriptedTransport(case.responses, case.cached, caches=case.caches, most_requests=case.most_requests)
    result = Result()
    with tempfile.TemporaryDirectory() as name:
        for _run in range(2):
            result.displays.append(RecordingDisplay())
            result.contents.append(run_once(case, transport, result.displays[-1], Path(name), digest))
            check_store(Path(name) / "cache" / "pip-resume", Artifact(case.url, FILENAME, digest))
    return result, transport


@pytest.fixture(autouse=True)
def small_files_are_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let these files be large enough to be stored. Larger ones would make the tests slow."""
    monkeypatch.setattr(planning, "STORED_FROM_BYTES", 50_000)


def run_once(
    case: Case, transport: ScriptedTransport, display: RecordingDisplay, directory: Path, digest: Digest | None
) -> bytes | None:
    """Run a download. `run_download` checks that nothing else is left in pip's temporary directory."""
    transport.begin_run()
    earlier_threads = set(threading.enumerate())
    artifact, store = Artifact(case.url, FILENAME, digest), Store(directory / "cache", BOOT_ID)
    try:
        finished = run_download(artifact, transport, store, display, FakeClock(), directory, options=case.options)
    except (GaveUp, PipError):
        return None
    finally:
        store.close()
        # A sync in the background holds the lock until it has ended, and the next run has no other pip to wait for.
        for thread in set(threading.enumerate()) - earlier_threads:
            thread.join(10)
    assert display.store_errors == []
    return finished.path.read_bytes()


def check_store(path: Path, artifact: Artifact) -> None:
    """Check that the store has one partial at most, with a record that describes it, and no other file."""
    names = sorted(found.name for found in path.glob("*"))
    assert names in ([], [f"{artifact.key}.json", f"{artifact.key}.part"])
    if names:
        size = (path / names[1]).stat().st_size
        checkpoint = parse_checkpoint((path / names[0]).read_bytes())
        assert checkpoint is not None
        is_complete = artifact.digest is not None and size == checkpoint.complete_length
        # A finished file is synced by time only: pip has it already.
        assert size == checkpoint.synced or is_complete
        assert size > 0
        assert checkpoint.inode == (path / names[1]).stat().st_ino
        assert artifact.digest is not None or artifact.is_https
        assert re.fullmatch(r"[-\w.]*", checkpoint.filename)


CUTS = st.sampled_from([None, None, 0, 1, 5_000, 70_000, 110_000, 140_000])
FRAMINGS = st.sampled_from(["length", "length", "chunked", "close"])
KNOWN_ENDS = st.sampled_from(["length", "chunked"])
REFUSED_RANGES = st.sampled_from(
    [*[None] * 28, "a page", "no response", 202, 204, 304, 400, 403, 404, 407, 416, 500, 501, 502, 503]
)
FORMS = st.sampled_from([CONTENT_RANGES[0]] * 5 + list(CONTENT_RANGES))
DATES = st.sampled_from([None, None, MODIFIED, DATE])
PIECES = st.sampled_from([1 << 20, 4096])
RIGHT = st.builds(
    ScriptedResponse,
    to_range=REFUSED_RANGES,
    ranges=st.sampled_from([True, True, False]),
    framing=FRAMINGS,
    content_range=FORMS,
    most=st.sampled_from([None, None, 30_000, 80_000]),
    has_empty_part=st.booleans(),
    cut=CUTS,
    piece=PIECES,
    etag=st.sampled_from([*['"v1"'] * 4, 'W/"v1"', None]),
    last_modified=DATES,
)
WRONG = st.builds(
    ScriptedResponse,
    status=st.sampled_from([None, None, None, 200, 206]),
    to_range=REFUSED_RANGES,
    file=st.sampled_from(list(FILES)),
    ranges=st.booleans(),
    shift=st.sampled_from([0, 0, 0, -1000, 1, -SIZE]),
    framing=FRAMINGS,
    content_range=FORMS,
    complete_length=st.sampled_from(["{size}", "{size}", "*", str(SIZE), "1", "nonsense"]),
    has_empty_part=st.booleans(),
    cut=CUTS,
    piece=PIECES,
    etag=st.sampled_from(['"v1"', '"v2"', 'W/"v1"', None]),
    last_modified=st.sampled_from([None, MODIFIED, DATE, "Wed, 01 Jan 2020 10:00:00 GMT"]),
    coding=st.sampled_from([None, None, None, "gzip"]),
    is_https=st.sampled_from([True, True, False]),
)
WITHOUT_BODY = st.builds(
    ScriptedResponse,
    status=st.sampled_from([416, 429, 503, 304, 404, 401, 501]),
    complete_length=st.sampled_from(["{size}", "7", "x"]),
    retry_after=st.sampled_from([None, "5", "100000"]),
)
MISSING = st.just(ScriptedResponse(is_missing=True))
CACHED = st.builds(
    ScriptedResponse,
    file=st.sampled_from(["right", "right", "other", "twin", "damaged", "empty"]),
    framing=FRAMINGS,
    cut=CUTS,
    etag=st.sampled_from(['"v1"', '"v2"', None]),
    from_cache=st.just(True),
)


def lists_of(response: st.SearchStrategy[ScriptedResponse]) -> st.SearchStrategy[list[ScriptedResponse]]:
    """Return lists of one to six responses, which are repeated."""
    return st.lists(response, min_size=1, max_size=6)


def one_server(files: Sequence[str], framings: st.SearchStrategy[str]) -> st.SearchStrategy[list[ScriptedResponse]]:
    """Return responses of one server on a bad connection, whose file may be replaced by one of `files`."""
    fields: dict[str, st.SearchStrategy[Any]] = {
        "file": st.sampled_from(files),
        "cut": CUTS,
        "framing": framings,
        "to_range": REFUSED_RANGES,
        "is_missing": st.sampled_from([False] * 7 + [True]),
    }
    changes: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(fields)
    return RIGHT.flatmap(lambda server: lists_of(changes.map(lambda change: replace(server, **change))))


def cases(responses: st.SearchStrategy[list[ScriptedResponse]], *, cached: bool) -> st.SearchStrategy[Case]:
    return st.builds(
        Case,
        responses,
        st.none() | CACHED if cached else st.none(),
        caches=st.booleans(),
        url=st.sampled_from([HTTPS_URL, HTTPS_URL, HTTP_URL]),
        options=st.sampled_from(list(OPTIONS)),
    )


CHANGING_FILES = ["right", "right", "right", "twin", "other"]
ANY = lists_of(RIGHT | WRONG | WITHOUT_BODY | MISSING) | one_server(CHANGING_FILES, FRAMINGS)
SIMPLE = Case([ScriptedResponse()])
# What few of the drawn cases do.
CONTINUED = Case([ScriptedResponse(cut=110_000), ScriptedResponse()])
REFUSED = Case([ScriptedResponse(cut=110_000, to_range=403), ScriptedResponse(to_range=403)])
CONTINUED_LATER = replace(CONTINUED, options=ONE_ATTEMPT)
# The response to every request, plain ones too, is a part that does not tell how long the file is.
ONLY_PARTS = Case([ScriptedResponse(status=206, file="a page", ranges=False, complete_length="*")], options=ONE_ATTEMPT)
ONLY_SMALL_PARTS = Case([ScriptedResponse(status=206, most=5_000, complete_length="*")])


# Each example is two complete runs with files on disk.
fewer_examples = settings(max_examples=settings().max_examples * 2 // 3)


class Shares:
    """How often the situations occur that these tests are about."""

    def __init__(self) -> None:
        self._shares = {
            "a run ends with a file": 30,
            "a run joins several responses": 1,
            "a server refuses a range": 1,
            "a server is busy, or does not respond": 5,
            "the next run continues what the first one has stored": 1,
        }
        self._counts = {name: Share(name) for name in self._shares}

    def count(self, result: Result) -> None:
        displays = result.displays
        rows = {row for display in displays for row in display.rows}
        stages = {failure.stage for display in displays for failure in display.failures}
        next_request = displays[1].requests[:1]
        truths = (
            result.contents != [None, None],
            any(display.saved for display in displays),
            "no response to a range" in rows,
            bool({Stage.REQUEST, Stage.RESPONSE} & stages),
            any(request.is_ranged for request in next_request),
        )
        for share, is_true in zip(self._counts.values(), truths):
            share.count(is_true)

    def check(self) -> None:
        for name, percent in self._shares.items():
            self._counts[name].assert_at_least(percent)


def test_with_a_hash_no_responses_make_it_loop_or_a_wrong_file_pass() -> None:
    shares = Shares()

    @fewer_examples
    @given(cases(ANY, cached=True))
    @example(SIMPLE)
    @example(CONTINUED)
    @example(REFUSED)
    @example(CONTINUED_LATER)
    @example(ONLY_PARTS)
    @example(ONLY_SMALL_PARTS)
    @example(replace(ONLY_SMALL_PARTS, options=Options(patience_s=60.0)))
    def check(case: Case) -> None:
        result, transport = run_twice(case, DIGEST)

        shares.count(result)
        assert set(transport.handed_over) <= {CONTENT}
        # pip gets a wrong file only after a second wrong download, and judges it.
        assert set(result.contents) <= {CONTENT, None, *case.cut_files} or transport.wrong >= 2

    check()
    shares.check()


def test_without_a_hash_no_responses_make_it_loop_or_mix_the_bytes_of_two_files() -> None:
    shares = Shares()

    @fewer_examples
    @given(cases(ANY, cached=True))
    @example(SIMPLE)
    @example(CONTINUED)
    @example(REFUSED)
    @example(CONTINUED_LATER)
    @example(ONLY_PARTS)
    @example(ONLY_SMALL_PARTS)
    @example(replace(ONLY_SMALL_PARTS, options=Options(patience_s=60.0)))
    def check(case: Case) -> None:
        result, transport = run_twice(case, None)

        shares.count(result)
        assert set(transport.handed_over) <= transport.representations
        for content, display in zip(result.contents, result.displays):
            if content is not None and content not in transport.representations:
                # It was joined twice, and damaged both times. pip judges it, and its cache does not get it.
                assert not is_sound_archive(content)
                assert DAMAGED in display.restart_reasons

    check()
    shares.check()


def check_no_wrong_file(responses: st.SearchStrategy[list[ScriptedResponse]], digest: Digest | None) -> None:
    """Check that right responses on bad connections never make a wrong file, and that many make the right one."""
    completed, joined = Share("a run completes the right file"), Share("a run joins several responses")

    @fewer_examples
    @given(cases(responses, cached=False))
    @example(SIMPLE)
    @example(CONTINUED)
    @example(REFUSED)
    @example(CONTINUED_LATER)
    @example(ONLY_PARTS)
    @example(ONLY_SMALL_PARTS)
    @example(replace(ONLY_SMALL_PARTS, options=Options(patience_s=60.0)))
    def check(case: Case) -> None:
        result, transport = run_twice(case, digest)

        completed.count(CONTENT in result.contents)
        joined.count(any(display.saved for display in result.displays))
        assert set(result.contents) <= {CONTENT, None, *case.cut_files}
        assert set(transport.handed_over) <= {CONTENT}

    check()
    completed.assert_at_least(30)
    joined.assert_at_least(1)


def test_with_a_hash_right_responses_on_bad_connections_never_make_a_wrong_file() -> None:
    check_no_wrong_file(lists_of(RIGHT | MISSING) | one_server(["right"], FRAMINGS), DIGEST)


def test_without_a_hash_right_responses_whose_end_is_known_never_make_a_wrong_file() -> None:
    right = RIGHT.filter(lambda response: response.framing != "close")
    check_no_wrong_file(lists_of(right | MISSING) | one_server(["right"], KNOWN_ENDS), None)
