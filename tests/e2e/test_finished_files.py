"""A finished file that pip's cache does not take stays in the store, so that no later run has to download it."""

from __future__ import annotations

import dataclasses

import pytest
from e2e.broken_downloads import BIG, index_options, stored_contents, stored_files
from e2e.outages import MOST_ON_ITS_WAY
from e2e.single_file import TWO_PIPS, cached_completely, download_big, publish_scripted
from environments.environment import Environment, Environments
from servers.certificates import Certificates
from servers.fault_server import FaultServer
from servers.index_pages import honest, publish, wheel_artifact

NOT_CACHED = [
    pytest.param({"Cache-Control": "no-store"}, id="no-store"),
    pytest.param({"Cache-Control": None, "ETag": None, "Last-Modified": None}, id="no fields of a cache"),
]
LARGE = wheel_artifact("large", size=20_000_000)
RATE = 4_000_000
"""Bytes per second of each connection."""


@TWO_PIPS
@pytest.mark.parametrize("fields", NOT_CACHED)
def test_the_second_run_and_a_second_environment_send_no_request_for_the_file(
    environments: Environments,
    https_server: FaultServer,
    certificates: Certificates,
    pip_version: str,
    fields: dict[str, str | None],
) -> None:
    pip, other = environments.with_plugin(pip_version), environments.with_plugin(pip_version)
    other.variables["PIP_CACHE_DIR"] = pip.variables["PIP_CACHE_DIR"]
    publish_scripted(https_server, dataclasses.replace(honest(BIG), fields=fields))
    options = index_options(https_server, certificates)

    first = download_big(pip, *options)
    assert (https_server.asked_ranges(BIG.path), stored_contents(pip.cache_dir)) == ([None], [BIG.content])
    https_server.forget()
    second, third = download_big(pip, *options), download_big(other, *options)

    for result, sha256 in (first, second, third):
        assert (result.returncode, result.stderr, sha256) == (0, "", BIG.sha256), result.text
    assert "Using cached" not in first.result.stdout
    assert "Using cached" in second.result.stdout
    assert https_server.requests(BIG.path) == []
    assert cached_completely(pip.cache_dir) == []
    assert stored_contents(pip.cache_dir) == [BIG.content]


@TWO_PIPS
def test_a_stored_finished_file_that_was_changed_is_downloaded_again(
    environments: Environments, https_server: FaultServer, certificates: Certificates, pip_version: str
) -> None:
    pip = environments.with_plugin(pip_version)
    publish_scripted(https_server, dataclasses.replace(honest(BIG), fields={"Cache-Control": "no-store"}))
    options = index_options(https_server, certificates)
    download_big(pip, *options)
    (part,) = (path for path in stored_files(pip.cache_dir) if path.suffix == ".part")
    part.write_bytes(bytes(1000) + BIG.content[1000:])

    result, sha256 = download_big(pip, *options)

    assert (result.returncode, sha256) == (0, BIG.sha256), result.text
    assert f"Starting over with {BIG.filename}: its hash is not the expected one" in result.stderr
    assert https_server.asked_ranges(BIG.path) == [None, None]
    assert stored_contents(pip.cache_dir) == [BIG.content]


@TWO_PIPS
def test_of_four_pips_at_once_one_downloads_the_file_and_they_are_not_later_than_four_plain_pips(
    environments: Environments, https_server: FaultServer, certificates: Certificates, pip_version: str
) -> None:
    plain, pip = environments.without_plugin(pip_version), environments.with_plugin(pip_version)
    publish(https_server, LARGE)
    # In large pieces, because the server's threads need the processor, too.
    slow = dataclasses.replace(honest(LARGE), rate=RATE, piece=65536, fields={"Cache-Control": "no-store"})
    https_server.plays(LARGE.path, slow)
    options = index_options(https_server, certificates)

    of_plain = download_four_times(plain, *options)
    assert https_server.asked_ranges(LARGE.path) == [None] * 4
    https_server.forget()
    ours = download_four_times(pip, *options)

    # A pip that has sent its request before it can know of the others closes the response after its head.
    *closed, complete = sorted(exchange.sent for exchange in https_server.requests(LARGE.path))
    assert complete == len(LARGE.content)
    assert all(sent <= MOST_ON_ITS_WAY for sent in closed)
    assert set(https_server.asked_ranges(LARGE.path)) == {None}
    assert max(ours) <= 1.1 * max(of_plain) + 1


def download_four_times(pip: Environment, *options: str) -> list[float]:
    """Start four downloads at once, which have to succeed; return the seconds that each of them took."""
    targets = [pip.new_target() for _ in range(4)]
    command = ("download", "--no-deps", *options, LARGE.project, "--dest")
    running = [pip.start(*command, target) for target in targets]
    results = [each.wait() for each in running]
    for result, target in zip(results, targets):
        assert result.returncode == 0, result.text
        assert (target / LARGE.filename).read_bytes() == LARGE.content
    return [result.seconds for result in results]
