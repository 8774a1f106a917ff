"""Servers that are old, wrong or lying, and a poisoned cache: in the end the right bytes, and nothing else is kept.

With a pip that cannot resume (23.2.1) and one that resumes in its own way (26.3).
"""

from __future__ import annotations

import dataclasses

import pytest
from e2e.fetching import BOTH, SILENT, SIZE, WHOLE, begin, cached, fetch, offer
from e2e.halves import BIG, OVERLAP_BYTES, half, held_files
from e2e.real_pip import Environments, index_options
from servers.certificates import Certificates
from servers.fault_server import FaultServer, FileAnswer, Framing, Then
from servers.index_pages import honest, wheel_artifact
from servers.script import Scripted

CUT = dataclasses.replace(WHOLE, cut_after=half(BIG), then=Then.CLOSE)
LYING = dataclasses.replace(WHOLE, flips=(SIZE - 1,))
REST = f"bytes={half(BIG)}-"
BARE = dataclasses.replace(BIG, hashes=())
"""The same file, of which the index gives no hash."""
NEW = wheel_artifact("big", size=3_000_000, seed=1)
"""Another file of the same name and length."""
MISMATCH = "DO NOT MATCH THE HASHES"
USED_CACHE = "Using cached"


def conditions(server: FaultServer) -> list[str | None]:
    """The If-Range field of each request."""
    return [exchange.request.fields.get("if-range") for exchange in server.requests(BIG.path)]


# Wrong bytes


@BOTH
def test_wrong_bytes_in_a_206_cost_one_whole_download_in_the_same_run(
    environment: Environments, https_server: FaultServer, certificates: Certificates, pip_version: str
) -> None:
    pip = environment(pip_version)
    offer(https_server, CUT, LYING, WHOLE)

    result, sha256 = fetch(pip, *index_options(https_server, certificates))

    assert (result.returncode, sha256) == (0, BIG.sha256), result.text
    assert result.stderr.count("Starting over with") == 1
    assert https_server.asked_ranges(BIG.path) == [None, REST, None]
    assert https_server.statuses(BIG.path) == [200, 206, 200]
    assert (cached(pip.cache_dir), held_files(pip.cache_dir)) == ([True], [])


@BOTH
def test_bytes_that_are_always_wrong_end_in_pips_own_words_and_the_next_run_finds_nothing_of_them(
    environment: Environments, https_server: FaultServer, certificates: Certificates, pip_version: str
) -> None:
    pip = environment(pip_version)
    offer(https_server, CUT, LYING)
    options = index_options(https_server, certificates)

    result, sha256 = fetch(pip, *options)

    assert (result.returncode, sha256) == (1, None)
    assert MISMATCH in result.stderr
    assert https_server.asked_ranges(BIG.path) == [None, REST, None]
    assert (cached(pip.cache_dir), held_files(pip.cache_dir)) == ([], [])

    offer(https_server, WHOLE)
    https_server.forget()
    result, sha256 = fetch(pip, *options)

    assert (result.returncode, sha256) == (0, BIG.sha256), result.text
    assert https_server.asked_ranges(BIG.path) == [None]
    assert cached(pip.cache_dir) == [True]


# A file that is replaced between two runs, and the server says that it is the same


@BOTH
def test_a_file_whose_hash_is_new_on_the_index_is_another_file_whatever_its_etag(
    environment: Environments, https_server: FaultServer, certificates: Certificates, pip_version: str
) -> None:
    pip = environment(pip_version)
    offer(https_server, SILENT)
    options = index_options(https_server, certificates)
    begin(pip, *options)
    of_the_old = held_files(pip.cache_dir)
    offer(https_server, dataclasses.replace(honest(NEW), etag=WHOLE.etag), artifact=NEW)

    result, sha256 = fetch(pip, *options)

    assert (result.returncode, sha256) == (0, NEW.sha256), result.text
    assert https_server.asked_ranges(BIG.path) == [None, None]
    assert https_server.requests(BIG.path)[1].sent == SIZE
    assert (cached(pip.cache_dir, NEW), held_files(pip.cache_dir)) == ([True], of_the_old)


@BOTH
def test_without_a_hash_the_overlap_tells_that_it_is_another_before_the_rest_is_downloaded(
    environment: Environments, https_server: FaultServer, certificates: Certificates, pip_version: str
) -> None:
    pip = environment(pip_version)
    offer(https_server, SILENT, artifact=BARE)
    options = index_options(https_server, certificates)
    kept = begin(pip, *options)
    new = dataclasses.replace(honest(NEW), etag=WHOLE.etag)
    offer(https_server, dataclasses.replace(new, rate=500_000), new, artifact=BARE)

    result, sha256 = fetch(pip, *options)

    assert (result.returncode, sha256) == (0, NEW.sha256), result.text
    assert https_server.asked_ranges(BIG.path) == [None, f"bytes={kept - OVERLAP_BYTES}-", None]
    assert conditions(https_server) == [None, WHOLE.etag, None]
    assert https_server.statuses(BIG.path) == [200, 206, 200]
    assert https_server.requests(BIG.path)[1].sent < SIZE - kept
    assert (cached(pip.cache_dir, NEW), held_files(pip.cache_dir)) == ([True], [])


# Validators that are none

NO_VALIDATOR = pytest.mark.parametrize(
    "etag", [pytest.param('W/"1"', id="weak ETag"), pytest.param(None, id="no validators")]
)


@BOTH
@NO_VALIDATOR
def test_with_a_hash_no_validator_is_needed_to_go_on_in_the_next_run(
    environment: Environments,
    https_server: FaultServer,
    certificates: Certificates,
    pip_version: str,
    etag: str | None,
) -> None:
    pip = environment(pip_version)
    first, then = (dataclasses.replace(answer, etag=etag, last_modified=None) for answer in (SILENT, WHOLE))
    offer(https_server, first, then)
    options = index_options(https_server, certificates)
    kept = begin(pip, *options)

    result, sha256 = fetch(pip, *options)

    assert (result.returncode, sha256) == (0, BIG.sha256), result.text
    assert https_server.asked_ranges(BIG.path) == [None, f"bytes={kept - OVERLAP_BYTES}-"]
    assert https_server.statuses(BIG.path) == [200, 206]
    assert conditions(https_server) == [None, None]
    assert (cached(pip.cache_dir), held_files(pip.cache_dir)) == ([True], [])


@BOTH
@NO_VALIDATOR
def test_with_neither_a_file_is_never_put_together_from_two_answers(
    environment: Environments,
    https_server: FaultServer,
    certificates: Certificates,
    pip_version: str,
    etag: str | None,
) -> None:
    pip = environment(pip_version)
    first, then = (dataclasses.replace(answer, etag=etag, last_modified=None) for answer in (CUT, honest(NEW)))
    offer(https_server, first, then, artifact=BARE)

    result, sha256 = fetch(pip, *index_options(https_server, certificates))

    assert (result.returncode, sha256) == (0, NEW.sha256), result.text
    assert https_server.asked_ranges(BIG.path) == [None, None]
    assert (cached(pip.cache_dir, NEW), held_files(pip.cache_dir)) == ([True], [])


# Bodies that do not tell how long they are

# Cut where a chunk ends: what is there of an unfinished one is lost.
CHUNKS_BYTES = 300 * CUT.piece


@BOTH
@pytest.mark.parametrize(
    ("first", "offset"),
    [
        pytest.param(
            dataclasses.replace(CUT, framing=Framing.CHUNKED, cut_after=CHUNKS_BYTES), CHUNKS_BYTES, id="chunked"
        ),
        # It looks as if it had ended: only the digest tells.
        pytest.param(dataclasses.replace(CUT, framing=Framing.UNTIL_CLOSE), half(BIG), id="until close"),
    ],
)
def test_a_body_without_a_length_goes_on_where_it_was_cut(
    environment: Environments,
    https_server: FaultServer,
    certificates: Certificates,
    pip_version: str,
    first: FileAnswer,
    offset: int,
) -> None:
    pip = environment(pip_version)
    offer(https_server, first, WHOLE)

    result, sha256 = fetch(pip, *index_options(https_server, certificates))

    assert (result.returncode, sha256) == (0, BIG.sha256), result.text
    assert https_server.asked_ranges(BIG.path) == [None, f"bytes={offset}-"]
    assert https_server.sent(BIG.path) == SIZE
    assert (cached(pip.cache_dir), held_files(pip.cache_dir)) == ([True], [])


# An entry that plain pip has made


@pytest.mark.parametrize(
    ("pip_version", "answers"),
    [
        pytest.param(pip, answers, id=f"pip {pip}, {name}")
        for pip, name, answers in (
            ("23.2.1", "an end that is a cut", (dataclasses.replace(CUT, framing=Framing.UNTIL_CLOSE),)),
            ("26.3", "an end that is a cut", (dataclasses.replace(CUT, framing=Framing.UNTIL_CLOSE),)),
            ("26.3", "a wrong 206", (CUT, LYING)),
        )
    ],
)
def test_a_cache_that_plain_pip_has_poisoned_is_healed_by_one_run_for_plain_pip_too(
    environment: Environments,
    https_server: FaultServer,
    certificates: Certificates,
    pip_version: str,
    answers: tuple[Scripted, ...],
) -> None:
    plain, pip = environment.without_plugin(pip_version), environment(pip_version)
    pip.variables["PIP_CACHE_DIR"] = plain.variables["PIP_CACHE_DIR"]
    options = index_options(https_server, certificates)
    offer(https_server, *answers)
    poisoning = fetch(plain, *options)
    offer(https_server, WHOLE)
    https_server.forget()
    broken = fetch(plain, *options)

    for result, sha256 in (poisoning, broken):
        assert (result.returncode, sha256) == (1, None)
        assert MISMATCH in result.stderr
    assert USED_CACHE in broken.result.stdout
    assert https_server.requests(BIG.path) == []
    assert cached(plain.cache_dir) == [False]

    result, sha256 = fetch(pip, *options)

    assert (result.returncode, sha256) == (0, BIG.sha256), result.text
    assert result.stderr.count(f"Starting over with {BIG.filename}: pip's cache has a wrong copy") == 1
    assert https_server.asked_ranges(BIG.path) == [None]
    assert (cached(plain.cache_dir), held_files(plain.cache_dir)) == ([True], [])

    https_server.forget()
    result, sha256 = fetch(plain, *options)

    assert (result.returncode, sha256) == (0, BIG.sha256), result.text
    assert USED_CACHE in result.stdout
    assert https_server.requests(BIG.path) == []
