"""How long a run waits for a server that is gone: in a file, at a page or at metadata, and as its variables say."""

from __future__ import annotations

import dataclasses

import pytest
from e2e.broken_downloads import BIG, index_options, stored_bytes
from e2e.outages import (
    AGAIN,
    HALF,
    assert_resumed_after_outage,
    busy,
    cut,
    download_command,
    is_complete,
    without_frame,
)
from e2e.single_file import TWO_PIPS
from environments.environment import Environment, Environments
from environments.processes import Result
from servers.fault_server import FaultServer, Then
from servers.index_pages import Artifact, core_metadata, honest, html_page, make_wheel, publish, wheel_artifact

OLD_PIP = "23.2.1"
"""It has no option for the number of resumed downloads, and does not resume."""
WAITING = "WARNING: No response (connection refused); trying again for up to 5 min"
FIRST, SECOND = wheel_artifact("first", size=2_000_000), wheel_artifact("second", size=2_000_000, seed=1)


def warnings(result: Result) -> list[str]:
    """Return the warnings, except those of pip about its own retries."""
    lines = (line.strip() for line in result.stderr.splitlines())
    return [line for line in lines if line.startswith("WARNING") and "WARNING: Retrying (" not in line]


# PIP_RESUME_RETRIES and PIP_RESUME_PATIENCE on a pip that has neither


@pytest.mark.parametrize(
    ("retries", "options", "requests_of_the_rest"),
    [
        pytest.param("0", (), 0, id="0: none"),
        # As many as plain pip sends for each of its --resume-retries: one, and its --retries.
        pytest.param("2", ("--retries", "1"), 2 * (1 + 1), id="2: as many as a newer pip would send"),
    ],
)
def test_an_old_pip_sends_no_more_requests_than_its_number_of_retries_says(
    environments: Environments,
    http_server: FaultServer,
    retries: str,
    options: tuple[str, ...],
    requests_of_the_rest: int,
) -> None:
    pip = environments.with_plugin(OLD_PIP)
    publish(http_server, BIG)
    http_server.plays(BIG.path, cut(BIG), busy(500))

    result = pip.run(*download_command(http_server), *options, env={"PIP_RESUME_RETRIES": retries})

    assert result.returncode == 1
    assert http_server.statuses(BIG.path) == [200, *[500] * requests_of_the_rest]
    assert f"What was downloaded is kept: {AGAIN}." in without_frame(result.stderr)
    assert stored_bytes(pip.cache_dir) == HALF


def test_without_patience_an_old_pip_sends_as_many_requests_as_its_number_of_retries_says(
    environments: Environments, http_server: FaultServer
) -> None:
    pip = environments.with_plugin(OLD_PIP)
    publish(http_server, BIG)
    http_server.plays(BIG.path, cut(BIG), busy(500))

    result = pip.run(*download_command(http_server), env={"PIP_RESUME_RETRIES": "8", "PIP_RESUME_PATIENCE": "0"})

    assert result.returncode == 1
    assert http_server.statuses(BIG.path) == [200, *[500] * 8]


@TWO_PIPS
def test_a_server_that_stays_away_is_given_up_when_the_patience_is_spent(
    environments: Environments, http_server: FaultServer, pip_version: str
) -> None:
    pip = environments.with_plugin(pip_version)
    publish(http_server, BIG)
    http_server.plays(BIG.path, cut(BIG, refuse_s=50))

    result = pip.run(*download_command(http_server), "--retries", "0", env={"PIP_RESUME_PATIENCE": "4"})

    assert result.returncode == 1
    # A wait is at most 0.5 s and a tenth of the time since the last byte.
    assert 4 <= result.seconds <= 4 + 0.9 + 3
    assert warnings(result) == [
        "WARNING: Connection lost at 1.5 of 3.0 MB (closed early); resuming",
        "WARNING: No response (connection refused); trying again for up to 4 s",
    ]
    assert f"What was downloaded is kept: {AGAIN}." in without_frame(result.stderr)
    assert stored_bytes(pip.cache_dir) == HALF


@TWO_PIPS
def test_an_invalid_patience_costs_one_warning(
    environments: Environments, http_server: FaultServer, pip_version: str
) -> None:
    pip = environments.with_plugin(pip_version)
    publish(http_server, BIG)

    result = pip.run(*download_command(http_server), env={"PIP_RESUME_PATIENCE": "long"})

    assert result.returncode == 0
    assert is_complete(pip)
    assert warnings(result) == [
        "WARNING: PIP_RESUME_PATIENCE is 'long', which is not a duration such as 90s, 5m or 2h; using the default, 5m."
    ]


# An outage of the server


def test_an_outage_of_twelve_seconds_is_survived_in_one_run_as_by_plain_pip(environments: Environments) -> None:
    plain, ours, old = (
        environments.without_plugin("26.3"),
        environments.with_plugin("26.3"),
        environments.with_plugin(OLD_PIP),
    )
    with FaultServer() as one, FaultServer() as two, FaultServer() as three:
        servers = dict(zip((plain, ours, old), (one, two, three)))
        for server in servers.values():
            publish(server, BIG)
            server.plays(BIG.path, cut(BIG, refuse_s=12), honest(BIG))
        running = {pip: pip.start(*download_command(server)) for pip, server in servers.items()}
        results = {pip: process.wait() for pip, process in running.items()}

    for pip, result in results.items():
        assert (result.returncode, is_complete(pip)) == (0, True), result.text
    for pip in (ours, old):
        assert_resumed_after_outage(servers[pip])
        assert warnings(results[pip])[1:] == [WAITING]
        assert results[pip].seconds <= 1.1 * results[plain].seconds + 1


@TWO_PIPS
def test_an_outage_at_an_index_page_is_survived_after_a_download(
    environments: Environments, http_server: FaultServer, pip_version: str
) -> None:
    plain, pip = environments.without_plugin(pip_version), environments.with_plugin(pip_version)
    publish(http_server, FIRST, SECOND)
    command = ("download", "--no-deps", "--retries", "1", *index_options(http_server), "first", "second")
    results = []
    for each in (plain, pip):
        http_server.listen_again()
        http_server.forget()
        http_server.plays(FIRST.path, dataclasses.replace(honest(FIRST), then=Then.CLOSE, refuse_s=5))
        results.append(each.run(*command))

    without, result = results
    assert without.returncode != 0
    assert result.returncode == 0, result.text
    assert_downloaded(pip, FIRST, SECOND)
    assert warnings(result) == [WAITING]
    assert http_server.statuses(SECOND.index_path) == [200]


@TWO_PIPS
def test_an_outage_at_a_metadata_file_is_survived(
    environments: Environments, http_server: FaultServer, pip_version: str
) -> None:
    pip = environments.with_plugin(pip_version)
    first, second = (
        Artifact(*make_wheel(name, size=2_000_000, requires=requires), metadata=core_metadata(name, "1.0", requires))
        for name, requires in (("first", ("second",)), ("second", ()))
    )
    publish(http_server, first, second)
    http_server.plays(second.index_path, dataclasses.replace(html_page(second), then=Then.CLOSE, refuse_s=5))

    result = pip.run("download", "--retries", "1", *index_options(http_server), "first")

    assert result.returncode == 0, result.text
    assert_downloaded(pip, first, second)
    assert warnings(result) == [WAITING]
    assert http_server.statuses(f"{second.path}.metadata") == [200]


def assert_downloaded(pip: Environment, *artifacts: Artifact) -> None:
    for artifact in artifacts:
        assert (pip.work / artifact.filename).read_bytes() == artifact.content
