"""`pip cache`: stored partial downloads are a part of pip's cache, and are counted and removed with it."""

from __future__ import annotations

import re

import pytest
from e2e.broken_downloads import (
    BIG,
    assert_resumed_at_half,
    files_of_the_plugin,
    half,
    index_options,
    kill_at_half,
    publish_broken,
    stored_bytes,
    stored_files,
    wait_until_half_is_stored,
)
from environments.environment import Environment, Environments
from servers.fault_server import FaultServer

DIFFERENT_CACHES = pytest.mark.parametrize("pip_version", ["21.3.1", "25.0.1", "26.3"])


def download_command(server: FaultServer) -> tuple[str, ...]:
    trust = ("--trusted-host", "127.0.0.1")
    return ("download", "--no-deps", "--dest", "downloaded", *index_options(server), *trust, "big")


def store_half(pip: Environment, server: FaultServer) -> None:
    """Have a partial download in pip's cache directory that no process uses."""
    publish_broken(server, BIG)
    kill_at_half(pip, server, BIG, *download_command(server))


def cache_command(pip: Environment, *arguments: str) -> str:
    """Run `pip cache`, which has to succeed; return its output."""
    result = pip.run("cache", *arguments)
    assert result.returncode == 0, result.text
    return result.stdout


def count_http_files(pip: Environment) -> int:
    """Return the number of HTTP files that `pip cache info` shows."""
    (count,) = re.findall(r"^Number of HTTP files: (\d+)$", cache_command(pip, "info"), re.MULTILINE)
    return int(count)


@DIFFERENT_CACHES
def test_cache_info_counts_stored_partials_and_cache_purge_removes_them(
    environments: Environments, http_server: FaultServer, pip_version: str
) -> None:
    pip = environments.with_plugin(pip_version)
    store_half(pip, http_server)
    counted = count_http_files(pip)
    ours = files_of_the_plugin(pip.cache_dir)
    for path in ours:
        path.rename(pip.folder / path.name)
    assert count_http_files(pip) == counted - len(ours)
    for path in ours:
        (pip.folder / path.name).rename(path)
    assert len(stored_files(pip.cache_dir)) == 2
    cache_command(pip, "purge")
    assert stored_files(pip.cache_dir) == []
    http_server.forget()
    assert pip.run(*download_command(http_server)).returncode == 0
    assert http_server.asked_ranges(BIG.path) == [None]
    assert (pip.work / "downloaded" / BIG.filename).read_bytes() == BIG.content


@DIFFERENT_CACHES
def test_cache_list_and_remove_concern_built_wheels_and_not_stored_partials(
    environments: Environments, http_server: FaultServer, pip_version: str
) -> None:
    pip = environments.with_plugin(pip_version)
    store_half(pip, http_server)
    assert "big" not in cache_command(pip, "list")
    assert pip.run("cache", "remove", "big").returncode == pip.run("cache", "remove", "absent").returncode
    assert stored_bytes(pip.cache_dir) == half(BIG)


@DIFFERENT_CACHES
def test_a_download_resumes_from_its_own_bytes_after_a_cache_purge_during_it(
    environments: Environments, http_server: FaultServer, pip_version: str
) -> None:
    pip = environments.with_plugin(pip_version)
    publish_broken(http_server, BIG)
    running = pip.start("--timeout", "4", *download_command(http_server))
    wait_until_half_is_stored(http_server, BIG, pip.cache_dir)
    cache_command(pip, "purge")
    assert stored_files(pip.cache_dir) == []
    result = running.wait()
    assert result.returncode == 0, result.text
    assert (pip.work / "downloaded" / BIG.filename).read_bytes() == BIG.content
    assert_resumed_at_half(http_server, BIG)
    assert stored_files(pip.cache_dir) == []
