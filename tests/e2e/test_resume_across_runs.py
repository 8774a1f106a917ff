"""A download that was interrupted goes on when the same command is run again: whatever ended the first run."""

from __future__ import annotations

import dataclasses
import re
import signal

import pytest
from e2e.halves import (
    BIG,
    BLOCK_BYTES,
    OVERLAP_BYTES,
    SMALL,
    TWICE_AT_MOST,
    half,
    held_bytes,
    held_files,
    names,
    offer_broken,
    wait_until_half_is_held,
    wait_until_held,
)
from e2e.real_pip import Environment, Environments, index_options
from e2e.running import RunningPip
from servers.certificates import Certificates
from servers.fault_server import FaultServer, Then
from servers.index_pages import Artifact, core_metadata, honest, make_sdist, make_wheel, publish, wheel_artifact

ENDS = {signal.SIGKILL: RunningPip.kill, signal.SIGINT: RunningPip.interrupt, signal.SIGTERM: RunningPip.terminate}
# What pip makes of Ctrl-C; of the other two it hears nothing.
RETURN_CODES = {signal.SIGKILL: -signal.SIGKILL, signal.SIGINT: 1, signal.SIGTERM: -signal.SIGTERM}


def killed_at_half(pip: Environment, server: FaultServer, artifact: Artifact, *command: str) -> None:
    """Run this until half of the artifact is on disk."""
    running = pip.start(*command)
    wait_until_half_is_held(server, artifact, pip.cache_dir)
    running.kill()
    running.wait()


@pytest.mark.parametrize("number", ENDS, ids=lambda number: number.name)
def test_the_same_command_goes_on_where_a_signal_ended_it_and_a_third_asks_nothing(
    environment: Environments,
    https_server: FaultServer,
    certificates: Certificates,
    pip_version: str,
    number: signal.Signals,
) -> None:
    pip = environment(pip_version)
    offer_broken(https_server, BIG)
    command = ("download", "--no-deps", *index_options(https_server, certificates), "big", "--dest")

    running = pip.start(*command, "first")
    wait_until_half_is_held(https_server, BIG, pip.cache_dir)
    ENDS[number](running)
    ended = running.wait()
    kept = held_bytes(pip.cache_dir)

    assert ended.returncode == RETURN_CODES[number], ended.text
    kept_line = rf"Kept 1\.[45] MB of 3\.0 MB of {names(BIG)}; run the same command again to continue"
    said = re.findall(kept_line, ended.stderr)
    assert len(said) == (number is signal.SIGINT)
    assert not list(pip.work.rglob("*.whl"))

    result = pip.run(*command, "first")

    assert result.returncode == 0, result.text
    assert re.search(rf"Resuming download .*{names(BIG)} \(1\.[45] MB/3\.0 MB\)", result.stdout)
    assert re.search(rf"Resumed {names(BIG)}: 1\.4 MB of 3\.0 MB did not have to be downloaded again", result.stdout)
    assert result.stderr == ""
    assert (pip.work / "first" / BIG.filename).read_bytes() == BIG.content
    assert https_server.asked_ranges(BIG.path) == [None, f"bytes={kept - OVERLAP_BYTES}-"]
    assert https_server.fetched_twice(BIG.path) <= TWICE_AT_MOST
    assert held_files(pip.cache_dir) == []

    https_server.forget()
    again = pip.run(*command, "again")

    assert "Using cached" in again.stdout
    assert (pip.work / "again" / BIG.filename).read_bytes() == BIG.content
    assert https_server.requests(BIG.path) == []


def test_a_kill_while_bytes_arrive_costs_no_more_than_the_block_in_flight_and_the_overlap(
    environment: Environments, https_server: FaultServer, certificates: Certificates
) -> None:
    pip = environment("26.3")
    publish(https_server, BIG)
    https_server.plays(BIG.path, dataclasses.replace(honest(BIG), rate=500_000), honest(BIG))
    command = ("download", "--no-deps", *index_options(https_server, certificates), "big")

    running = pip.start(*command)
    wait_until_held(pip.cache_dir, half(BIG))
    running.kill()
    running.wait()
    result = pip.run(*command)

    assert result.returncode == 0, result.text
    assert (pip.work / BIG.filename).read_bytes() == BIG.content
    assert https_server.statuses(BIG.path) == [200, 206]
    assert 0 < https_server.fetched_twice(BIG.path) <= TWICE_AT_MOST


def test_what_came_once_more_does_not_count_as_saved(environment: Environments, http_server: FaultServer) -> None:
    pip = environment("26.3")
    publish(http_server, BIG)
    http_server.plays(BIG.path, dataclasses.replace(honest(BIG), cut_after=200_000, then=Then.STALL), honest(BIG))
    command = ("download", "--no-deps", *index_options(http_server), "big")

    running = pip.start(*command)
    wait_until_held(pip.cache_dir, 200_000 - BLOCK_BYTES + 1)
    running.kill()
    running.wait()
    kept = held_bytes(pip.cache_dir)
    result = pip.run(*command)

    assert result.returncode == 0, result.text
    assert f"{BIG.filename} ({kept // 1000} kB/3.0 MB)" in result.stdout
    assert f"{(kept - OVERLAP_BYTES) // 1000} kB of 3.0 MB did not have to be downloaded again" in result.stdout


@pytest.mark.parametrize("pip_version", ["21.3.1", "26.3"])
def test_ctrl_c_ends_pip_as_it_ends_without_us_with_one_line_more(
    environment: Environments, http_server: FaultServer, pip_version: str
) -> None:
    said = []
    for pip in (environment.without_plugin(pip_version), environment(pip_version)):
        offer_broken(http_server, BIG)
        http_server.forget()
        running = pip.start("download", "--no-deps", *index_options(http_server), "big")
        http_server.wait_until_sent(BIG.path, half(BIG))
        running.interrupt()
        result = running.wait()
        said.append((result.returncode, result.stderr.splitlines()))

    (plain_code, plain_lines), (our_code, our_lines) = said
    assert (plain_code, plain_lines) == (1, ["ERROR: Operation cancelled by user"])
    assert our_code == plain_code
    assert our_lines[1:] == plain_lines
    # Up to a block less than half of it.
    assert re.match(r"  WARNING: Kept 1\.[45] MB of 3\.0 MB of ", our_lines[0])


@pytest.mark.parametrize("pip_version", ["23.2.1", "26.3"])
@pytest.mark.parametrize(
    ("options", "requests_of_a_third_run"),
    [
        pytest.param((), [None], id="a host that pip does not trust"),
        pytest.param(("--trusted-host", "127.0.0.1"), [], id="--trusted-host"),
    ],
)
def test_over_http_a_link_with_a_hash_goes_on_and_is_cached_where_pip_would_cache_it(
    environment: Environments,
    http_server: FaultServer,
    pip_version: str,
    options: tuple[str, ...],
    requests_of_a_third_run: list[None],
) -> None:
    pip = environment(pip_version)
    offer_broken(http_server, BIG)
    command = ("download", "--no-deps", *index_options(http_server), *options, "big", "--dest")

    killed_at_half(pip, http_server, BIG, *command, "first")
    kept = held_bytes(pip.cache_dir)
    result = pip.run(*command, "first")

    assert result.returncode == 0, result.text
    assert (pip.work / "first" / BIG.filename).read_bytes() == BIG.content
    assert http_server.asked_ranges(BIG.path) == [None, f"bytes={kept - OVERLAP_BYTES}-"]
    assert http_server.fetched_twice(BIG.path) <= TWICE_AT_MOST
    assert held_files(pip.cache_dir) == []

    http_server.forget()
    again = pip.run(*command, "again")

    assert ("Using cached" in again.stdout) == bool(options)
    assert http_server.asked_ranges(BIG.path) == requests_of_a_third_run


def test_over_https_a_link_without_a_hash_goes_on_by_its_strong_validator(
    environment: Environments, https_server: FaultServer, certificates: Certificates
) -> None:
    pip = environment("26.3")
    bare = dataclasses.replace(BIG, hashes=())
    offer_broken(https_server, bare)
    command = ("download", "--no-deps", *index_options(https_server, certificates), "big")

    killed_at_half(pip, https_server, bare, *command)
    kept = held_bytes(pip.cache_dir)
    result = pip.run(*command)

    assert result.returncode == 0, result.text
    assert (pip.work / BIG.filename).read_bytes() == BIG.content
    _, second = https_server.requests(bare.path)
    assert second.request.fields["range"] == f"bytes={kept - OVERLAP_BYTES}-"
    assert second.request.fields["if-range"] == honest(bare).etag


@pytest.mark.parametrize(
    ("artifact", "options"),
    [
        pytest.param(dataclasses.replace(BIG, hashes=()), (), id="no hash over http"),
        pytest.param(SMALL, (), id="a body of 1 MB"),
        pytest.param(BIG, ("--no-cache-dir",), id="--no-cache-dir"),
    ],
)
def test_what_is_not_kept_starts_anew_and_no_kept_line_says_otherwise(
    environment: Environments, http_server: FaultServer, artifact: Artifact, options: tuple[str, ...]
) -> None:
    pip = environment("26.3")
    offer_broken(http_server, artifact)
    command = ("download", "--no-deps", *options, *index_options(http_server), artifact.project)

    running = pip.start(*command)
    http_server.wait_until_sent(artifact.path, half(artifact))
    running.interrupt()
    ended = running.wait()
    left = held_files(pip.cache_dir)
    result = pip.run(*command)

    assert (left, "Kept" in ended.text) == ([], False)
    assert result.returncode == 0, result.text
    assert "Resum" not in result.text
    assert http_server.asked_ranges(artifact.path) == [None, None]


@pytest.mark.parametrize("command", ["install --target", "wheel --wheel-dir"])
def test_the_other_commands_go_on_as_well(environment: Environments, http_server: FaultServer, command: str) -> None:
    pip = environment("26.3")
    offer_broken(http_server, BIG)
    whole = (*command.split(), "there", "--no-deps", *index_options(http_server), "big")

    killed_at_half(pip, http_server, BIG, *whole)
    result = pip.run(*whole)

    assert result.returncode == 0, result.text
    there = pip.work / "there" / ("big/payload.bin" if command.startswith("install") else BIG.filename)
    assert there.read_bytes() in BIG.content
    assert http_server.statuses(BIG.path) == [200, 206]


@pytest.mark.parametrize("pip_version", ["25.0.1", "26.3"])
def test_a_batch_that_is_killed_in_its_second_wheel_fetches_only_the_rest_of_that(
    environment: Environments, https_server: FaultServer, certificates: Certificates, pip_version: str
) -> None:
    pip = environment(pip_version)
    first, second = (
        Artifact(*make_wheel(name, size=2_000_000, requires=requires), metadata=core_metadata(name, "1.0", requires))
        for name, requires in (("first", ("second",)), ("second", ()))
    )
    publish(https_server, first)
    offer_broken(https_server, second)
    command = ("install", "--target", "there", *index_options(https_server, certificates), "first")

    killed_at_half(pip, https_server, second, *command)
    https_server.forget()
    result = pip.run(*command)

    assert result.returncode == 0, result.text
    assert https_server.statuses(second.path) == [206]
    assert https_server.statuses(first.path) in ([], [200])
    for artifact in (first, second):
        assert (pip.work / "there" / artifact.project / "payload.bin").read_bytes() in artifact.content


def test_a_build_requirement_goes_on_after_a_kill(
    environment: Environments, https_server: FaultServer, certificates: Certificates
) -> None:
    pip = environment("26.3")
    tool = wheel_artifact("tool", size=2_000_000)
    source = Artifact(*make_sdist("source", size=2_000_000, build_requires=("tool",)))
    publish(https_server, source)
    offer_broken(https_server, tool)
    command = ("wheel", "--wheel-dir", "there", *index_options(https_server, certificates), "source")

    killed_at_half(pip, https_server, tool, *command)
    https_server.forget()
    result = pip.run(*command)

    assert result.returncode == 0, result.text
    assert https_server.statuses(tool.path) == [206]
    assert https_server.requests(source.path) == []


def test_giving_up_keeps_the_bytes_and_says_how_to_go_on(environment: Environments, http_server: FaultServer) -> None:
    pip = environment("26.3")
    offer_broken(http_server, BIG)
    command = ("download", "--no-deps", *index_options(http_server), "big")

    gave_up = pip.run(*command, "--timeout", "1", "--resume-retries", "0")
    kept = held_bytes(pip.cache_dir)
    result = pip.run(*command)

    assert gave_up.returncode == 1
    assert re.search(rf"Download of {names(BIG)} failed at 1\.[45] MB of 3\.0 MB", gave_up.stderr)
    assert "run the same command again to continue" in " ".join(gave_up.stderr.split())
    assert "Traceback" not in gave_up.text
    assert result.returncode == 0, result.text
    assert http_server.asked_ranges(BIG.path) == [None, f"bytes={kept - OVERLAP_BYTES}-"]
