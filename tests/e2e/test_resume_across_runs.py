"""A download that was interrupted is resumed when the same command is run again, whatever ended the first run."""

from __future__ import annotations

import dataclasses
import re
import signal
import time

import pytest
from e2e.broken_downloads import (
    BIG,
    OVERLAP_BYTES,
    SMALL,
    assert_cached,
    assert_resumed_at_half,
    assert_there,
    filename_pattern,
    half,
    index_options,
    kill_at_half,
    payload,
    publish_broken,
    stored_bytes,
    stored_contents,
    stored_files,
    wait_until_half_is_stored,
    wait_until_stored,
)
from environments.environment import Environments
from environments.processes import RunningProcess
from servers.certificates import Certificates
from servers.fault_server import FaultServer, Then
from servers.index_pages import Artifact, core_metadata, honest, make_sdist, make_wheel, publish, wheel_artifact

SENDERS = {
    signal.SIGKILL: RunningProcess.kill,
    signal.SIGINT: RunningProcess.interrupt,
    signal.SIGTERM: RunningProcess.terminate,
}
# pip handles SIGINT itself; the other two end it at once.
RETURN_CODES = {signal.SIGKILL: -signal.SIGKILL, signal.SIGINT: 1, signal.SIGTERM: -signal.SIGTERM}
NAME = filename_pattern(BIG)
KEPT = f"Kept 1.5 of 3.0 MB of {BIG.filename}; run the same command again to continue"
RESUMING = rf"Resuming download .*{NAME} \(1\.5 MB/3\.0 MB\)"
SAVED = f"Resumed {BIG.filename}: 1.4 of 3.0 MB did not have to be downloaded again"


@pytest.mark.parametrize("number", SENDERS, ids=lambda number: number.name)
def test_the_second_run_resumes_after_a_signal_and_the_third_run_uses_pips_cache(
    environments: Environments,
    https_server: FaultServer,
    certificates: Certificates,
    pip_version: str,
    number: signal.Signals,
) -> None:
    pip = environments.with_plugin(pip_version)
    publish_broken(https_server, BIG)
    command = ("download", "--no-deps", *index_options(https_server, certificates), "big", "--dest")

    running = pip.start(*command, "first")
    wait_until_half_is_stored(https_server, BIG, pip.cache_dir)
    time.sleep(0.2)  # The bytes are on the disk a moment before they are counted for the message.
    SENDERS[number](running)
    ended = running.wait()

    assert ended.returncode == RETURN_CODES[number], ended.text
    assert ended.stderr.count(KEPT) == (number is signal.SIGINT)
    assert stored_bytes(pip.cache_dir) == half(BIG)
    assert not list(pip.work.rglob("*.whl"))

    result = pip.run(*command, "first")

    assert result.returncode == 0, result.text
    assert re.search(RESUMING, result.stdout)
    assert SAVED in result.stdout
    assert result.stderr == ""
    assert (pip.work / "first" / BIG.filename).read_bytes() == BIG.content
    assert_resumed_at_half(https_server, BIG, is_later_run=True)
    assert stored_files(pip.cache_dir) == []

    assert_cached(pip, https_server, BIG, *command, "again")


def test_a_kill_while_bytes_arrive_costs_at_most_a_tenth_of_a_second_and_the_overlap(
    environments: Environments, https_server: FaultServer, certificates: Certificates
) -> None:
    pip = environments.with_plugin("26.3")
    publish(https_server, BIG)
    rate = 500_000
    https_server.plays(BIG.path, dataclasses.replace(honest(BIG), rate=rate), honest(BIG))
    command = ("download", "--no-deps", *index_options(https_server, certificates), "big")

    running = pip.start(*command)
    wait_until_stored(pip.cache_dir, half(BIG))
    running.kill_and_wait()
    result = pip.run(*command)

    assert result.returncode == 0, result.text
    assert (pip.work / BIG.filename).read_bytes() == BIG.content
    assert https_server.statuses(BIG.path) == [200, 206]
    # On its way at that moment are a few of the pieces in which the server sends.
    assert OVERLAP_BYTES <= https_server.fetched_twice(BIG.path) <= OVERLAP_BYTES + rate // 10 + 4 * honest(BIG).piece


def test_the_overlap_is_not_counted_as_saved(environments: Environments, http_server: FaultServer) -> None:
    pip = environments.with_plugin("26.3")
    publish(http_server, BIG)
    http_server.plays(BIG.path, dataclasses.replace(honest(BIG), cut_after=200_000, then=Then.STALL), honest(BIG))
    command = ("download", "--no-deps", *index_options(http_server), "big")

    running = pip.start(*command)
    wait_until_stored(pip.cache_dir, 200_000)
    running.kill_and_wait()
    result = pip.run(*command)

    assert result.returncode == 0, result.text
    assert f"{BIG.filename} (200 kB/3.0 MB)" in result.stdout
    assert f"{(200_000 - OVERLAP_BYTES) // 1000} kB of 3.0 MB did not have to be downloaded again" in result.stdout


@pytest.mark.parametrize("pip_version", ["21.3.1", "26.3"])
def test_ctrl_c_ends_pip_with_the_exit_code_of_plain_pip_and_one_more_line(
    environments: Environments, http_server: FaultServer, pip_version: str
) -> None:
    ended = []
    for pip in (environments.without_plugin(pip_version), environments.with_plugin(pip_version)):
        publish_broken(http_server, BIG)
        http_server.forget()
        running = pip.start("download", "--no-deps", *index_options(http_server), "big")
        http_server.wait_until_sent(BIG.path, half(BIG))
        running.interrupt()
        result = running.wait()
        ended.append((result.returncode, result.stderr.splitlines()))

    (plain_code, plain_lines), (our_code, our_lines) = ended
    assert (plain_code, plain_lines) == (1, ["ERROR: Operation cancelled by user"])
    assert our_code == plain_code
    assert our_lines[1:] == plain_lines
    # What the server had sent may not have been written down yet: up to half of the file.
    assert re.fullmatch(rf"  WARNING: Kept 1\.[2-5] of 3\.0 MB of {NAME}; run .* to continue", our_lines[0])


@pytest.mark.parametrize("pip_version", ["23.2.1", "26.3"])
@pytest.mark.parametrize(
    ("options", "stored"),
    [
        pytest.param((), [BIG.content], id="host not trusted"),
        pytest.param(("--trusted-host", "127.0.0.1"), [], id="--trusted-host"),
    ],
)
def test_over_http_a_link_with_a_hash_is_resumed_and_the_third_run_sends_no_request_for_the_file(
    environments: Environments,
    http_server: FaultServer,
    pip_version: str,
    options: tuple[str, ...],
    stored: list[bytes],
) -> None:
    """pip caches it only for a trusted host. Otherwise the file stays in the store."""
    pip = environments.with_plugin(pip_version)
    publish_broken(http_server, BIG)
    command = ("download", "--no-deps", *index_options(http_server), *options, "big", "--dest")

    kill_at_half(pip, http_server, BIG, *command, "first")
    result = pip.run(*command, "first")

    assert result.returncode == 0, result.text
    assert (pip.work / "first" / BIG.filename).read_bytes() == BIG.content
    assert_resumed_at_half(http_server, BIG, is_later_run=True)
    assert stored_contents(pip.cache_dir) == stored

    assert_cached(pip, http_server, BIG, *command, "again")
    assert stored_contents(pip.cache_dir) == stored


def test_over_https_a_link_without_a_hash_is_resumed_by_its_strong_validator(
    environments: Environments, https_server: FaultServer, certificates: Certificates
) -> None:
    pip = environments.with_plugin("26.3")
    without_hash = dataclasses.replace(BIG, hashes=())
    publish_broken(https_server, without_hash)
    command = ("download", "--no-deps", *index_options(https_server, certificates), "big")

    kill_at_half(pip, https_server, without_hash, *command)
    result = pip.run(*command)

    assert result.returncode == 0, result.text
    assert (pip.work / BIG.filename).read_bytes() == BIG.content
    assert_resumed_at_half(https_server, without_hash, is_later_run=True)
    _, second = https_server.requests(without_hash.path)
    assert second.request.fields["if-range"] == honest(without_hash).etag


@pytest.mark.parametrize(
    ("artifact", "options"),
    [
        pytest.param(dataclasses.replace(BIG, hashes=()), (), id="no hash over http"),
        pytest.param(SMALL, (), id="1 MB"),
        pytest.param(BIG, ("--no-cache-dir",), id="--no-cache-dir"),
    ],
)
def test_a_download_that_is_not_stored_restarts_and_the_output_does_not_promise_a_resume(
    environments: Environments, http_server: FaultServer, artifact: Artifact, options: tuple[str, ...]
) -> None:
    pip = environments.with_plugin("26.3")
    publish_broken(http_server, artifact)
    command = ("download", "--no-deps", *options, *index_options(http_server), artifact.project)

    running = pip.start(*command)
    http_server.wait_until_sent(artifact.path, half(artifact))
    running.interrupt()
    ended = running.wait()
    stored = stored_files(pip.cache_dir)
    result = pip.run(*command)

    assert (stored, "Kept" in ended.text) == ([], False)
    assert result.returncode == 0, result.text
    assert "Resum" not in result.text
    assert http_server.asked_ranges(artifact.path) == [None, None]


@pytest.mark.parametrize("command", ["install --target", "wheel --wheel-dir"])
def test_the_other_commands_resume_after_a_kill(
    environments: Environments, http_server: FaultServer, command: str
) -> None:
    pip = environments.with_plugin("26.3")
    publish_broken(http_server, BIG)
    arguments = (*command.split(), "there", "--no-deps", *index_options(http_server), "big")

    kill_at_half(pip, http_server, BIG, *arguments)
    result = pip.run(*arguments)

    assert result.returncode == 0, result.text
    assert_there(pip, BIG, command)
    assert http_server.statuses(BIG.path) == [200, 206]


@pytest.mark.parametrize("pip_version", ["25.0.1", "26.3"])
def test_after_a_kill_during_the_second_wheel_of_a_batch_only_the_rest_of_that_wheel_is_fetched(
    environments: Environments, https_server: FaultServer, certificates: Certificates, pip_version: str
) -> None:
    pip = environments.with_plugin(pip_version)
    first, second = (
        Artifact(*make_wheel(name, size=2_000_000, requires=requires), metadata=core_metadata(name, "1.0", requires))
        for name, requires in (("first", ("second",)), ("second", ()))
    )
    publish(https_server, first)
    publish_broken(https_server, second)
    command = ("install", "--target", "there", *index_options(https_server, certificates), "first")

    kill_at_half(pip, https_server, second, *command)
    https_server.forget()
    result = pip.run(*command)

    assert result.returncode == 0, result.text
    assert https_server.statuses(second.path) == [206]
    assert https_server.statuses(first.path) == []
    for artifact in (first, second):
        assert (pip.work / "there" / artifact.project / "payload.bin").read_bytes() == payload(artifact)


def test_a_build_requirement_is_resumed_after_a_kill(
    environments: Environments, https_server: FaultServer, certificates: Certificates
) -> None:
    pip = environments.with_plugin("26.3")
    tool = wheel_artifact("tool", size=2_000_000)
    source = Artifact(*make_sdist("source", size=2_000_000, build_requires=("tool",)))
    publish(https_server, source)
    publish_broken(https_server, tool)
    command = ("wheel", "--wheel-dir", "there", *index_options(https_server, certificates), "source")

    kill_at_half(pip, https_server, tool, *command)
    https_server.forget()
    result = pip.run(*command)

    assert result.returncode == 0, result.text
    assert https_server.statuses(tool.path) == [206]
    assert https_server.requests(source.path) == []


def test_a_download_that_was_given_up_is_stored_and_the_error_says_how_to_continue(
    environments: Environments, http_server: FaultServer
) -> None:
    pip = environments.with_plugin("26.3")
    publish_broken(http_server, BIG)
    command = ("download", "--no-deps", *index_options(http_server), "big")

    gave_up = pip.run(*command, "--timeout", "1", "--resume-retries", "0")
    stored = stored_bytes(pip.cache_dir)
    result = pip.run(*command)

    assert gave_up.returncode == 1
    assert re.search(rf"Download of {NAME} failed at 1\.5 of 3\.0 MB after [\d.]+ s: read timed out", gave_up.stderr)
    assert stored == half(BIG)
    assert "run the same command again to continue" in " ".join(gave_up.stderr.split())
    assert "Traceback" not in gave_up.text
    assert result.returncode == 0, result.text
    assert_resumed_at_half(http_server, BIG, is_later_run=True)
