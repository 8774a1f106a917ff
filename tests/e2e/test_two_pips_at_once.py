"""Two pips of one user that download the same file at the same time."""

from __future__ import annotations

import dataclasses
import re

import pytest
from e2e.broken_downloads import (
    BIG,
    assert_resumed_at_half,
    break_once,
    index_options,
    stored_contents,
    stored_files,
    wait_until_half_is_stored,
    wait_until_stored,
)
from environments.environment import Environment, Environments
from environments.processes import Result
from servers.certificates import Certificates
from servers.fault_server import FaultServer
from servers.index_pages import honest, publish

WAITING = r"  Waiting: another pip is downloading big-1\.0-py3-none-any\.whl \((\d+ kB|\d\.\d) of 3\.0 MB\)"
SLOW = dataclasses.replace(honest(BIG), rate=900_000)


def run_two(pip: Environment, *options: str) -> Result:
    """Start a second download while the first one runs; both have to end well. Returns how the second one ended."""
    command = ("download", "--no-deps", *options, "big", "--dest")
    first = pip.start(*command, "first")
    wait_until_stored(pip.cache_dir, 100_000)
    second = pip.start(*command, "second").wait()
    assert (first.wait().returncode, second.returncode) == (0, 0), second.text
    for name in ("first", "second"):
        assert (pip.work / name / BIG.filename).read_bytes() == BIG.content
    return second


@pytest.mark.parametrize("pip_version", ["21.3.1", "26.3"])
def test_the_second_pip_waits_and_takes_the_file_from_pips_cache(
    environments: Environments, https_server: FaultServer, certificates: Certificates, pip_version: str
) -> None:
    pip = environments.with_plugin(pip_version)
    publish(https_server, BIG)
    https_server.plays(BIG.path, SLOW)

    second = run_two(pip, *index_options(https_server, certificates))

    assert re.search(WAITING, second.stdout)
    assert re.search(rf"Using cached \S*{BIG.filename}", second.text)
    assert https_server.asked_ranges(BIG.path) == [None]
    assert stored_files(pip.cache_dir) == []


@pytest.mark.parametrize("pip_version", ["21.3.1", "26.3"])
def test_without_pips_cache_the_second_pip_waits_and_takes_the_file_from_the_store(
    environments: Environments, http_server: FaultServer, pip_version: str
) -> None:
    """Over plain http from a host that is not trusted, pip caches nothing."""
    pip = environments.with_plugin(pip_version)
    publish(http_server, BIG)
    http_server.plays(BIG.path, SLOW)

    second = run_two(pip, *index_options(http_server))

    assert re.search(WAITING, second.stdout)
    assert "Using cached" in second.stdout
    assert http_server.asked_ranges(BIG.path) == [None]
    assert stored_contents(pip.cache_dir) == [BIG.content]


@pytest.mark.parametrize("pip_version", ["23.2.1", "26.3"])
def test_the_second_pip_resumes_what_the_first_one_stored_before_it_was_killed(
    environments: Environments, https_server: FaultServer, certificates: Certificates, pip_version: str
) -> None:
    pip = environments.with_plugin(pip_version)
    publish(https_server, BIG)
    break_once(https_server, BIG)
    command = ("download", "--no-deps", *index_options(https_server, certificates), "big", "--dest")
    first = pip.start(*command, "first")
    wait_until_half_is_stored(https_server, BIG, pip.cache_dir)
    second = pip.start(*command, "second")
    second.wait_for_output("Waiting: another pip is downloading")

    first.kill()
    result = second.wait()

    assert first.wait().returncode == -9
    assert result.returncode == 0, result.text
    assert (pip.work / "second" / BIG.filename).read_bytes() == BIG.content
    assert "Resuming download" in result.text
    assert https_server.statuses(BIG.path) == [200, 206]
    assert_resumed_at_half(https_server, BIG, is_later_run=True)
    assert stored_files(pip.cache_dir) == []
