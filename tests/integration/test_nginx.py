"""The same against the real nginx, which has its own mind about Range, If-Range and gzip."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from integration.machine import Machine, hashed
from integration.samples import CONTENT, HELD, OTHER, PATH, SIZE
from pip._internal.models.link import Link
from servers.certificates import Certificates
from servers.fixtures import StartNginx
from servers.nginx import Nginx, Served

from pip_resume.protocol.verdicts import OVERLAP_BYTES

LONG_AGO_S = 1_578_045_600.0
LOGGED_S = 10.0


def served(nginx: Nginx, count: int) -> list[Served]:
    """The requests of the file, once so many of them are over: nginx logs them after the client has gone."""
    deadline_s = time.monotonic() + LOGGED_S
    while len(nginx.served(PATH)) < count and time.monotonic() < deadline_s:
        time.sleep(0.01)
    found = nginx.served(PATH)
    assert len(found) == count
    return found


def later(offset: int) -> str:
    return f"bytes={offset - OVERLAP_BYTES}-"


@pytest.mark.parametrize(
    "directives",
    [
        pytest.param("", id="as it comes"),
        pytest.param("etag off;", id="etag off"),
        pytest.param("gzip on; gzip_types *; gzip_min_length 1; gzip_proxied any;", id="gzip on"),
        pytest.param("limit_rate 2m;", id="limit_rate"),
        pytest.param("max_ranges 1;", id="max_ranges 1"),
    ],
)
@pytest.mark.parametrize("has_hash", [True, False], ids=["with a hash", "without"])
def test_the_next_run_continues(
    directives: str, has_hash: bool, machine: Machine, nginx_or_skip: StartNginx, certificates: Certificates
) -> None:
    nginx = nginx_or_skip(directives, certificates)
    nginx.write(PATH, CONTENT, LONG_AGO_S)
    link = hashed(nginx.url(PATH), CONTENT) if has_hash else Link(nginx.url(PATH))
    offset = machine.stopped(link, after=HELD)

    outcome = machine.download(link)

    assert outcome.content == CONTENT
    rest = served(nginx, 2)[1]
    assert (rest.status, rest.range, rest.body_sent) == (206, later(offset), SIZE - offset + OVERLAP_BYTES)
    assert (rest.if_range is None) == has_hash
    assert machine.left_in_store() == []
    assert machine.fetch_with_plain_pip(nginx.url(PATH)) == CONTENT


def test_ranges_that_are_forbidden_cost_nothing_that_is_held(machine: Machine, nginx_or_skip: StartNginx) -> None:
    nginx = nginx_or_skip("max_ranges 0;")
    nginx.write(PATH, CONTENT, LONG_AGO_S)
    link = hashed(nginx.url(PATH).replace("localhost", "127.0.0.1"), CONTENT)
    offset = machine.stopped(link, after=HELD)

    outcome = machine.download(link)

    assert outcome.content == CONTENT
    rest = served(nginx, 2)[1]
    assert (rest.status, rest.range, rest.body_sent) == (200, later(offset), SIZE)


def test_another_tag_between_two_runs_is_for_the_digest_to_judge(machine: Machine, nginx_or_skip: StartNginx) -> None:
    nginx = nginx_or_skip()
    nginx.write(PATH, CONTENT, LONG_AGO_S)
    link = hashed(nginx.url(PATH), CONTENT)
    offset = machine.stopped(link, after=HELD)
    nginx.write(PATH, CONTENT, LONG_AGO_S + 60)

    outcome = machine.download(link)

    assert outcome.content == CONTENT
    rest = served(nginx, 2)[1]
    assert (rest.status, rest.range) == (206, later(offset))


@pytest.mark.parametrize(
    ("new", "modified_s", "statuses"),
    [
        pytest.param(OTHER, LONG_AGO_S + 60, [200, 200], id="under another tag"),
        pytest.param(OTHER, LONG_AGO_S, [200, 206, 200], id="under the same tag"),
        pytest.param(OTHER[:1_100_000], LONG_AGO_S + 60, [200, 200], id="shorter than what is held"),
    ],
)
def test_without_a_hash_a_file_replaced_between_two_runs_is_downloaded_anew(
    new: bytes,
    modified_s: float,
    statuses: list[int],
    machine: Machine,
    nginx_or_skip: StartNginx,
    certificates: Certificates,
) -> None:
    nginx = nginx_or_skip("", certificates)
    nginx.write(PATH, CONTENT, LONG_AGO_S)
    link = Link(nginx.url(PATH))
    machine.stopped(link, after=HELD)
    nginx.write(PATH, new, modified_s)

    outcome = machine.download(link)

    assert outcome.content == new
    assert [request.status for request in served(nginx, len(statuses))] == statuses
    assert machine.left_in_store() == []


@pytest.mark.parametrize("length", [1_100_000, SIZE + 5], ids=["shorter than what is held", "longer"])
def test_with_a_hash_a_file_of_another_length_is_for_pip_to_judge(
    length: int, machine: Machine, nginx_or_skip: StartNginx
) -> None:
    nginx = nginx_or_skip()
    nginx.write(PATH, CONTENT, LONG_AGO_S)
    link = hashed(nginx.url(PATH), CONTENT)
    machine.stopped(link, after=HELD)
    nginx.write(PATH, (CONTENT + b"12345")[:length], LONG_AGO_S + 60)

    outcome = machine.download(link)

    assert outcome.content == (CONTENT + b"12345")[:length]
    # What an earlier run has left does not count as a wrong download: there are two in this one.
    assert [request.status for request in served(nginx, 4)][2:] == [200, 200]
    assert machine.entry(nginx.url(PATH)) is None


def test_a_partial_longer_than_the_file_is_healed(machine: Machine, nginx_or_skip: StartNginx, tmp_path: Path) -> None:
    nginx = nginx_or_skip()
    nginx.write(PATH, CONTENT, LONG_AGO_S)
    link = hashed(nginx.url(PATH), CONTENT)
    machine.stopped(link, after=HELD)
    machine.part(link).write_bytes(CONTENT + OTHER)

    outcome = machine.download(link)

    assert outcome.content == CONTENT
    assert machine.left_in_store() == []
