"""Downloads from the real nginx, which handles Range, If-Range and gzip in its own way."""

from __future__ import annotations

import time

import pytest
from integration.machine import Machine, hashed_link
from integration.samples import CONTENT, HELD, OTHER_CONTENT, PATH, SIZE, link_with_hash, link_without_hash, zip_of
from pip._internal.models.link import Link
from servers.certificates import Certificates
from servers.fixtures import StartNginx
from servers.nginx import Nginx, Served

from pip_resume.protocol.planning import OVERLAP_BYTES

LONG_AGO_S = 1_578_045_600.0
LOG_TIMEOUT_S = 10.0


def served(nginx: Nginx, count: int) -> list[Served]:
    """Wait until `count` requests of the file are logged, and return them: nginx logs a request after its end."""
    deadline_s = time.monotonic() + LOG_TIMEOUT_S
    while len(nginx.served(PATH)) < count and time.monotonic() < deadline_s:
        time.sleep(0.01)
    found = nginx.served(PATH)
    assert len(found) == count
    return found


def next_run_range(offset: int) -> str:
    """Return the Range field of the next run, after a run that has stored `offset` bytes."""
    return f"bytes={offset - OVERLAP_BYTES}-"


def cacheable_link(nginx: Nginx) -> Link:
    """Return a link with a hash, to a host whose responses over http pip caches."""
    return hashed_link(nginx.url(PATH).replace("localhost", "127.0.0.1"), CONTENT)


@pytest.mark.parametrize(
    "directives",
    [
        pytest.param("", id="default"),
        pytest.param("etag off;", id="etag off"),
        pytest.param("gzip on; gzip_types *; gzip_min_length 1; gzip_proxied any;", id="gzip on"),
        pytest.param("limit_rate 2m;", id="limit_rate"),
        pytest.param("max_ranges 1;", id="max_ranges 1"),
    ],
)
@pytest.mark.parametrize("has_hash", [True, False], ids=["with a hash", "without a hash"])
def test_the_next_run_requests_the_overlap_and_the_rest(
    directives: str, has_hash: bool, machine: Machine, nginx_or_skip: StartNginx, certificates: Certificates
) -> None:
    nginx = nginx_or_skip(directives, certificates)
    nginx.write(PATH, CONTENT, LONG_AGO_S)
    link = link_with_hash(nginx) if has_hash else link_without_hash(nginx)
    offset = machine.interrupt(link, after=HELD)

    outcome = machine.download(link)

    assert outcome.content == CONTENT
    rest = served(nginx, 2)[1]
    assert (rest.status, rest.range, rest.body_sent) == (206, next_run_range(offset), SIZE - offset + OVERLAP_BYTES)
    assert (rest.if_range is None) == has_hash
    is_cached = machine.cached_body(nginx.url(PATH)) == CONTENT
    # pip caches neither a response without an ETag nor one without Cache-Control. The hash proves what we store then.
    assert is_cached == ("etag off" not in directives)
    assert machine.stored(link) == (CONTENT if has_hash and not is_cached else None)
    assert machine.download_with_plain_pip(nginx.url(PATH)) == CONTENT


def test_without_ranges_the_next_run_downloads_the_file_again(machine: Machine, nginx_or_skip: StartNginx) -> None:
    nginx = nginx_or_skip("max_ranges 0;")
    nginx.write(PATH, CONTENT, LONG_AGO_S)
    link = cacheable_link(nginx)
    offset = machine.interrupt(link, after=HELD)

    outcome = machine.download(link)

    assert outcome.content == CONTENT
    rest = served(nginx, 2)[1]
    assert (rest.status, rest.range, rest.body_sent) == (200, next_run_range(offset), SIZE)


def test_with_a_hash_the_next_run_continues_although_the_etag_is_different(
    machine: Machine, nginx_or_skip: StartNginx
) -> None:
    nginx = nginx_or_skip()
    nginx.write(PATH, CONTENT, LONG_AGO_S)
    link = link_with_hash(nginx)
    offset = machine.interrupt(link, after=HELD)
    nginx.write(PATH, CONTENT, LONG_AGO_S + 60)

    outcome = machine.download(link)

    assert outcome.content == CONTENT
    rest = served(nginx, 2)[1]
    assert (rest.status, rest.range) == (206, next_run_range(offset))


@pytest.mark.parametrize(
    ("new", "modified_s", "statuses"),
    [
        pytest.param(OTHER_CONTENT, LONG_AGO_S + 60, [200, 200], id="with a different ETag"),
        pytest.param(OTHER_CONTENT, LONG_AGO_S, [200, 206, 200], id="with the same ETag"),
        pytest.param(
            zip_of(1_100_000, seed=3),
            LONG_AGO_S + 60,
            [200, 200],
            id="with a different ETag, shorter than what is stored",
        ),
    ],
)
def test_without_a_hash_a_file_replaced_between_two_runs_is_downloaded_again(
    new: bytes,
    modified_s: float,
    statuses: list[int],
    machine: Machine,
    nginx_or_skip: StartNginx,
    certificates: Certificates,
) -> None:
    nginx = nginx_or_skip("", certificates)
    nginx.write(PATH, CONTENT, LONG_AGO_S)
    link = link_without_hash(nginx)
    machine.interrupt(link, after=HELD)
    nginx.write(PATH, new, modified_s)

    outcome = machine.download(link)

    assert outcome.content == new
    assert [request.status for request in served(nginx, len(statuses))] == statuses
    assert machine.files_in_store() == []


@pytest.mark.parametrize("length", [1_100_000, SIZE + 5], ids=["shorter than the stored bytes", "longer"])
def test_with_a_hash_pip_gets_a_file_of_a_different_length_and_judges_it(
    length: int, machine: Machine, nginx_or_skip: StartNginx
) -> None:
    nginx = nginx_or_skip()
    nginx.write(PATH, CONTENT, LONG_AGO_S)
    link = cacheable_link(nginx)
    machine.interrupt(link, after=HELD)
    nginx.write(PATH, (CONTENT + b"12345")[:length], LONG_AGO_S + 60)

    outcome = machine.download(link)

    assert outcome.content == (CONTENT + b"12345")[:length]
    # The stored bytes do not count as a wrong download of this run: it downloads the file twice.
    assert [request.status for request in served(nginx, 4)][2:] == [200, 200]
    assert machine.cache_entry(link.url_without_fragment) is None


def test_a_partial_longer_than_the_file_is_discarded(machine: Machine, nginx_or_skip: StartNginx) -> None:
    nginx = nginx_or_skip()
    nginx.write(PATH, CONTENT, LONG_AGO_S)
    link = cacheable_link(nginx)
    machine.interrupt(link, after=HELD)
    machine.part_path(link).write_bytes(CONTENT + OTHER_CONTENT)

    outcome = machine.download(link)

    assert outcome.content == CONTENT
    assert machine.files_in_store() == []
