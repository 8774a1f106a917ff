"""The same bytes continue wherever they come from, and nothing secret is written down on the way."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from integration.machine import Machine, hashed
from integration.samples import CONTENT, CUT, FILE, HELD, PATH, SIZE
from pip._internal.models.link import Link
from servers.fault_server import Answer, FaultServer, FileAnswer
from servers.range_server import RangeServer, Resource, SignedRedirect

from pip_resume.protocol.verdicts import OVERLAP_BYTES

LATER = f"bytes={HELD - OVERLAP_BYTES}-"
OF_ANOTHER_INDEX = replace(FILE, etag='"of another index"', last_modified="Sat, 04 Jan 2020 10:00:00 GMT")


def digests(*names: str) -> dict[str, str]:
    return {name: hashlib.new(name, CONTENT).hexdigest() for name in names}


@pytest.mark.parametrize("name", ["sha256", "sha384", "sha512"])
def test_a_file_begun_at_one_index_is_finished_from_another(
    name: str, machine: Machine, http_server: FaultServer, https_server: FaultServer
) -> None:
    http_server.plays(PATH, CUT)
    https_server.plays("/elsewhere/sample.whl", OF_ANOTHER_INDEX)
    machine.interrupted(hashed(http_server.url(PATH), CONTENT, name=name))

    outcome = machine.download(hashed(https_server.url("/elsewhere/sample.whl"), CONTENT, name=name))

    assert outcome.content == CONTENT
    assert https_server.asked_ranges("/elsewhere/sample.whl") == [LATER]
    assert machine.left_in_store() == []


@pytest.mark.parametrize("name", ["sha224", "sha1", "md5"])
def test_a_weak_hash_is_checked_but_names_nothing(
    name: str, machine: Machine, http_server: FaultServer, https_server: FaultServer
) -> None:
    http_server.plays(PATH, CUT, FILE)
    https_server.plays(PATH, OF_ANOTHER_INDEX)
    machine.interrupted(hashed(http_server.url(PATH), CONTENT, name=name))

    elsewhere = machine.download(hashed(https_server.url(PATH), CONTENT, name=name))
    here = machine.download(hashed(http_server.url(PATH), CONTENT, name=name))

    assert elsewhere.content == here.content == CONTENT
    assert https_server.asked_ranges(PATH) == [None]
    assert http_server.asked_ranges(PATH) == [None, LATER]


def test_the_strongest_of_several_hashes_names_the_bytes(machine: Machine, http_server: FaultServer) -> None:
    http_server.plays(PATH, CUT, FILE)
    machine.interrupted(Link(http_server.url(PATH), hashes=digests("md5", "sha256", "sha512")))

    outcome = machine.download(hashed(http_server.url(PATH), CONTENT))

    assert outcome.content == CONTENT
    assert http_server.asked_ranges(PATH) == [None, LATER]


def test_a_single_use_url_is_made_anew_from_the_link(machine: Machine, http_server: FaultServer) -> None:
    http_server.plays(
        PATH, Answer(302, {"Location": "/signed/1?key=secret"}), Answer(302, {"Location": "/signed/2?key=secret"})
    )
    http_server.plays("/signed/1", CUT, Answer(403))
    http_server.plays("/signed/2", FILE, Answer(403))

    outcome = machine.download(hashed(http_server.url(PATH), CONTENT))

    assert outcome.content == CONTENT
    assert http_server.asked_ranges("/signed/1") == [None]
    assert http_server.asked_ranges("/signed/2") == [f"bytes={HELD}-"]


def test_the_next_run_makes_it_anew_as_well(
    machine: Machine, http_server: FaultServer, http_range_server: RangeServer
) -> None:
    http_server.plays(PATH, CUT)
    machine.interrupted(hashed(http_server.url(PATH), CONTENT))
    http_range_server.holds(PATH, SignedRedirect(Resource(CONTENT, '"v1"')))

    outcome = machine.download(hashed(http_range_server.url(PATH), CONTENT))

    assert outcome.content == CONTENT
    assert [exchange.status for exchange in http_range_server.requests()] == [302, 206]
    assert http_range_server.requests()[1].range == LATER


def test_nothing_secret_is_on_disk_between_two_runs(machine: Machine, https_server: FaultServer) -> None:
    cookie = {"Set-Cookie": "session=s3cr3t-cookie", "X-Token": "s3cr3t-field"}
    https_server.plays(PATH, Answer(302, {"Location": "/signed/1?key=s3cr3t-signature"}))
    https_server.plays("/signed/1", replace(CUT, fields=cookie), replace(FILE, fields=cookie))
    url = https_server.url(PATH).replace("https://", "https://somebody:s3cr3t-password@") + "?token=s3cr3t-token"
    link = hashed(url, CONTENT)
    machine.interrupted(link)
    assert "authorization" in https_server.requests(PATH)[0].request.fields

    found = {path.name: path.read_bytes() for path in files_below(machine.cache_directory)}

    assert [name for name, content in found.items() if b"s3cr3t" in content or b"somebody" in content] == []
    assert [name for name in found if "s3cr3t" in name] == []
    assert machine.checkpoint(link).host == "localhost"
    assert machine.download(link).content == CONTENT
    assert https_server.requests("/signed/1")[1].status == 206


def files_below(directory: Path) -> list[Path]:
    found = [path for path in directory.rglob("*") if path.is_file()]
    assert found
    return found


def test_credentials_are_no_part_of_what_names_unhashed_bytes(machine: Machine, https_server: FaultServer) -> None:
    https_server.plays(PATH, CUT, FILE)
    bare = https_server.url(PATH)
    machine.interrupted(Link(bare.replace("https://", "https://somebody:password@")))

    outcome = machine.download(Link(bare.replace("https://", "https://somebody:changed@")))

    assert outcome.content == CONTENT
    assert https_server.asked_ranges(PATH) == [None, LATER]


@pytest.mark.parametrize("coding", ["gzip", "x-gzip"])
def test_a_source_distribution_labelled_as_packed_arrives_as_it_is(
    coding: str, machine: Machine, http_server: FaultServer
) -> None:
    path = "/files/sample-1.0.tar.gz"
    labelled = replace(FILE, fields={"Content-Encoding": coding, "Content-Type": "application/x-tar"})
    http_server.plays(path, replace(labelled, cut_after=HELD, then=CUT.then), labelled)

    outcome = machine.download(hashed(http_server.url(path), CONTENT))

    assert (outcome.content, outcome.content_type) == (CONTENT, "application/x-tar")
    assert outcome.path.name == "sample-1.0.tar.gz"
    assert http_server.sent(path) == SIZE


@pytest.mark.parametrize(
    ("link_path", "fields", "name"),
    [
        pytest.param("/get?id=7", {"Content-Disposition": 'attachment; filename="a-1.whl"'}, "a-1.whl", id="by field"),
        pytest.param("/get/a-1", {"Content-Type": "application/zip"}, "a-1.zip", id="by type"),
        pytest.param(
            "/get?id=7", {"Content-Disposition": 'attachment; filename="../../a-1.whl"'}, "a-1.whl", id="path"
        ),
    ],
)
def test_the_file_has_the_name_that_pip_gives_it(
    link_path: str, fields: dict[str, str], name: str, machine: Machine, http_server: FaultServer
) -> None:
    first: FileAnswer = replace(CUT, fields=fields)
    http_server.plays(link_path, first, replace(FILE, fields={"Content-Type": None}))
    link = hashed(http_server.url(link_path), CONTENT)
    machine.interrupted(link)

    outcome = machine.download(link)

    assert (outcome.path.name, outcome.content) == (name, CONTENT)
