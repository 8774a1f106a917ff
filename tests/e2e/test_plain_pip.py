"""Plain pip: the servers and the environments of these tests do and measure what they promise."""

from __future__ import annotations

import hashlib
import signal
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from e2e.broken_downloads import index_options
from servers.fault_server import Then
from servers.index_pages import honest, publish, sdist_artifact, wheel_artifact

if TYPE_CHECKING:
    from environments.environment import Environments
    from servers.certificates import Certificates
    from servers.fault_server import FaultServer
    from servers.fixtures import StartNginx

# A pip that runs on every supported Python.
PIP_FOR_EVERY_PYTHON = "25.1.1"
SPAM = wheel_artifact("spam", size=3_000_000)


def test_a_wheel_is_installed_over_https_and_a_second_time_from_pips_cache(
    pip_version: str, environments: Environments, https_server: FaultServer, certificates: Certificates
) -> None:
    publish(https_server, SPAM)
    plain = environments.without_plugin(pip_version)
    options = index_options(https_server, certificates)

    first = plain.run("install", "spam", "--target", plain.new_target(), *options)
    target = plain.new_target()
    second = plain.run("install", "spam", "--target", target, *options)

    assert (first.returncode, second.returncode) == (0, 0), first.text + second.text
    assert "Downloading" in first.text
    assert "Using cached" in second.text
    assert https_server.statuses(SPAM.path) == [200]
    assert https_server.sent(SPAM.path) == len(SPAM.content)
    assert (target / "spam" / "payload.bin").stat().st_size == 3_000_000


def test_a_pip_without_resume_fails_when_the_connection_is_reset(
    environments: Environments, https_server: FaultServer, certificates: Certificates
) -> None:
    publish(https_server, SPAM)
    https_server.plays(SPAM.path, replace(honest(SPAM), cut_after=1_500_000, then=Then.RESET))
    plain = environments.without_plugin("23.2.1")

    broken = plain.run("download", "spam", *index_options(https_server, certificates))

    assert broken.returncode != 0
    assert https_server.asked_ranges(SPAM.path) == [None]
    assert https_server.sent(SPAM.path) == 1_500_000


@pytest.mark.parametrize("end", ["kill", "interrupt", "terminate"])
def test_a_signal_ends_pip_during_a_download(end: str, environments: Environments, http_server: FaultServer) -> None:
    publish(http_server, SPAM)
    http_server.plays(SPAM.path, replace(honest(SPAM), rate=1_000_000))
    plain = environments.without_plugin(PIP_FOR_EVERY_PYTHON)
    running = plain.start("download", "spam", *index_options(http_server))

    http_server.wait_until_sent(SPAM.path, 1_000_000)
    running.wait_for_output("Downloading")
    getattr(running, end)()
    ended = running.wait()

    expected = {"kill": -signal.SIGKILL, "interrupt": 1, "terminate": -signal.SIGTERM}
    assert ended.returncode == expected[end], ended.text
    assert 1_000_000 <= http_server.sent(SPAM.path) < 1_500_000


def test_pip_draws_a_moving_progress_bar_only_in_a_terminal(
    environments: Environments, http_server: FaultServer
) -> None:
    publish(http_server, SPAM)
    http_server.plays(SPAM.path, replace(honest(SPAM), rate=3_000_000))
    plain = environments.without_plugin(PIP_FOR_EVERY_PYTHON)
    command = ("download", "--no-cache-dir", "spam", *index_options(http_server), "--dest")

    in_terminal = plain.run_in_terminal(*command, plain.new_target())
    with_pipes = plain.run(*command, plain.new_target())

    assert in_terminal.text.count("/3.0 MB") > 3
    assert with_pipes.text.count("/3.0 MB") == 1


def test_an_sdist_is_built_without_further_downloads(environments: Environments, http_server: FaultServer) -> None:
    publish(http_server, sdist_artifact("ham"))
    plain = environments.without_plugin("23.2.1")

    built = plain.run("install", "ham", *index_options(http_server))

    assert built.returncode == 0, built.text
    assert {request.path for request in http_server.requests()} == {"/simple/ham/", "/files/ham-1.0.tar.gz"}


def test_pip_downloads_from_an_index_on_nginx(environments: Environments, nginx_or_skip: StartNginx) -> None:
    nginx = nginx_or_skip("limit_rate 20m;")
    nginx.publish(SPAM)
    plain = environments.without_plugin(PIP_FOR_EVERY_PYTHON)
    target = plain.new_target()

    fetched = plain.run("download", "spam", "--dest", target, *index_options(nginx))

    assert fetched.returncode == 0, fetched.text
    assert hashlib.sha256((target / SPAM.filename).read_bytes()).hexdigest() == SPAM.sha256
    assert [served.status for served in nginx.served(SPAM.path)] == [200]


def test_no_settings_of_this_machine_and_no_modules_of_the_checkout_reach_an_environment(
    environments: Environments,
) -> None:
    plain = environments.without_plugin(PIP_FOR_EVERY_PYTHON)

    shown = plain.run("config", "list")
    imported = plain.run_python("-c", "import importlib.util as u; print(u.find_spec('pip_resume'))")

    assert [line.split("=")[0] for line in sorted(shown.stdout.splitlines())] == [
        ":env:.cache-dir",
        ":env:.config-file",
        ":env:.disable-pip-version-check",
        ":env:.no-input",
    ]
    assert imported.stdout.strip() == "None"
