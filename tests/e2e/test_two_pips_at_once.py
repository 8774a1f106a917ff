"""Two real pips of one user want the same file at once."""

from __future__ import annotations

import dataclasses
import re

import pytest
from e2e.halves import BIG, TWICE_AT_MOST, half, held_files, wait_until_half_is_held, wait_until_held
from e2e.real_pip import Environments, index_options
from servers.certificates import Certificates
from servers.fault_server import FaultServer, Then
from servers.index_pages import honest, publish

WAITING = r"Waiting: another pip is downloading big-1\.0-py3-none-any\.whl, \d+ %"


@pytest.mark.parametrize("pip_version", ["21.3.1", "26.3"])
def test_the_second_waits_for_the_first_and_uses_what_that_has_put_into_the_cache(
    environment: Environments, https_server: FaultServer, certificates: Certificates, pip_version: str
) -> None:
    pip = environment(pip_version)
    publish(https_server, BIG)
    https_server.plays(BIG.path, dataclasses.replace(honest(BIG), rate=900_000))
    command = ("download", "--no-deps", *index_options(https_server, certificates), "big", "--dest")

    first = pip.start(*command, "first")
    wait_until_held(pip.cache_dir, 100_000)
    second = pip.start(*command, "second").wait()

    assert (first.wait().returncode, second.returncode) == (0, 0), second.text
    for name in ("first", "second"):
        assert (pip.work / name / BIG.filename).read_bytes() == BIG.content
    assert re.search(WAITING, second.text)
    assert re.search(rf"Using cached \S*{BIG.filename}", second.text)
    assert https_server.asked_ranges(BIG.path) == [None]
    assert held_files(pip.cache_dir) == []


def test_over_plain_http_where_pip_caches_nothing_the_second_waits_and_then_downloads_itself(
    environment: Environments, http_server: FaultServer
) -> None:
    pip = environment("26.3")
    publish(http_server, BIG)
    http_server.plays(BIG.path, dataclasses.replace(honest(BIG), rate=900_000), honest(BIG))
    command = ("download", "--no-deps", *index_options(http_server), "big", "--dest")

    first = pip.start(*command, "first")
    wait_until_held(pip.cache_dir, 100_000)
    second = pip.start(*command, "second").wait()

    assert (first.wait().returncode, second.returncode) == (0, 0), second.text
    for name in ("first", "second"):
        assert (pip.work / name / BIG.filename).read_bytes() == BIG.content
    assert re.search(WAITING, second.text)
    assert http_server.asked_ranges(BIG.path) == [None, None]


@pytest.mark.parametrize("pip_version", ["23.2.1", "26.3"])
def test_the_second_takes_over_the_bytes_of_the_first_when_that_is_killed(
    environment: Environments, https_server: FaultServer, certificates: Certificates, pip_version: str
) -> None:
    pip = environment(pip_version)
    publish(https_server, BIG)
    https_server.plays(BIG.path, dataclasses.replace(honest(BIG), cut_after=half(BIG), then=Then.STALL), honest(BIG))
    command = ("download", "--no-deps", *index_options(https_server, certificates), "big", "--dest")
    first = pip.start(*command, "first")
    wait_until_half_is_held(https_server, BIG, pip.cache_dir)
    second = pip.start(*command, "second")
    second.wait_for_output("Waiting: another pip is downloading")

    first.kill()
    result = second.wait()

    assert first.wait().returncode == -9
    assert result.returncode == 0, result.text
    assert (pip.work / "second" / BIG.filename).read_bytes() == BIG.content
    assert "Resuming download" in result.text
    assert https_server.statuses(BIG.path) == [200, 206]
    assert https_server.fetched_twice(BIG.path) <= TWICE_AT_MOST
    assert held_files(pip.cache_dir) == []
