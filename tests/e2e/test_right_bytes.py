"""The right bytes in the end, and no others stored: with old or wrong servers, and with a wrong file in pip's cache.

With a pip that cannot resume (23.2.1) and one that resumes in its own way (26.3).
"""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest
from e2e.broken_downloads import BIG, OVERLAP_BYTES, half, index_options, range_from, stored_files
from e2e.single_file import (
    COMPLETE,
    SIZE,
    STALLED,
    TWO_PIPS,
    cached_completely,
    download_big,
    kill_big_at_half,
    publish_scripted,
)
from environments.environment import Environments
from servers.certificates import Certificates
from servers.fault_server import FaultServer, FileAnswer, Framing, Then
from servers.index_pages import Artifact, core_metadata, honest, make_sdist, publish, wheel_artifact
from servers.script import Scripted

CUT = dataclasses.replace(COMPLETE, cut_after=half(BIG), then=Then.CLOSE)
WRONG = dataclasses.replace(COMPLETE, flips=(SIZE - 1,))
SECOND_HALF = range_from(half(BIG))
SECOND_RUN = range_from(half(BIG) - OVERLAP_BYTES)
"""The Range field of the first request of the second run."""
WITHOUT_HASH = dataclasses.replace(BIG, hashes=())
"""The same file, whose link on the index has no hash."""
NEW = wheel_artifact("big", size=3_000_000, seed=1)
"""A different file of the same name and length."""
MISMATCH = "DO NOT MATCH THE HASHES"
USED_CACHE = "Using cached"


def if_range_fields(server: FaultServer) -> list[str | None]:
    """Return the If-Range field of each request, None for a request without one."""
    return [exchange.request.fields.get("if-range") for exchange in server.requests(BIG.path)]


# Wrong bytes


@TWO_PIPS
def test_wrong_bytes_in_a_206_cost_one_new_download_in_the_same_run(
    environments: Environments, https_server: FaultServer, certificates: Certificates, pip_version: str
) -> None:
    pip = environments.with_plugin(pip_version)
    publish_scripted(https_server, CUT, WRONG, COMPLETE)

    result, sha256 = download_big(pip, *index_options(https_server, certificates))

    assert (result.returncode, sha256) == (0, BIG.sha256), result.text
    assert result.stderr.count("Starting over with") == 1
    assert https_server.asked_ranges(BIG.path) == [None, SECOND_HALF, None]
    assert https_server.statuses(BIG.path) == [200, 206, 200]
    assert (cached_completely(pip.cache_dir), stored_files(pip.cache_dir)) == ([True], [])


@TWO_PIPS
def test_bytes_that_are_wrong_twice_end_in_pips_own_error_and_none_of_them_are_stored(
    environments: Environments, https_server: FaultServer, certificates: Certificates, pip_version: str
) -> None:
    pip = environments.with_plugin(pip_version)
    publish_scripted(https_server, CUT, WRONG)
    options = index_options(https_server, certificates)

    result, sha256 = download_big(pip, *options)

    assert (result.returncode, sha256) == (1, None)
    assert MISMATCH in result.stderr
    assert https_server.asked_ranges(BIG.path) == [None, SECOND_HALF, None]
    assert (cached_completely(pip.cache_dir), stored_files(pip.cache_dir)) == ([], [])

    publish_scripted(https_server, COMPLETE)
    https_server.forget()
    result, sha256 = download_big(pip, *options)

    assert (result.returncode, sha256) == (0, BIG.sha256), result.text
    assert https_server.asked_ranges(BIG.path) == [None]
    assert cached_completely(pip.cache_dir) == [True]


# A file that is replaced between two runs, under the same ETag


@TWO_PIPS
def test_a_link_with_a_different_hash_is_a_different_file_even_if_the_etag_is_the_same(
    environments: Environments, https_server: FaultServer, certificates: Certificates, pip_version: str
) -> None:
    pip = environments.with_plugin(pip_version)
    publish_scripted(https_server, STALLED)
    options = index_options(https_server, certificates)
    kill_big_at_half(pip, *options)
    stored_of_old = stored_files(pip.cache_dir)
    publish_scripted(https_server, dataclasses.replace(honest(NEW), etag=COMPLETE.etag), artifact=NEW)

    result, sha256 = download_big(pip, *options)

    assert (result.returncode, sha256) == (0, NEW.sha256), result.text
    assert https_server.asked_ranges(BIG.path) == [None, None]
    assert https_server.requests(BIG.path)[1].sent == SIZE
    assert (cached_completely(pip.cache_dir, NEW), stored_files(pip.cache_dir)) == ([True], stored_of_old)


@TWO_PIPS
def test_without_a_hash_the_overlap_shows_a_replaced_file_before_the_rest_is_downloaded(
    environments: Environments, https_server: FaultServer, certificates: Certificates, pip_version: str
) -> None:
    pip = environments.with_plugin(pip_version)
    publish_scripted(https_server, STALLED, artifact=WITHOUT_HASH)
    options = index_options(https_server, certificates)
    kill_big_at_half(pip, *options)
    new = dataclasses.replace(honest(NEW), etag=COMPLETE.etag)
    publish_scripted(https_server, dataclasses.replace(new, rate=500_000), new, artifact=WITHOUT_HASH)

    result, sha256 = download_big(pip, *options)

    assert (result.returncode, sha256) == (0, NEW.sha256), result.text
    assert https_server.asked_ranges(BIG.path) == [None, SECOND_RUN, None], result.text
    assert if_range_fields(https_server) == [None, COMPLETE.etag, None]
    assert https_server.statuses(BIG.path) == [200, 206, 200]
    assert https_server.requests(BIG.path)[1].sent < SIZE - half(BIG)
    assert (cached_completely(pip.cache_dir, NEW), stored_files(pip.cache_dir)) == ([True], [])


# Responses without a strong validator

NO_STRONG_VALIDATOR = pytest.mark.parametrize(
    "etag", [pytest.param('W/"1"', id="weak ETag"), pytest.param(None, id="no validators")]
)


@TWO_PIPS
@NO_STRONG_VALIDATOR
def test_with_a_hash_the_next_run_resumes_without_a_validator(
    environments: Environments,
    https_server: FaultServer,
    certificates: Certificates,
    pip_version: str,
    etag: str | None,
) -> None:
    pip = environments.with_plugin(pip_version)
    first, then = (dataclasses.replace(response, etag=etag, last_modified=None) for response in (STALLED, COMPLETE))
    publish_scripted(https_server, first, then)
    options = index_options(https_server, certificates)
    kill_big_at_half(pip, *options)

    result, sha256 = download_big(pip, *options)

    assert (result.returncode, sha256) == (0, BIG.sha256), result.text
    assert https_server.asked_ranges(BIG.path) == [None, SECOND_RUN], result.text
    assert https_server.statuses(BIG.path) == [200, 206]
    assert if_range_fields(https_server) == [None, None]
    assert (cached_completely(pip.cache_dir), stored_files(pip.cache_dir)) == ([True], [])


@TWO_PIPS
@NO_STRONG_VALIDATOR
def test_without_hash_and_validator_two_responses_are_never_joined(
    environments: Environments,
    https_server: FaultServer,
    certificates: Certificates,
    pip_version: str,
    etag: str | None,
) -> None:
    pip = environments.with_plugin(pip_version)
    first, then = (dataclasses.replace(response, etag=etag, last_modified=None) for response in (CUT, honest(NEW)))
    publish_scripted(https_server, first, then, artifact=WITHOUT_HASH)

    result, sha256 = download_big(pip, *index_options(https_server, certificates))

    assert (result.returncode, sha256) == (0, NEW.sha256), result.text
    assert https_server.asked_ranges(BIG.path) == [None, None]
    assert (cached_completely(pip.cache_dir, NEW), stored_files(pip.cache_dir)) == ([True], [])


# Bodies without a length

# A cut at the end of a chunk, because the bytes of an unfinished chunk are lost.
CHUNKS_BYTES = 300 * CUT.piece


@TWO_PIPS
@pytest.mark.parametrize(
    ("first", "offset"),
    [
        pytest.param(
            dataclasses.replace(CUT, framing=Framing.CHUNKED, cut_after=CHUNKS_BYTES), CHUNKS_BYTES, id="chunked"
        ),
        # It looks complete: only the digest shows that it is not.
        pytest.param(dataclasses.replace(CUT, framing=Framing.UNTIL_CLOSE), half(BIG), id="until close"),
    ],
)
def test_a_body_without_a_length_is_resumed_where_it_was_cut(
    environments: Environments,
    https_server: FaultServer,
    certificates: Certificates,
    pip_version: str,
    first: FileAnswer,
    offset: int,
) -> None:
    pip = environments.with_plugin(pip_version)
    publish_scripted(https_server, first, COMPLETE)

    result, sha256 = download_big(pip, *index_options(https_server, certificates))

    assert (result.returncode, sha256) == (0, BIG.sha256), result.text
    assert https_server.asked_ranges(BIG.path) == [None, f"bytes={offset}-"]
    assert https_server.sent(BIG.path) == SIZE
    assert (cached_completely(pip.cache_dir), stored_files(pip.cache_dir)) == ([True], [])


@TWO_PIPS
def test_a_server_that_sends_a_different_file_does_not_erase_what_an_earlier_run_has_stored(
    environments: Environments, https_server: FaultServer, certificates: Certificates, pip_version: str
) -> None:
    pip = environments.with_plugin(pip_version)
    publish_scripted(https_server, STALLED)
    options = index_options(https_server, certificates)
    kill_big_at_half(pip, *options)
    publish_scripted(https_server, dataclasses.replace(COMPLETE, content=NEW.content))

    failed = download_big(pip, *options)
    publish_scripted(https_server, COMPLETE)
    https_server.forget()
    result, sha256 = download_big(pip, *options)

    assert (failed.result.returncode, failed.sha256) == (1, None)
    kept = f"Kept 1.5 of 3.0 MB of {BIG.filename}; if the server has the right file, the next run continues"
    assert failed.result.stderr.count(kept) == failed.result.stderr.count("Kept") == 1
    assert failed.result.stderr.index(kept) < failed.result.stderr.index(MISMATCH)
    assert (result.returncode, sha256) == (0, BIG.sha256), result.text
    assert https_server.asked_ranges(BIG.path) == [SECOND_RUN]


# A wrong file that plain pip has stored in its cache


@pytest.mark.parametrize(
    ("pip_version", "responses"),
    [
        pytest.param(pip, responses, id=f"pip {pip}, {name}")
        for pip, name, responses in (
            ("23.2.1", "a cut that looks like the end", (dataclasses.replace(CUT, framing=Framing.UNTIL_CLOSE),)),
            ("26.3", "a cut that looks like the end", (dataclasses.replace(CUT, framing=Framing.UNTIL_CLOSE),)),
            ("26.3", "a wrong 206", (CUT, WRONG)),
        )
    ],
)
def test_one_run_replaces_a_wrong_file_in_pips_cache_for_plain_pip_too(
    environments: Environments,
    https_server: FaultServer,
    certificates: Certificates,
    pip_version: str,
    responses: tuple[Scripted, ...],
) -> None:
    plain, pip = environments.without_plugin(pip_version), environments.with_plugin(pip_version)
    pip.variables["PIP_CACHE_DIR"] = plain.variables["PIP_CACHE_DIR"]
    options = index_options(https_server, certificates)
    publish_scripted(https_server, *responses)
    first = download_big(plain, *options)
    publish_scripted(https_server, COMPLETE)
    https_server.forget()
    second = download_big(plain, *options)

    for result, sha256 in (first, second):
        assert (result.returncode, sha256) == (1, None)
        assert MISMATCH in result.stderr
    assert USED_CACHE in second.result.stdout
    assert https_server.requests(BIG.path) == []
    assert cached_completely(plain.cache_dir) == [False]

    result, sha256 = download_big(pip, *options)

    assert (result.returncode, sha256) == (0, BIG.sha256), result.text
    assert result.stderr.count(f"Starting over with {BIG.filename}: pip's cache has a different file") == 1
    assert https_server.asked_ranges(BIG.path) == [None]
    assert (cached_completely(plain.cache_dir), stored_files(plain.cache_dir)) == ([True], [])

    https_server.forget()
    result, sha256 = download_big(plain, *options)

    assert (result.returncode, sha256) == (0, BIG.sha256), result.text
    assert USED_CACHE in result.stdout
    assert https_server.requests(BIG.path) == []


def damage_cached_file(cache_dir: Path) -> None:
    """Change one byte in the middle of the file in pip's cache; its length and its times stay as they are."""
    ours = stored_files(cache_dir)
    (path,) = (
        path for path in cache_dir.rglob("*") if path not in ours and path.is_file() and path.stat().st_size > SIZE // 2
    )
    content, status = bytearray(path.read_bytes()), path.stat()
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


METADATA = pytest.mark.parametrize(
    "metadata",
    [
        pytest.param(None, id="downloaded alone"),
        pytest.param(core_metadata("big", "1.0"), id="with a metadata file, so downloaded in a batch"),
    ],
)


@METADATA
@pytest.mark.parametrize("pip_version", ["21.3.1", "23.2.1", "25.0.1", "26.3"])
def test_one_run_replaces_a_file_in_pips_cache_that_was_damaged_there(
    environments: Environments,
    https_server: FaultServer,
    certificates: Certificates,
    pip_version: str,
    metadata: bytes | None,
) -> None:
    pip = environments.with_plugin(pip_version)
    options = index_options(https_server, certificates)
    publish(https_server, dataclasses.replace(BIG, metadata=metadata))
    assert pip.run("install", "--target", pip.new_target(), *options, "big").returncode == 0
    damage_cached_file(pip.cache_dir)
    https_server.forget()

    result = pip.run("install", "--target", pip.new_target(), *options, "big")

    assert result.returncode == 0, result.text
    assert MISMATCH not in result.text
    assert result.stderr.count(f"Starting over with {BIG.filename}: pip's cache has a different file") == 1
    assert https_server.asked_ranges(BIG.path) == [None]
    assert (cached_completely(pip.cache_dir), stored_files(pip.cache_dir)) == ([True], [])


def test_a_wrong_hash_in_a_requirements_file_is_pips_error_with_a_file_from_its_cache_too(
    environments: Environments, https_server: FaultServer, certificates: Certificates, tmp_path: Path
) -> None:
    plain, pip = environments.without_plugin("26.3"), environments.with_plugin("26.3")
    options = index_options(https_server, certificates)
    publish(https_server, BIG)
    required = tmp_path / "requirements.txt"
    required.write_text(f"big==1.0 --hash=sha256:{'0' * 64}\n")
    results = []
    for each in (plain, pip):
        assert each.run("install", "--target", each.new_target(), *options, "big").returncode == 0
        results.append(each.run("install", "--target", each.new_target(), *options, "--requirement", required))

    assert [result.returncode for result in results] == [1, 1]
    errors = [result.stderr[result.stderr.index("ERROR: ") :] for result in results]
    assert errors[0] == errors[1]


def test_a_wrong_source_distribution_in_pips_cache_is_replaced(
    environments: Environments, https_server: FaultServer, certificates: Certificates
) -> None:
    pip = environments.with_plugin("26.3")
    options = index_options(https_server, certificates)
    sdist = Artifact(*make_sdist("big", "1.0", size=SIZE))
    publish(https_server, sdist)
    command = ("download", "--no-deps", "--no-build-isolation", *options)
    assert pip.run(*command, "--dest", pip.new_target(), "big").returncode == 0
    damage_cached_file(pip.cache_dir)
    https_server.forget()
    target = pip.new_target()

    result = pip.run(*command, "--dest", target, "big")

    assert result.returncode == 0, result.text
    assert (target / sdist.filename).read_bytes() == sdist.content
    assert https_server.asked_ranges(sdist.path) == [None]


def test_a_wrong_file_in_pips_cache_does_not_cost_what_an_earlier_run_has_stored(
    environments: Environments, https_server: FaultServer, certificates: Certificates
) -> None:
    """A portal's page is in pip's cache under the URL of the wheel, and half of the wheel is stored."""
    plain, pip = environments.without_plugin("26.3"), environments.with_plugin("26.3")
    plain.variables["PIP_CACHE_DIR"] = pip.variables["PIP_CACHE_DIR"]
    options = index_options(https_server, certificates)
    publish_scripted(https_server, STALLED)
    kill_big_at_half(pip, *options)
    publish_scripted(https_server, WRONG)
    assert download_big(plain, *options).result.returncode == 1
    publish_scripted(https_server, COMPLETE)
    https_server.forget()

    result, sha256 = download_big(pip, *options)

    assert (result.returncode, sha256) == (0, BIG.sha256), result.text
    assert https_server.asked_ranges(BIG.path) == [SECOND_RUN]
