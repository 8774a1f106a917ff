"""Connections that keep breaking: the download finishes, or the user learns why it did not and how to continue."""

from __future__ import annotations

import math
import re
import time

import pytest
from e2e.broken_downloads import (
    BIG,
    OVERLAP_BYTES,
    assert_resumed_at_half,
    filename_pattern,
    half,
    index_options,
    range_from,
    stored_bytes,
)
from e2e.outages import (
    AGAIN,
    HALF,
    LOST,
    assert_resumed_after_outage,
    busy,
    cut,
    download_command,
    is_complete,
    without_frame,
)
from environments.environment import Environments
from environments.pips import DIFFERENT_PIPS, PIPS
from servers.certificates import Certificates
from servers.fault_server import FaultServer, Then
from servers.index_pages import honest, publish, wheel_artifact
from servers.proxy import Proxy

COMPLETE = honest(BIG)


def test_a_download_with_at_least_nine_resets_finishes_and_fetches_no_byte_twice(
    environments: Environments, http_server: FaultServer, typical_pip_version: str
) -> None:
    pip = environments.with_plugin(typical_pip_version)
    publish(http_server, BIG)
    http_server.plays(BIG.path, cut(BIG, len(BIG.content) // 10, Then.RESET))

    result = pip.run(*download_command(http_server))

    assert result.returncode == 0, result.text
    assert is_complete(pip)
    # The first three connections lost within a minute have a line each.
    lost = [re.fullmatch(LOST, line) for line in result.stderr.splitlines()]
    assert [match and match[1] for match in lost] == ["300 kB", "600 kB", "900 kB"]
    breaks = len(http_server.requests(BIG.path)) - 1
    assert breaks >= 9
    share = r"\d\.\d of 3\.0 MB did not have to be downloaded again"
    saved = rf"  Resumed {filename_pattern(BIG)}: {share} \(connection lost {breaks} times\)"
    assert [line for line in result.stdout.splitlines() if re.fullmatch(saved, line)]
    assert http_server.fetched_twice(BIG.path) == 0


@pytest.mark.parametrize(
    ("pip_version", "then"),
    [("21.3.1", Then.GARBAGE_TLS), ("25.0.1", Then.BAD_MAC), ("26.3", Then.GARBAGE_TLS), ("26.3", Then.BAD_MAC)],
)
def test_a_tls_error_in_the_body_costs_one_warning_and_one_request(
    environments: Environments, https_server: FaultServer, certificates: Certificates, pip_version: str, then: Then
) -> None:
    pip = environments.with_plugin(pip_version)
    publish(https_server, BIG)
    https_server.plays(BIG.path, cut(BIG, then=then), COMPLETE)

    result = pip.run("download", "--no-deps", *index_options(https_server, certificates), "big")

    assert result.returncode == 0, result.text
    assert is_complete(pip)
    (lost,) = (re.fullmatch(LOST, line) for line in result.stderr.splitlines())
    assert lost is not None
    assert lost[2].startswith("TLS: ")
    assert https_server.statuses(BIG.path) == [200, 206]
    assert_resumed_at_half(https_server, BIG)


def test_without_patience_a_server_that_keeps_sending_500_gets_six_requests_and_the_error_says_how_to_continue(
    environments: Environments, http_server: FaultServer, pytestconfig: pytest.Config
) -> None:
    """All pips run at the same time, because each of them waits most of the time."""
    no_patience = {"PIP_RESUME_PATIENCE": "0"}
    versions = PIPS if pytestconfig.getoption("--all-pips") else DIFFERENT_PIPS
    artifacts = {version: wheel_artifact(f"big{n}", size=3_000_000, seed=n) for n, version in enumerate(versions)}
    publish(http_server, *artifacts.values())
    for artifact in artifacts.values():
        http_server.plays(artifact.path, cut(artifact), busy(500))

    pips = {version: environments.with_plugin(version) for version in versions}
    running = {
        version: pips[version].start(*download_command(http_server, artifacts[version]), env=no_patience)
        for version in versions
    }
    results = {version: running[version].wait() for version in versions}

    for version, artifact in artifacts.items():
        result, statuses = results[version], http_server.statuses(artifact.path)
        assert (result.returncode, statuses) == (1, [200, 500, 500, 500, 500, 500]), version
        assert "Traceback" not in result.text
        # A line for the lost connection, and one for all the rest.
        warnings = [line.strip() for line in result.stderr.splitlines() if "WARNING" in line]
        assert [re.sub(r"in [\d.]+ s", "in N s", line) for line in warnings] == [
            "WARNING: Connection lost at 1.5 of 3.0 MB (closed early); resuming",
            "WARNING: The server answered 500; attempt 3 of 6 in N s",
        ]
        # The server may refuse ranges only: after the second one every second request has none.
        rest = range_from(half(artifact))
        assert http_server.asked_ranges(artifact.path) == [None, rest, rest, None, rest, None]
        text = without_frame(result.stderr)
        pattern = filename_pattern(artifact)
        failed = rf"Download of {pattern} failed at 1\.5 of 3\.0 MB after [\d.]+ s: the server answered 500"
        assert re.search(failed, text), text
        history = r"6 attempts failed: .*at 1\.5 MB after .* s: closed early.*the server answered 500 \(5 times\)"
        assert re.search(history, text)
        assert f"What was downloaded is kept: {AGAIN}." in text
        assert http_server.url("") not in text.partition("attempt 2 of 6")[2]
        assert stored_bytes(pips[version].cache_dir) == half(artifact)

        http_server.plays(artifact.path, honest(artifact))
        again = pips[version].run(*download_command(http_server, artifact), env=no_patience)

        assert again.returncode == 0, again.text
        assert is_complete(pips[version], artifact)
        assert http_server.asked_ranges(artifact.path)[6:] == [range_from(half(artifact) - OVERLAP_BYTES)]


def test_without_patience_a_server_that_goes_away_is_given_up_and_the_next_run_fetches_only_the_rest(
    environments: Environments, http_server: FaultServer
) -> None:
    pip = environments.with_plugin("26.3")
    publish(http_server, BIG)
    at = len(BIG.content) * 6 // 10
    http_server.plays(BIG.path, cut(BIG, at, refuse_s=math.inf), COMPLETE)

    result = pip.run(*download_command(http_server), env={"PIP_RESUME_PATIENCE": "0"})

    assert result.returncode == 1, result.text
    text = without_frame(result.stderr)
    assert "failed at 1.8 of 3.0 MB after" in text
    assert "connection refused (5 times)" in text
    assert AGAIN in text
    assert http_server.asked_ranges(BIG.path) == [None]

    http_server.listen_again()
    again = pip.run(*download_command(http_server))

    assert again.returncode == 0, again.text
    assert is_complete(pip)
    assert http_server.asked_ranges(BIG.path) == [None, range_from(at - OVERLAP_BYTES)]
    assert http_server.fetched_twice(BIG.path) == OVERLAP_BYTES


def test_a_download_finishes_after_the_server_refuses_connections_for_three_seconds(
    environments: Environments, http_server: FaultServer
) -> None:
    pip = environments.with_plugin("26.3")
    publish(http_server, BIG)
    http_server.plays(BIG.path, cut(BIG, refuse_s=3), COMPLETE)

    result = pip.run(*download_command(http_server))

    assert result.returncode == 0, result.text
    assert is_complete(pip)
    assert [line.strip() for line in result.stderr.splitlines()] == [
        "WARNING: Connection lost at 1.5 of 3.0 MB (closed early); resuming",
        "WARNING: No response (connection refused); trying again for up to 5 min",
    ]
    # A tenth of its length after the outage, at the latest, the server is tried again.
    first, second, *_ = http_server.requests(BIG.path)
    assert second.started_s - first.started_s <= 3 + 1.5
    assert_resumed_after_outage(http_server)


def test_a_short_retry_after_is_waited_for(environments: Environments, http_server: FaultServer) -> None:
    pip = environments.with_plugin("25.0.1")
    publish(http_server, BIG)
    http_server.plays(BIG.path, cut(BIG), busy(503, Retry_After="1"), busy(429, Retry_After="2"), COMPLETE)

    result = pip.run(*download_command(http_server))

    assert result.returncode == 0, result.text
    assert is_complete(pip)
    assert [line.strip() for line in result.stderr.splitlines()][1:] == [
        "WARNING: The server answered 503; trying again for up to 5 min",
    ]
    requests = http_server.requests(BIG.path)
    # After two ranged requests without a byte a plain one shows that the host answers. Its body is not read.
    assert [exchange.status for exchange in requests] == [200, 503, 429, 200, 206]
    assert requests[2].started_s - requests[1].started_s >= 1
    assert requests[3].started_s - requests[2].started_s >= 2


@pytest.mark.parametrize(
    ("pip_version", "verbosity"), [("21.3.1", "-q"), ("26.3", ""), ("26.3", "-q"), ("26.3", "-qq")]
)
def test_a_retry_after_longer_than_the_patience_ends_the_download_at_once_with_an_error_on_stderr(
    environments: Environments, http_server: FaultServer, pip_version: str, verbosity: str
) -> None:
    pip = environments.with_plugin(pip_version)
    publish(http_server, BIG)
    http_server.plays(BIG.path, cut(BIG), busy(503, Retry_After="3600"))
    command = (*download_command(http_server), *filter(None, [verbosity]))

    result = pip.run(*command, env={"PIP_RESUME_PATIENCE": "5m"})

    assert result.returncode == 1
    assert http_server.statuses(BIG.path) == [200, 503]
    stored = f"What was downloaded is kept: wait 60 min, as the server asks, then {AGAIN}."
    assert stored in without_frame(result.stderr)
    assert ("WARNING" in result.stderr) == (verbosity != "-qq")
    assert bool(result.stdout) == (not verbosity)
    assert stored_bytes(pip.cache_dir) == HALF


@pytest.mark.parametrize("pip_version", ["23.2.1", "26.3"])
def test_unless_the_patience_is_set_a_long_retry_after_is_waited_for_as_in_plain_pip(
    environments: Environments, http_server: FaultServer, pip_version: str
) -> None:
    pip = environments.with_plugin(pip_version)
    publish(http_server, BIG)
    http_server.plays(BIG.path, cut(BIG), busy(503, Retry_After="3600"))

    running = pip.start(*download_command(http_server))
    running.wait_for_output("WARNING: The server answered 503; trying again in 60 min")
    time.sleep(2)
    is_waiting = running.is_running()
    running.interrupt()
    result = running.wait()

    assert is_waiting
    assert f"Kept 1.5 of 3.0 MB of {BIG.filename}; {AGAIN}" in result.stderr
    assert http_server.statuses(BIG.path) == [200, 503]


def test_without_retries_the_first_break_ends_the_download(
    environments: Environments, http_server: FaultServer
) -> None:
    pip = environments.with_plugin("26.3")
    publish(http_server, BIG)
    http_server.plays(BIG.path, cut(BIG), COMPLETE)

    result = pip.run(*download_command(http_server), "--resume-retries", "0")

    assert result.returncode == 1
    assert http_server.statuses(BIG.path) == [200]
    assert "Connection lost" not in result.stderr
    assert f"What was downloaded is kept: {AGAIN}." in without_frame(result.stderr)
    assert stored_bytes(pip.cache_dir) == HALF


@pytest.mark.parametrize("pip_version", ["21.3.1", "26.3"])
def test_a_download_finishes_after_the_proxy_goes_away_and_comes_back(
    environments: Environments, https_server: FaultServer, certificates: Certificates, pip_version: str
) -> None:
    pip = environments.with_plugin(pip_version)
    publish(https_server, BIG)
    with Proxy() as proxy:
        proxy.dies_after(HALF)
        command = ("download", "--no-deps", "--proxy", proxy.url, *index_options(https_server, certificates), "big")
        running = pip.start(*command)
        running.wait_for_output("No response (proxy: connection refused); trying again for up to 5 min")
        proxy.revive()
        result = running.wait()

        assert result.returncode == 0, result.text
        assert is_complete(pip)
        assert https_server.statuses(BIG.path) == [200, 206]
        # Less than half arrived: the proxy had received bytes that it did not pass on, and some of the rest is TLS.
        assert https_server.requests(BIG.path)[1].first_pos >= HALF - 128 * 1024
