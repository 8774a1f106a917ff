"""The ladder down: whatever is wrong with the disk, the install comes off when plain pip's would.

With at most one warning of ours and at most one download anew; what can no longer be kept for the next run still goes
on within this one.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

import pytest
from e2e.halves import BIG, BLOCK_BYTES, held_bytes, held_files, offer_broken, wait_until_half_is_held
from e2e.real_pip import Environment, Environments, index_options
from e2e.running import Result
from servers.fault_server import FaultServer, Then
from servers.index_pages import publish

Mount = Callable[[Path, str], None]
OLDEST_AND_NEWEST = pytest.mark.parametrize("pip_version", ["21.3.1", "26.3"])
# In every Python of an environment: the n-th write into pip's cache directory, and all after it, meet a quota.
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
    """Put a file system in memory on a directory, with these options."""
    mounted: list[Path] = []

    def put(directory: Path, options: str) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(directory)]
        if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode:
            pytest.skip("only root can mount a file system")
        mounted.append(directory)

    yield put
    for directory in mounted:
        subprocess.run(["umount", "--lazy", str(directory)], check=True)


@pytest.fixture
def index(http_server: FaultServer) -> FaultServer:
    """An index with one large file, whose line breaks at half, once."""
    offer_broken(http_server, BIG, then=Then.CLOSE)
    return http_server


def install(pip: Environment, server: FaultServer, **variables: str) -> Result:
    # Trusted, so that pip caches what comes over http as well.
    options = (*index_options(server), "--trusted-host", "127.0.0.1")
    return pip.run("download", "--no-deps", "--dest", "downloaded", *options, "big", env=variables)


def ours(result: Result) -> list[str]:
    """The warnings that speak of us; that the line broke is no fault of ours."""
    lines = [line.strip() for line in result.stderr.splitlines()]
    assert "Traceback (most recent call last):" not in lines
    return [line for line in lines if line.startswith("WARNING:") and "pip-resume" in line]


def assert_right(pip: Environment, result: Result) -> None:
    assert result.returncode == 0, result.text
    assert (pip.work / "downloaded" / BIG.filename).read_bytes() == BIG.content
    assert list(pip.temporary.iterdir()) == []


def assert_went_on(server: FaultServer) -> None:
    """Within the run, where the line broke."""
    assert [asked is None for asked in server.asked_ranges(BIG.path)] == [True, False]
    assert server.fetched_twice(BIG.path) <= BLOCK_BYTES


@OLDEST_AND_NEWEST
def test_an_absent_cache_directory_is_made(environment: Environments, index: FaultServer, pip_version: str) -> None:
    pip = environment(pip_version)
    result = install(pip, index, PIP_CACHE_DIR=str(pip.cache_dir / "deep" / "down"))
    assert_right(pip, result)
    assert_went_on(index)
    assert ours(result) == []
    assert [path.name for path in (pip.cache_dir / "deep" / "down").glob("http*/pip-resume")] == ["pip-resume"]


@OLDEST_AND_NEWEST
def test_a_cache_directory_that_may_not_be_written(
    environment: Environments, index: FaultServer, pip_version: str, mount: Mount
) -> None:
    pip = environment(pip_version)
    mount(pip.cache_dir, "size=32m,ro")
    result = install(pip, index)
    assert_right(pip, result)
    assert_went_on(index)
    assert len(ours(result)) == 1


@OLDEST_AND_NEWEST
def test_a_cache_directory_of_somebody_else(environment: Environments, index: FaultServer, pip_version: str) -> None:
    pip = environment(pip_version)
    pip.cache_dir.mkdir()
    if os.geteuid() == 0:
        os.chown(pip.cache_dir, 12345, 12345)
    else:
        pip.cache_dir.chmod(0o500)
    result = install(pip, index)
    assert_right(pip, result)
    assert_went_on(index)
    # pip itself says that it has no cache then.
    assert "cache has been disabled" in result.stderr
    assert ours(result) == []
    assert list(pip.cache_dir.iterdir()) == []


@OLDEST_AND_NEWEST
def test_a_full_disk_below_the_cache(
    environment: Environments, index: FaultServer, pip_version: str, mount: Mount
) -> None:
    pip = environment(pip_version)
    mount(pip.cache_dir, "size=1m")
    result = install(pip, index)
    assert_right(pip, result)
    assert_went_on(index)
    assert len(ours(result)) == 1
    assert held_files(pip.cache_dir) == []


@OLDEST_AND_NEWEST
def test_a_cache_on_another_file_system_than_the_temporary_directory(
    environment: Environments, http_server: FaultServer, pip_version: str, mount: Mount
) -> None:
    pip = environment(pip_version)
    mount(pip.cache_dir, "size=64m")
    offer_broken(http_server, BIG)
    options = (*index_options(http_server), "--trusted-host", "127.0.0.1")
    running = pip.start("download", "--no-deps", *options, "big")
    wait_until_half_is_held(http_server, BIG, pip.cache_dir)
    running.interrupt()
    running.wait()
    result = install(pip, http_server)
    assert_right(pip, result)
    assert [asked is None for asked in http_server.asked_ranges(BIG.path)] == [True, False]
    assert ours(result) == []
    http_server.forget()
    assert install(pip, http_server, PIP_RESUME="0").returncode == 0
    assert http_server.asked_ranges(BIG.path) == []


@OLDEST_AND_NEWEST
@pytest.mark.parametrize("writes", [1, 12, 40], ids=["at the first block", "before the break", "after the break"])
def test_a_quota_that_is_met_in_mid_download(
    environment: Environments, index: FaultServer, pip_version: str, writes: int
) -> None:
    pip = environment(pip_version)
    (pip.site_packages / "sitecustomize.py").write_text(QUOTA)
    result = install(pip, index, WRITES_ALLOWED=str(writes))
    assert_right(pip, result)
    assert_went_on(index)
    (warning,) = ours(result)
    assert os.strerror(122) in warning
    assert held_files(pip.cache_dir) == []


@OLDEST_AND_NEWEST
@pytest.mark.parametrize("kind", ["a file", "a link elsewhere"])
def test_something_else_under_the_name_of_our_directory(
    environment: Environments, index: FaultServer, pip_version: str, kind: str, tmp_path: Path
) -> None:
    pip = environment(pip_version)
    for http_cache in ("http", "http-v2"):
        (pip.cache_dir / http_cache).mkdir(parents=True)
        planted = pip.cache_dir / http_cache / "pip-resume"
        if kind == "a file":
            planted.write_text("not a directory")
        else:
            planted.symlink_to(tmp_path, target_is_directory=True)
    before = set(tmp_path.iterdir())
    result = install(pip, index)
    assert_right(pip, result)
    assert_went_on(index)
    assert len(ours(result)) == 1
    assert set(tmp_path.iterdir()) == before


@OLDEST_AND_NEWEST
def test_a_file_in_place_of_the_cache_directory(
    environment: Environments, index: FaultServer, pip_version: str
) -> None:
    pip = environment(pip_version)
    for http_cache in ("http", "http-v2"):
        pip.cache_dir.mkdir(exist_ok=True)
        (pip.cache_dir / http_cache).write_text("not a directory")
    result = install(pip, index)
    assert_right(pip, result)
    assert_went_on(index)
    assert len(ours(result)) <= 1


@OLDEST_AND_NEWEST
def test_a_full_temporary_directory_fails_as_without_us_and_costs_no_byte_once_there_is_room(
    environment: Environments, http_server: FaultServer, pip_version: str, mount: Mount
) -> None:
    pip = environment(pip_version)
    mount(pip.temporary, "size=1m")
    publish(http_server, BIG)
    assert install(pip, http_server, PIP_RESUME="0").returncode != 0
    http_server.forget()
    result = install(pip, http_server)
    # Plain pip may take it for a fault of the line, and the exit code is another then.
    assert result.returncode != 0
    assert os.strerror(28) in result.stderr
    assert "pip-resume" not in result.stderr
    assert http_server.asked_ranges(BIG.path) == [None]
    assert held_bytes(pip.cache_dir) == len(BIG.content)
    http_server.forget()
    roomy = install(pip, http_server, TMPDIR=str(pip.home))
    assert roomy.returncode == 0, roomy.text
    assert (pip.work / "downloaded" / BIG.filename).read_bytes() == BIG.content
    assert http_server.asked_ranges(BIG.path) == []
