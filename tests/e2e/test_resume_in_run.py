"""A download that breaks goes on in the same run: whatever broke it, in every pip, in every command."""

from __future__ import annotations

import dataclasses
import re

import pytest
from e2e.halves import BIG, SMALL, TWICE_AT_MOST, half, held_files, names, offer_broken
from e2e.real_pip import Environments, index_options
from servers.certificates import Certificates
from servers.fault_server import FaultServer, Then
from servers.index_pages import Artifact, core_metadata, make_sdist, make_wheel, publish, wheel_artifact
from servers.script import Answer

LOST = r"WARNING: Connection lost at 1\.[45] MB of 3\.0 MB \(.*({}).*\); resuming, attempt 2 of 6"


@pytest.mark.parametrize(
    ("then", "cause"),
    [
        pytest.param(Then.DROP, "closed early|TLS ended", id="FIN"),
        # By this Python's ssl, not by us: some of them report the reset as an end.
        pytest.param(Then.RESET, "reset|closed early", id="RST"),
        pytest.param(Then.STALL, "read timed out", id="stall"),
    ],
)
def test_a_cut_at_half_costs_one_request_and_the_next_install_none(
    environment: Environments,
    https_server: FaultServer,
    certificates: Certificates,
    pip_version: str,
    then: Then,
    cause: str,
) -> None:
    pip = environment(pip_version)
    offer_broken(https_server, BIG, then=then)
    command = ("download", "--no-deps", "--timeout", "2", *index_options(https_server, certificates), "big", "--dest")

    result = pip.run(*command, "first")

    assert result.returncode == 0, result.text
    assert (pip.work / "first" / BIG.filename).read_bytes() == BIG.content
    (warning,) = result.stderr.splitlines()
    assert re.search(LOST.format(cause), warning)
    assert re.search(rf"Resumed {names(BIG)}: 1\.[45] MB of 3\.0 MB did not have to be downloaded again", result.stdout)
    whole, rest = https_server.asked_ranges(BIG.path)
    assert (whole, https_server.statuses(BIG.path)) == (None, [200, 206])
    assert re.fullmatch(r"bytes=\d+-", rest or "")
    assert https_server.fetched_twice(BIG.path) <= TWICE_AT_MOST
    assert held_files(pip.cache_dir) == []

    https_server.forget()
    again = pip.run(*command, "again")

    assert "Using cached" in again.stdout
    assert (pip.work / "again" / BIG.filename).read_bytes() == BIG.content
    assert https_server.requests(BIG.path) == []


@pytest.mark.parametrize("command", ["install --target", "download --dest", "wheel --wheel-dir"])
def test_every_command_that_downloads_goes_on(
    environment: Environments, http_server: FaultServer, command: str
) -> None:
    pip = environment("26.3")
    offer_broken(http_server, BIG, then=Then.RESET)

    result = pip.run(*command.split(), "there", "--no-deps", *index_options(http_server), "big")

    assert result.returncode == 0, result.text
    there = pip.work / "there" / ("big/payload.bin" if command.startswith("install") else BIG.filename)
    assert there.read_bytes() in BIG.content
    assert http_server.statuses(BIG.path) == [200, 206]
    assert http_server.fetched_twice(BIG.path) <= TWICE_AT_MOST


# Offered beside the wheels, as the public package index does: up to 25.0 pip then downloads the wheels in a loop of
# their own, after everything is resolved.
FIRST = Artifact(*make_wheel("first", size=2_000_000, requires=("second",)))
SECOND = Artifact(*make_wheel("second", size=2_000_000, seed=1))
OF_A_BATCH = (
    dataclasses.replace(FIRST, metadata=core_metadata("first", "1.0", ("second",))),
    dataclasses.replace(SECOND, metadata=core_metadata("second", "1.0")),
)


@pytest.mark.parametrize("pip_version", ["23.2.1", "25.0.1", "25.1.1", "26.3"])
def test_each_wheel_of_a_batch_goes_on_and_their_metadata_are_asked_for_once(
    environment: Environments, http_server: FaultServer, pip_version: str
) -> None:
    pip = environment(pip_version)
    offer_broken(http_server, *OF_A_BATCH, then=Then.RESET)

    result = pip.run("install", "--target", "there", *index_options(http_server), "first")

    assert result.returncode == 0, result.text
    for artifact in OF_A_BATCH:
        assert http_server.asked_ranges(artifact.path + ".metadata") == [None]
        assert http_server.statuses(artifact.path) == [200, 206]
        assert http_server.fetched_twice(artifact.path) <= TWICE_AT_MOST
        assert (pip.work / "there" / artifact.project / "payload.bin").read_bytes() in artifact.content


@pytest.mark.parametrize("pip_version", ["25.0.1", "26.3"])
def test_a_metadata_file_that_is_cut_is_left_to_pip(
    environment: Environments, http_server: FaultServer, pip_version: str
) -> None:
    metadata = core_metadata("big", "1.0") + b"\nof which there is more than a little\n" * 50_000
    artifact = dataclasses.replace(BIG, metadata=metadata)
    publish(http_server, artifact)
    whole = Answer(200, {"Content-Type": "text/plain"}, metadata)
    asked, outcomes = [], []
    for pip in (environment.without_plugin(pip_version), environment(pip_version)):
        http_server.plays(
            artifact.path + ".metadata", dataclasses.replace(whole, cut_after=1_500_000, then=Then.DROP), whole
        )
        http_server.forget()
        outcomes.append(pip.run("download", "--no-deps", *index_options(http_server), "big").returncode)
        asked.append(http_server.asked_ranges(artifact.path + ".metadata"))

    assert asked[0] == asked[1]
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("pip_version", ["21.3.1", "26.3"])
def test_an_sdist_goes_on_and_so_do_the_build_requirements_that_an_isolated_pip_fetches(
    environment: Environments, http_server: FaultServer, pip_version: str
) -> None:
    pip = environment(pip_version)
    tool = wheel_artifact("tool", size=2_000_000)
    source = Artifact(*make_sdist("source", size=2_000_000, build_requires=("tool",)))
    offer_broken(http_server, tool, source, then=Then.RESET)

    result = pip.run("install", "--target", "there", *index_options(http_server), "source", timeout=55)

    assert result.returncode == 0, result.text
    assert (pip.work / "there/source/payload.bin").exists()
    for artifact in (tool, source):
        assert http_server.statuses(artifact.path) == [200, 206]
        assert http_server.fetched_twice(artifact.path) <= TWICE_AT_MOST


@pytest.mark.parametrize(
    ("artifact", "options"),
    [pytest.param(SMALL, (), id="a body of 1 MB"), pytest.param(BIG, ("--no-cache-dir",), id="--no-cache-dir")],
)
def test_what_is_not_kept_for_the_next_run_goes_on_in_this_one_and_nothing_lies_in_the_cache_directory_meanwhile(
    environment: Environments,
    https_server: FaultServer,
    certificates: Certificates,
    artifact: Artifact,
    options: tuple[str, ...],
) -> None:
    pip = environment("26.3")
    offer_broken(https_server, artifact)
    trust = index_options(https_server, certificates)

    running = pip.start("download", "--no-deps", "--timeout", "3", *options, *trust, artifact.project)
    https_server.wait_until_sent(artifact.path, half(artifact))
    meanwhile = held_files(pip.cache_dir)
    still_asked = https_server.asked_ranges(artifact.path)
    result = running.wait()

    assert (meanwhile, still_asked) == ([], [None])
    assert result.returncode == 0, result.text
    assert (pip.work / artifact.filename).read_bytes() == artifact.content
    assert https_server.statuses(artifact.path) == [200, 206]
    assert https_server.fetched_twice(artifact.path) <= TWICE_AT_MOST
    assert held_files(pip.cache_dir) == []
    assert pip.cache_dir.exists() is not bool(options)
    assert list(pip.temporary.iterdir()) == []
