"""`pip cache`: what is kept for the next run belongs to pip's cache, and is counted and thrown away with it."""

from __future__ import annotations

import re

import pytest
from e2e.halves import BIG, held_bytes, held_files, offer_broken, wait_until_half_is_held
from e2e.real_pip import Environment, Environments, index_options
from servers.fault_server import FaultServer

OLDEST_AND_NEWEST = pytest.mark.parametrize("pip_version", ["21.3.1", "25.0.1", "26.3"])


def command(server: FaultServer) -> tuple[str, ...]:
    trust = ("--trusted-host", "127.0.0.1")
    return ("download", "--no-deps", "--dest", "downloaded", *index_options(server), *trust, "big")


def leave_half(pip: Environment, server: FaultServer) -> None:
    """Have a partial in pip's cache directory that nobody holds."""
    offer_broken(server, BIG)
    running = pip.start(*command(server))
    wait_until_half_is_held(server, BIG, pip.cache_dir)
    running.kill()
    running.wait()


def told_by(pip: Environment, *arguments: str) -> str:
    result = pip.run("cache", *arguments)
    assert result.returncode == 0, result.text
    return result.stdout


def files_told(pip: Environment) -> int:
    """The number of HTTP files that `pip cache info` counts."""
    (count,) = re.findall(r"^Number of HTTP files: (\d+)$", told_by(pip, "info"), re.MULTILINE)
    return int(count)


@OLDEST_AND_NEWEST
def test_info_counts_what_is_kept_and_purge_removes_it(
    environment: Environments, http_server: FaultServer, pip_version: str
) -> None:
    pip = environment(pip_version)
    leave_half(pip, http_server)
    counted = files_told(pip)
    ours = [path for path in pip.cache_dir.rglob("*") if "pip-resume" in path.parts and path.is_file()]
    for path in ours:
        path.rename(pip.folder / path.name)
    assert files_told(pip) == counted - len(ours)
    for path in ours:
        (pip.folder / path.name).rename(path)
    assert len(held_files(pip.cache_dir)) == 2
    told_by(pip, "purge")
    assert held_files(pip.cache_dir) == []
    http_server.forget()
    assert pip.run(*command(http_server)).returncode == 0
    assert http_server.asked_ranges(BIG.path) == [None]
    assert (pip.work / "downloaded" / BIG.filename).read_bytes() == BIG.content


@OLDEST_AND_NEWEST
def test_list_and_remove_speak_of_wheels_that_were_built_and_leave_what_is_kept(
    environment: Environments, http_server: FaultServer, pip_version: str
) -> None:
    pip = environment(pip_version)
    leave_half(pip, http_server)
    before = held_bytes(pip.cache_dir)
    assert "big" not in told_by(pip, "list")
    assert pip.run("cache", "remove", "big").returncode == pip.run("cache", "remove", "absent").returncode
    assert held_bytes(pip.cache_dir) == before > 0


@OLDEST_AND_NEWEST
def test_a_download_survives_a_purge_in_its_middle_and_goes_on_with_the_bytes_it_has(
    environment: Environments, http_server: FaultServer, pip_version: str
) -> None:
    pip = environment(pip_version)
    offer_broken(http_server, BIG)
    running = pip.start("--timeout", "4", *command(http_server))
    wait_until_half_is_held(http_server, BIG, pip.cache_dir)
    told_by(pip, "purge")
    assert held_files(pip.cache_dir) == []
    result = running.wait()
    assert result.returncode == 0, result.text
    assert (pip.work / "downloaded" / BIG.filename).read_bytes() == BIG.content
    assert [asked is None for asked in http_server.asked_ranges(BIG.path)] == [True, False]
    assert held_files(pip.cache_dir) == []
