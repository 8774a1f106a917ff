"""Problems with the disk: the download succeeds where plain pip's would, with at most one warning of the plugin.

A download that cannot be stored for the next run still resumes within its own run.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

import pytest
from e2e.broken_downloads import (
    BIG,
    BLOCK_BYTES,
    assert_one_resume,
    index_options,
    publish_broken,
    stored_bytes,
    stored_files,
    wait_until_half_is_stored,
)
from environments.environment import Environment, Environments
from environments.processes import CommandFailed, Result, run_checked
from servers.fault_server import FaultServer, Then
from servers.index_pages import publish

Mount = Callable[[Path, str], None]
OLDEST_AND_NEWEST = pytest.mark.parametrize("pip_version", ["21.3.1", "26.3"])
HTTP_CACHES = ("http", "http-v2")
"""The directories of an old and of a new pip in its cache directory."""
# A sitecustomize: the write with the number WRITES_ALLOWED into pip's cache directory, and all later ones, fail.
QUOTA = """
import errno, os

really_write = os.pwrite
writes = 0


def pwrite(descriptor, *arguments):
    global writes
    if os.readlink(f"/proc/self/fd/{descriptor}").startswith(os.environ["PIP_CACHE_DIR"]):
        writes += 1
        if writes >= int(os.environ["WRITES_ALLOWED"]):
            raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))
    return really_write(descriptor, *arguments)


os.pwrite = pwrite
"""


@pytest.fixture
def mount() -> Iterator[Mount]:
    """Mount a file system in memory on a directory, with these options; skip the test if that is not allowed."""
    mounted: list[Path] = []

    def mount_tmpfs(directory: Path, options: str) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        if os.geteuid() != 0:
            pytest.skip("only root can mount a file system")
        try:
            run_checked("mount", "-t", "tmpfs", "-o", options, "tmpfs", directory)
        except CommandFailed as error:
            pytest.skip(f"a file system cannot be mounted: {error}")
        mounted.append(directory)

    yield mount_tmpfs
    for directory in mounted:
        run_checked("umount", "--lazy", directory)


@pytest.fixture
def index(http_server: FaultServer) -> FaultServer:
    """An index with one large file; the first connection for it closes at half."""
    publish_broken(http_server, BIG, then=Then.CLOSE)
    return http_server


def download_big(pip: Environment, server: FaultServer, **variables: str) -> Result:
    # Trusted, so that pip caches what comes over http too.
    options = (*index_options(server), "--trusted-host", "127.0.0.1")
    return pip.run("download", "--no-deps", "--dest", "downloaded", *options, "big", env=variables)


def warnings_of_the_plugin(result: Result) -> list[str]:
    """Return the warnings that name the plugin; the one about the closed connection does not."""
    lines = [line.strip() for line in result.stderr.splitlines()]
    assert "Traceback (most recent call last):" not in lines
    return [line for line in lines if line.startswith("WARNING:") and "pip-resume" in line]


def assert_complete(pip: Environment, result: Result) -> None:
    """The download succeeded and left nothing in the temporary directory."""
    assert result.returncode == 0, result.text
    assert (pip.work / "downloaded" / BIG.filename).read_bytes() == BIG.content
    assert list(pip.temporary.iterdir()) == []


def assert_resumed_in_run(server: FaultServer) -> None:
    """The second request began where the first connection closed."""
    assert_one_resume(server, BIG)
    assert server.fetched_twice(BIG.path) <= BLOCK_BYTES


@OLDEST_AND_NEWEST
def test_a_missing_cache_directory_is_created(environments: Environments, index: FaultServer, pip_version: str) -> None:
    pip = environments.with_plugin(pip_version)
    result = download_big(pip, index, PIP_CACHE_DIR=str(pip.cache_dir / "deep" / "down"))
    assert_complete(pip, result)
    assert_resumed_in_run(index)
    assert warnings_of_the_plugin(result) == []
    assert [path.name for path in (pip.cache_dir / "deep" / "down").glob("http*/pip-resume")] == ["pip-resume"]


@OLDEST_AND_NEWEST
def test_a_read_only_cache_directory_costs_one_warning(
    environments: Environments, index: FaultServer, pip_version: str, mount: Mount
) -> None:
    pip = environments.with_plugin(pip_version)
    mount(pip.cache_dir, "size=32m,ro")
    result = download_big(pip, index)
    assert_complete(pip, result)
    assert_resumed_in_run(index)
    assert len(warnings_of_the_plugin(result)) == 1


@OLDEST_AND_NEWEST
def test_a_cache_directory_of_another_user_stays_empty_and_costs_no_warning_of_the_plugin(
    environments: Environments, index: FaultServer, pip_version: str
) -> None:
    pip = environments.with_plugin(pip_version)
    pip.cache_dir.mkdir()
    if os.geteuid() == 0:
        os.chown(pip.cache_dir, 12345, 12345)
    else:
        pip.cache_dir.chmod(0o500)
    result = download_big(pip, index)
    assert_complete(pip, result)
    assert_resumed_in_run(index)
    # pip itself warns that it has no cache.
    assert "cache has been disabled" in result.stderr
    assert warnings_of_the_plugin(result) == []
    assert list(pip.cache_dir.iterdir()) == []


@OLDEST_AND_NEWEST
def test_a_full_disk_of_the_cache_costs_one_warning_and_nothing_is_stored(
    environments: Environments, index: FaultServer, pip_version: str, mount: Mount
) -> None:
    pip = environments.with_plugin(pip_version)
    mount(pip.cache_dir, "size=1m")
    result = download_big(pip, index)
    assert_complete(pip, result)
    assert_resumed_in_run(index)
    assert len(warnings_of_the_plugin(result)) == 1
    assert stored_files(pip.cache_dir) == []


@OLDEST_AND_NEWEST
def test_a_download_resumes_when_cache_and_temporary_directory_are_on_different_file_systems(
    environments: Environments, http_server: FaultServer, pip_version: str, mount: Mount
) -> None:
    pip = environments.with_plugin(pip_version)
    mount(pip.cache_dir, "size=64m")
    publish_broken(http_server, BIG)
    options = (*index_options(http_server), "--trusted-host", "127.0.0.1")
    running = pip.start("download", "--no-deps", *options, "big")
    wait_until_half_is_stored(http_server, BIG, pip.cache_dir)
    running.interrupt()
    running.wait()
    result = download_big(pip, http_server)
    assert_complete(pip, result)
    assert_one_resume(http_server, BIG)
    assert warnings_of_the_plugin(result) == []
    http_server.forget()
    assert download_big(pip, http_server, PIP_RESUME="0").returncode == 0
    assert http_server.asked_ranges(BIG.path) == []


@OLDEST_AND_NEWEST
@pytest.mark.parametrize("writes", [1, 12, 40], ids=["first block", "before the break", "after the break"])
def test_a_quota_reached_during_the_download_costs_one_warning_and_nothing_is_stored(
    environments: Environments, index: FaultServer, pip_version: str, writes: int
) -> None:
    pip = environments.with_plugin(pip_version)
    (pip.site_packages / "sitecustomize.py").write_text(QUOTA)
    result = download_big(pip, index, WRITES_ALLOWED=str(writes))
    assert_complete(pip, result)
    assert_resumed_in_run(index)
    (warning,) = warnings_of_the_plugin(result)
    assert os.strerror(122) in warning
    assert stored_files(pip.cache_dir) == []


@OLDEST_AND_NEWEST
@pytest.mark.parametrize("kind", ["file", "link to another directory"])
def test_a_file_or_link_with_the_name_of_the_store_costs_one_warning_and_the_link_is_not_followed(
    environments: Environments, index: FaultServer, pip_version: str, kind: str, tmp_path: Path
) -> None:
    pip = environments.with_plugin(pip_version)
    for http_cache in HTTP_CACHES:
        (pip.cache_dir / http_cache).mkdir(parents=True)
        store = pip.cache_dir / http_cache / "pip-resume"
        if kind == "file":
            store.write_text("not a directory")
        else:
            store.symlink_to(tmp_path, target_is_directory=True)
    before = set(tmp_path.iterdir())
    result = download_big(pip, index)
    assert_complete(pip, result)
    assert_resumed_in_run(index)
    assert len(warnings_of_the_plugin(result)) == 1
    assert set(tmp_path.iterdir()) == before


@OLDEST_AND_NEWEST
def test_a_file_with_the_name_of_pips_http_cache_costs_one_warning(
    environments: Environments, index: FaultServer, pip_version: str
) -> None:
    pip = environments.with_plugin(pip_version)
    for http_cache in HTTP_CACHES:
        pip.cache_dir.mkdir(exist_ok=True)
        (pip.cache_dir / http_cache).write_text("not a directory")
    result = download_big(pip, index)
    assert_complete(pip, result)
    assert_resumed_in_run(index)
    assert len(warnings_of_the_plugin(result)) == 1


@OLDEST_AND_NEWEST
def test_a_full_temporary_directory_fails_as_in_plain_pip_and_the_next_run_downloads_nothing(
    environments: Environments, http_server: FaultServer, pip_version: str, mount: Mount
) -> None:
    pip = environments.with_plugin(pip_version)
    mount(pip.temporary, "size=1m")
    publish(http_server, BIG)
    assert download_big(pip, http_server, PIP_RESUME="0").returncode != 0
    http_server.forget()
    result = download_big(pip, http_server)
    # Plain pip may report it as a network error, which has a different exit code.
    assert result.returncode != 0
    assert os.strerror(28) in result.stderr
    assert "pip-resume" not in result.stderr
    assert http_server.asked_ranges(BIG.path) == [None]
    assert stored_bytes(pip.cache_dir) == len(BIG.content)
    http_server.forget()
    with_space = download_big(pip, http_server, TMPDIR=str(pip.home))
    assert with_space.returncode == 0, with_space.text
    assert (pip.work / "downloaded" / BIG.filename).read_bytes() == BIG.content
    assert http_server.asked_ranges(BIG.path) == []
