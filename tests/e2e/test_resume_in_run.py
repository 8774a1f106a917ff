"""A broken download is resumed in the same run: after every kind of break, in every pip and every command."""

from __future__ import annotations

import dataclasses
import re

import pytest
from e2e.broken_downloads import (
    BIG,
    SMALL,
    assert_cached,
    assert_resumed_at_half,
    assert_there,
    half,
    index_options,
    payload,
    publish_broken,
    stored_files,
)
from environments.environment import Environments
from servers.certificates import Certificates
from servers.fault_server import FaultServer, Then
from servers.index_pages import Artifact, core_metadata, make_sdist, make_wheel, publish, wheel_artifact
from servers.script import Answer

LOST = r"  WARNING: Connection lost at 1\.5 of 3\.0 MB \(({})\); resuming"
SAVED = f"Resumed {BIG.filename}: 1.5 of 3.0 MB did not have to be downloaded again"


@pytest.mark.parametrize(
    ("then", "cause"),
    [
        pytest.param(Then.DROP, "closed early", id="closed"),
        # The ssl module of some Pythons reports a reset as a closed connection.
        pytest.param(Then.RESET, "reset by peer|closed early", id="reset"),
        pytest.param(Then.STALL, "read timed out", id="stalled"),
    ],
)
def test_a_break_at_half_costs_one_request_and_the_next_run_uses_pips_cache(
    environments: Environments,
    https_server: FaultServer,
    certificates: Certificates,
    pip_version: str,
    then: Then,
    cause: str,
) -> None:
    pip = environments.with_plugin(pip_version)
    publish_broken(https_server, BIG, then=then)
    command = ("download", "--no-deps", "--timeout", "2", *index_options(https_server, certificates), "big", "--dest")

    result = pip.run(*command, "first")

    assert result.returncode == 0, result.text
    assert (pip.work / "first" / BIG.filename).read_bytes() == BIG.content
    (warning,) = result.stderr.splitlines()
    assert re.fullmatch(LOST.format(cause), warning)
    assert SAVED in result.stdout
    assert https_server.statuses(BIG.path) == [200, 206]
    assert_resumed_at_half(https_server, BIG)
    assert stored_files(pip.cache_dir) == []

    assert_cached(pip, https_server, BIG, *command, "again")


@pytest.mark.parametrize("command", ["install --target", "download --dest", "wheel --wheel-dir"])
def test_every_command_that_downloads_resumes(
    environments: Environments, http_server: FaultServer, command: str
) -> None:
    pip = environments.with_plugin("26.3")
    publish_broken(http_server, BIG, then=Then.RESET)

    result = pip.run(*command.split(), "there", "--no-deps", *index_options(http_server), "big")

    assert result.returncode == 0, result.text
    assert_there(pip, BIG, command)
    assert http_server.statuses(BIG.path) == [200, 206]
    assert_resumed_at_half(http_server, BIG)


# Their metadata files are published too, as the public package index does. Then pip up to 25.0 resolves everything
# first, and downloads the wheels in a separate loop.
FIRST = Artifact(*make_wheel("first", size=2_000_000, requires=("second",)))
SECOND = Artifact(*make_wheel("second", size=2_000_000, seed=1))
BATCH = (
    dataclasses.replace(FIRST, metadata=core_metadata("first", "1.0", ("second",))),
    dataclasses.replace(SECOND, metadata=core_metadata("second", "1.0")),
)


@pytest.mark.parametrize("pip_version", ["23.2.1", "25.0.1", "25.1.1", "26.3"])
def test_each_wheel_of_a_batch_is_resumed_and_its_metadata_is_requested_once(
    environments: Environments, http_server: FaultServer, pip_version: str
) -> None:
    pip = environments.with_plugin(pip_version)
    publish_broken(http_server, *BATCH, then=Then.RESET)

    result = pip.run("install", "--target", "there", *index_options(http_server), "first")

    assert result.returncode == 0, result.text
    for artifact in BATCH:
        assert http_server.asked_ranges(artifact.path + ".metadata") == [None]
        assert http_server.statuses(artifact.path) == [200, 206]
        assert_resumed_at_half(http_server, artifact)
        assert (pip.work / "there" / artifact.project / "payload.bin").read_bytes() == payload(artifact)


@pytest.mark.parametrize("pip_version", ["25.0.1", "26.3"])
def test_a_broken_download_of_a_metadata_file_is_left_to_pip(
    environments: Environments, http_server: FaultServer, pip_version: str
) -> None:
    metadata = core_metadata("big", "1.0") + b"\nof which there is more than a little\n" * 50_000
    artifact = dataclasses.replace(BIG, metadata=metadata)
    publish(http_server, artifact)
    complete = Answer(200, {"Content-Type": "text/plain"}, metadata)
    broken = dataclasses.replace(complete, cut_after=1_500_000, then=Then.DROP)
    ranges, returncodes = [], []
    for pip in (environments.without_plugin(pip_version), environments.with_plugin(pip_version)):
        http_server.plays(artifact.path + ".metadata", broken, complete)
        http_server.forget()
        returncodes.append(pip.run("download", "--no-deps", *index_options(http_server), "big").returncode)
        ranges.append(http_server.asked_ranges(artifact.path + ".metadata"))

    assert ranges[0] == ranges[1] != []
    assert returncodes[0] == returncodes[1]


@pytest.mark.parametrize("pip_version", ["21.3.1", "26.3"])
def test_an_sdist_and_its_build_requirements_are_resumed(
    environments: Environments, http_server: FaultServer, pip_version: str
) -> None:
    """pip installs build requirements with a pip process of its own (build isolation)."""
    pip = environments.with_plugin(pip_version)
    tool = wheel_artifact("tool", size=2_000_000)
    source = Artifact(*make_sdist("source", size=2_000_000, build_requires=("tool",)))
    publish_broken(http_server, tool, source, then=Then.RESET)

    result = pip.run("install", "--target", "there", *index_options(http_server), "source", timeout_s=55)

    assert result.returncode == 0, result.text
    assert (pip.work / "there/source/payload.bin").read_bytes() == payload(source)
    for artifact in (tool, source):
        assert http_server.statuses(artifact.path) == [200, 206]
        assert_resumed_at_half(http_server, artifact)


@pytest.mark.parametrize(
    ("artifact", "options"),
    [pytest.param(SMALL, (), id="1 MB"), pytest.param(BIG, ("--no-cache-dir",), id="--no-cache-dir")],
)
def test_a_download_that_is_not_stored_for_the_next_run_resumes_without_files_in_the_cache_directory(
    environments: Environments,
    https_server: FaultServer,
    certificates: Certificates,
    artifact: Artifact,
    options: tuple[str, ...],
) -> None:
    pip = environments.with_plugin("26.3")
    publish_broken(https_server, artifact)
    index = index_options(https_server, certificates)

    running = pip.start("download", "--no-deps", "--timeout", "3", *options, *index, artifact.project)
    https_server.wait_until_sent(artifact.path, half(artifact))
    stored_meanwhile = stored_files(pip.cache_dir)
    ranges_meanwhile = https_server.asked_ranges(artifact.path)
    result = running.wait()

    assert (stored_meanwhile, ranges_meanwhile) == ([], [None])
    assert result.returncode == 0, result.text
    assert (pip.work / artifact.filename).read_bytes() == artifact.content
    assert https_server.statuses(artifact.path) == [200, 206]
    assert_resumed_at_half(https_server, artifact)
    assert stored_files(pip.cache_dir) == []
    assert pip.cache_dir.exists() is not bool(options)
    assert list(pip.temporary.iterdir()) == []
