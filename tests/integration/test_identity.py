"""A hash names the file: its bytes are continued from any URL. Without a hash the URL names it."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from integration.machine import Machine, hashed_link
from integration.samples import CONTENT, CUT, FILE, NEXT_RUN_RANGE, PATH, REST_RANGE, SIZE, cut, link_with_hash
from pip._internal.models.link import Link
from servers.fault_server import Answer, FaultServer, FileAnswer
from servers.range_server import RangeServer, Resource, SignedRedirect

FILE_OF_OTHER_INDEX = replace(FILE, etag='"other"', last_modified="Sat, 04 Jan 2020 10:00:00 GMT")


def digests(*names: str) -> dict[str, str]:
    return {name: hashlib.new(name, CONTENT).hexdigest() for name in names}


@pytest.mark.parametrize("name", ["sha256", "sha384", "sha512"])
def test_a_partial_from_one_index_is_continued_from_another_index(
    name: str, machine: Machine, http_server: FaultServer, https_server: FaultServer
) -> None:
    http_server.plays(PATH, CUT)
    https_server.plays("/elsewhere/sample.whl", FILE_OF_OTHER_INDEX)
    machine.download_partly(link_with_hash(http_server, name=name))

    outcome = machine.download(hashed_link(https_server.url("/elsewhere/sample.whl"), CONTENT, name=name))

    assert outcome.content == CONTENT
    assert https_server.asked_ranges("/elsewhere/sample.whl") == [NEXT_RUN_RANGE]
    assert machine.files_in_store() == []


@pytest.mark.parametrize("name", ["sha224", "sha1", "md5"])
def test_with_a_weak_hash_a_partial_is_continued_only_from_its_url(
    name: str, machine: Machine, http_server: FaultServer, https_server: FaultServer
) -> None:
    http_server.plays(PATH, CUT, FILE)
    https_server.plays(PATH, FILE_OF_OTHER_INDEX)
    machine.download_partly(link_with_hash(http_server, name=name))

    elsewhere = machine.download(link_with_hash(https_server, name=name))
    here = machine.download(link_with_hash(http_server, name=name))

    assert elsewhere.content == here.content == CONTENT
    assert https_server.asked_ranges(PATH) == [None]
    assert http_server.asked_ranges(PATH) == [None, NEXT_RUN_RANGE]


def test_a_partial_is_found_by_sha256_among_several_hashes(machine: Machine, http_server: FaultServer) -> None:
    http_server.plays(PATH, CUT, FILE)
    machine.download_partly(Link(http_server.url(PATH), hashes=digests("md5", "sha256", "sha512")))

    outcome = machine.download(link_with_hash(http_server))

    assert outcome.content == CONTENT
    assert http_server.asked_ranges(PATH) == [None, NEXT_RUN_RANGE]


def test_each_request_follows_the_redirect_to_a_new_single_use_url(machine: Machine, http_server: FaultServer) -> None:
    http_server.plays(
        PATH, Answer(302, {"Location": "/signed/1?key=secret"}), Answer(302, {"Location": "/signed/2?key=secret"})
    )
    http_server.plays("/signed/1", CUT, Answer(403))
    http_server.plays("/signed/2", FILE, Answer(403))

    outcome = machine.download(link_with_hash(http_server))

    assert outcome.content == CONTENT
    assert http_server.asked_ranges("/signed/1") == [None]
    assert http_server.asked_ranges("/signed/2") == [REST_RANGE]


def test_the_next_run_follows_the_redirect_to_a_new_single_use_url(
    machine: Machine, http_server: FaultServer, http_range_server: RangeServer
) -> None:
    http_server.plays(PATH, CUT)
    machine.download_partly(link_with_hash(http_server))
    http_range_server.holds(PATH, SignedRedirect(Resource(CONTENT, '"v1"')))

    outcome = machine.download(link_with_hash(http_range_server))

    assert outcome.content == CONTENT
    assert [exchange.status for exchange in http_range_server.requests()] == [302, 206]
    assert http_range_server.requests()[1].range == NEXT_RUN_RANGE


def test_without_a_hash_a_partial_is_found_with_different_credentials(
    machine: Machine, https_server: FaultServer
) -> None:
    https_server.plays(PATH, CUT, FILE)
    url = https_server.url(PATH)
    machine.download_partly(Link(url.replace("https://", "https://somebody:password@")))

    outcome = machine.download(Link(url.replace("https://", "https://somebody:changed@")))

    assert outcome.content == CONTENT
    assert https_server.asked_ranges(PATH) == [None, NEXT_RUN_RANGE]


@pytest.mark.parametrize("coding", ["gzip", "x-gzip"])
def test_a_source_distribution_with_a_content_encoding_is_not_decoded(
    coding: str, machine: Machine, http_server: FaultServer
) -> None:
    path = "/files/sample-1.0.tar.gz"
    encoded = replace(FILE, fields={"Content-Encoding": coding, "Content-Type": "application/x-tar"})
    http_server.plays(path, cut(encoded), encoded)

    outcome = machine.download(hashed_link(http_server.url(path), CONTENT))

    assert (outcome.content, outcome.content_type) == (CONTENT, "application/x-tar")
    assert outcome.path.name == "sample-1.0.tar.gz"
    assert http_server.sent(path) == SIZE


@pytest.mark.parametrize(
    ("link_path", "fields", "name"),
    [
        pytest.param(
            "/get?id=7",
            {"Content-Disposition": 'attachment; filename="a-1.whl"'},
            "a-1.whl",
            id="name in Content-Disposition",
        ),
        pytest.param("/get/a-1", {"Content-Type": "application/zip"}, "a-1.zip", id="suffix by Content-Type"),
        pytest.param(
            "/get?id=7",
            {"Content-Disposition": 'attachment; filename="../../a-1.whl"'},
            "a-1.whl",
            id="path in Content-Disposition",
        ),
    ],
)
def test_a_resumed_file_has_the_name_that_pip_gives_it(
    link_path: str, fields: dict[str, str], name: str, machine: Machine, http_server: FaultServer
) -> None:
    first: FileAnswer = replace(CUT, fields=fields)
    http_server.plays(link_path, first, replace(FILE, fields={"Content-Type": None}))
    link = hashed_link(http_server.url(link_path), CONTENT)
    machine.download_partly(link)

    outcome = machine.download(link)

    assert (outcome.path.name, outcome.content) == (name, CONTENT)
