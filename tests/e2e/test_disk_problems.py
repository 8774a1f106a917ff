"""Problems with the disk: the download succeeds where plain pip's would, with at most one warning of the plugin.

A download that cannot be stored for the next run still resumes within its own run.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

import pytest
from e2e.broken_downloads import (
    BIG,
    assert_resumed_at_half,
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
# This runs at start: a write into pip's cache directory fails if more than BYTES_ALLOWED would have been written then.
QUOTA = """
import errno, os

really_write = os.pwrite
left = int(os.environ.get("BYTES_ALLOWED", "0"))


def pwrite(descriptor, block, position):
    global left
    if os.readlink(f"/proc/self/fd/{descriptor}").startswith(os.environ["PIP_CACHE_DIR"]):
        if len(block) > left:
            left = 0
            raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))
        left -= len(block)
    return really_write(descriptor, block, position)


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
    return [line for line in lines if line.startswith("WARNING: pip-resume ")]


def assert_one_warning(pip: Environment, result: Result, reason: str) -> None:
    """The plugin has warned once, with this reason and the place."""
    (warning,) = warnings_of_the_plugin(result)
    assert warning.startswith("WARNING: pip-resume cannot keep partial downloads for the next run: ")
    assert reason in warning
    assert f"{pip.cache_dir}{os.sep}http" in warning


def assert_says_which_directory_is_too_small(pip: Environment, result: Result) -> None:
    """One line names pip's temporary directory, a file system of 1 MiB, with its free and the needed space."""
    (line,) = (line.strip() for line in result.stderr.splitlines() if "TMPDIR" in line)
    sizes = r"(1\.0 MB|\d+ kB) free, 3\.0 MB needed"
    start = re.escape(f"WARNING: Not enough space in {pip.temporary}: ")
    assert re.fullmatch(rf"{start}{sizes}\. Set TMPDIR to a directory with more space", line)


def assert_complete(pip: Environment, result: Result) -> None:
    """The download succeeded and left nothing in the temporary directory."""
    assert result.returncode == 0, result.text
    assert (pip.work / "downloaded" / BIG.filename).read_bytes() == BIG.content
    assert list(pip.temporary.iterdir()) == []


@OLDEST_AND_NEWEST
def test_a_missing_cache_directory_is_created(environments: Environments, index: FaultServer, pip_version: str) -> None:
    pip = environments.with_plugin(pip_version)
    result = download_big(pip, index, PIP_CACHE_DIR=str(pip.cache_dir / "deep" / "down"))
    assert_complete(pip, result)
    assert_resumed_at_half(index, BIG)
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
    assert_resumed_at_half(index, BIG)
    assert_one_warning(pip, result, os.strerror(errno.EROFS))


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
    assert_resumed_at_half(index, BIG)
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
    assert_resumed_at_half(index, BIG)
    assert_one_warning(pip, result, "not enough free space in ")
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
    assert_resumed_at_half(http_server, BIG, is_later_run=True)
    assert warnings_of_the_plugin(result) == []
    http_server.forget()
    assert download_big(pip, http_server, PIP_RESUME="0").returncode == 0
    assert http_server.asked_ranges(BIG.path) == []


@OLDEST_AND_NEWEST
@pytest.mark.parametrize(
    "allowed",
    [
        pytest.param(0, id="before the record"),
        pytest.param(2_000, id="before the first block"),
        pytest.param(1_000_000, id="before the break"),
        pytest.param(2_000_000, id="after the break"),
    ],
)
def test_a_quota_reached_during_the_download_costs_one_warning_and_nothing_is_stored(
    environments: Environments, index: FaultServer, pip_version: str, allowed: int
) -> None:
    pip = environments.with_plugin(pip_version)
    pip.run_at_start(QUOTA)
    result = download_big(pip, index, BYTES_ALLOWED=str(allowed))
    assert_complete(pip, result)
    assert_resumed_at_half(index, BIG)
    assert_one_warning(pip, result, os.strerror(errno.EDQUOT))
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
    assert_resumed_at_half(index, BIG)
    assert_one_warning(pip, result, "pip-resume is not a directory")
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
    assert_resumed_at_half(index, BIG)
    assert_one_warning(pip, result, os.strerror(errno.EEXIST))


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
    # Plain pip may report it as a network error. One line and no traceback is what the newest one ends with.
    assert (result.returncode, "Traceback" in result.stderr) == (1, False)
    assert os.strerror(errno.ENOSPC) in result.stderr
    assert "pip-resume" not in result.stderr
    assert_says_which_directory_is_too_small(pip, result)
    assert http_server.asked_ranges(BIG.path) == [None]
    assert stored_bytes(pip.cache_dir) == len(BIG.content)
    http_server.forget()
    with_space = download_big(pip, http_server, TMPDIR=str(pip.home))
    assert with_space.returncode == 0, with_space.text
    assert (pip.work / "downloaded" / BIG.filename).read_bytes() == BIG.content
    assert http_server.asked_ranges(BIG.path) == []


@OLDEST_AND_NEWEST
def test_without_pips_cache_a_full_temporary_directory_fails_as_in_plain_pip(
    environments: Environments, http_server: FaultServer, pip_version: str, mount: Mount
) -> None:
    pip = environments.with_plugin(pip_version)
    mount(pip.temporary, "size=1m")
    publish(http_server, BIG)
    result = download_big(pip, http_server, PIP_NO_CACHE_DIR="1")
    assert result.returncode != 0
    assert os.strerror(errno.ENOSPC) in result.stderr
    assert "pip-resume" not in result.stderr
    assert_says_which_directory_is_too_small(pip, result)
    assert http_server.asked_ranges(BIG.path) == [None]
    assert list(pip.temporary.iterdir()) == []
