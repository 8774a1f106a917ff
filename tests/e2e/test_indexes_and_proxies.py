"""Every kind of requirement, index, proxy and certificate: the download is resumed where the connection closed."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from e2e.broken_downloads import (
    BIG,
    OVERLAP_BYTES,
    assert_resumed_at_half,
    half,
    index_options,
    kill_at_half,
    publish_broken,
    range_from,
    stored_contents,
)
from environments.environment import Environment, Environments
from environments.pips import run_machine_pip
from environments.processes import CommandFailed
from servers.certificates import Certificates
from servers.fault_server import FaultServer, Then
from servers.index_pages import core_metadata, html_page, publish
from servers.proxy import Proxy
from servers.script import Answer

OLDEST_AND_NEWEST = pytest.mark.parametrize("pip_version", ["21.3.1", "26.3"])
PIP_TOOLS = "pip-tools==7.6.2"
WITH_METADATA = dataclasses.replace(BIG, metadata=core_metadata("big", "1.0"))


def download_command(*arguments: str | Path) -> tuple[str | Path, ...]:
    return ("download", "--no-deps", "--dest", "downloaded", *arguments)


def assert_resumed(pip: Environment, server: FaultServer, *, is_cached_by_pip: bool) -> None:
    """The download is complete, and one request of a range fetched its rest.

    No partial download is left, unless pip's cache does not take the file: then it is stored for the next run.
    """
    assert (pip.work / "downloaded" / BIG.filename).read_bytes() == BIG.content
    assert_resumed_at_half(server, BIG)
    assert stored_contents(pip.cache_dir) == ([] if is_cached_by_pip else [BIG.content])


# Requirements and indexes


@pytest.mark.parametrize("pip_version", ["25.1.1", "26.3"])
def test_pip_lock_resumes(environments: Environments, http_server: FaultServer, pip_version: str) -> None:
    pip = environments.with_plugin(pip_version)
    publish_broken(http_server, BIG, then=Then.CLOSE)
    result = pip.run("lock", "--output", "pylock.toml", *index_options(http_server), "big")
    assert result.returncode == 0, result.text
    assert BIG.sha256 in (pip.work / "pylock.toml").read_text()
    assert_resumed_at_half(http_server, BIG)


@pytest.mark.parametrize("pip_version", ["25.0.1", "26.3"])
def test_a_wheel_with_a_metadata_file_is_resumed(
    environments: Environments, http_server: FaultServer, pip_version: str
) -> None:
    pip = environments.with_plugin(pip_version)
    publish_broken(http_server, WITH_METADATA, then=Then.CLOSE)
    result = pip.run("download", "--dest", "downloaded", *index_options(http_server), "big")
    assert result.returncode == 0, result.text
    assert http_server.statuses(BIG.path + ".metadata") == [200]
    assert_resumed(pip, http_server, is_cached_by_pip=False)


@OLDEST_AND_NEWEST
def test_a_download_from_one_index_is_resumed_from_an_extra_index(
    environments: Environments,
    http_server: FaultServer,
    https_server: FaultServer,
    certificates: Certificates,
    pip_version: str,
) -> None:
    pip = environments.with_plugin(pip_version)
    publish_broken(http_server, BIG)
    publish(https_server, BIG)
    kill_at_half(pip, http_server, BIG, *download_command(*index_options(http_server), "big"))
    http_server.plays(BIG.index_path, Answer(404))
    extra = ("--extra-index-url", https_server.url("/simple/"), "--cert", certificates.ca_file)
    result = pip.run(*download_command(*index_options(http_server), *extra, "big"))
    assert result.returncode == 0, result.text
    assert https_server.asked_ranges(BIG.path) == [range_from(half(BIG) - OVERLAP_BYTES)]
    assert (pip.work / "downloaded" / BIG.filename).read_bytes() == BIG.content


@OLDEST_AND_NEWEST
def test_a_download_from_a_page_of_find_links_is_resumed(
    environments: Environments, http_server: FaultServer, pip_version: str
) -> None:
    pip = environments.with_plugin(pip_version)
    publish_broken(http_server, BIG, then=Then.CLOSE)
    http_server.plays("/links/", html_page(BIG))
    trust = ("--trusted-host", "127.0.0.1")
    result = pip.run(*download_command("--no-index", *trust, "--find-links", http_server.url("/links/"), "big"))
    assert result.returncode == 0, result.text
    assert_resumed(pip, http_server, is_cached_by_pip=True)


@OLDEST_AND_NEWEST
@pytest.mark.parametrize("fragment", [f"#sha256={BIG.sha256}", "#egg=big", ""], ids=["sha256", "egg", "no fragment"])
def test_a_url_is_resumed_by_its_hash_or_its_validator(
    environments: Environments, https_server: FaultServer, certificates: Certificates, pip_version: str, fragment: str
) -> None:
    pip = environments.with_plugin(pip_version)
    publish_broken(https_server, BIG, then=Then.CLOSE)
    result = pip.run(*download_command("--cert", certificates.ca_file, https_server.url(BIG.path) + fragment))
    assert result.returncode == 0, result.text
    has_hash = "sha256" in fragment
    assert (pip.work / "downloaded" / BIG.filename).read_bytes() == BIG.content
    # Without a hash an overlap shows that the file is still the same.
    assert https_server.asked_ranges(BIG.path) == [None, range_from(half(BIG) - (0 if has_hash else OVERLAP_BYTES))]
    if_range = [exchange.request.fields.get("if-range") for exchange in https_server.requests(BIG.path)]
    assert if_range == [None, None if has_hash else f'"{BIG.sha256[:32]}"']
    assert stored_contents(pip.cache_dir) == []


# Proxies and certificates


@OLDEST_AND_NEWEST
@pytest.mark.parametrize("is_proxy_encrypted", [False, True], ids=["http proxy", "https proxy"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_download_through_a_proxy_is_resumed(
    environments: Environments,
    http_server: FaultServer,
    https_server: FaultServer,
    certificates: Certificates,
    pip_version: str,
    scheme: str,
    is_proxy_encrypted: bool,
) -> None:
    """An https proxy before an https server is TLS within TLS."""
    pip = environments.with_plugin(pip_version)
    server = http_server if scheme == "http" else https_server
    publish_broken(server, BIG, then=Then.CLOSE)
    with Proxy(certificates.server_context() if is_proxy_encrypted else None) as proxy:
        result = pip.run(*download_command(*index_options(server, certificates), "--proxy", proxy.url, "big"))
        assert result.returncode == 0, result.text
        assert result.seconds < 10
        assert proxy.connections >= 2
    assert_resumed(pip, server, is_cached_by_pip=scheme == "https")


@OLDEST_AND_NEWEST
def test_a_download_from_a_trusted_host_with_an_unknown_certificate_is_resumed_and_cached(
    environments: Environments, https_server: FaultServer, pip_version: str
) -> None:
    pip = environments.with_plugin(pip_version)
    command = download_command(*index_options(https_server), "--trusted-host", "localhost", "big")
    publish_broken(https_server, BIG, then=Then.CLOSE)
    assert pip.run(*command).returncode == 0
    assert_resumed(pip, https_server, is_cached_by_pip=True)
    https_server.forget()
    (pip.work / "downloaded" / BIG.filename).unlink()
    assert pip.run(*command, env={"PIP_RESUME": "0"}).returncode == 0
    assert https_server.asked_ranges(BIG.path) == []


@OLDEST_AND_NEWEST
def test_a_client_certificate_is_sent_on_every_connection(
    environments: Environments, certificates: Certificates, pip_version: str
) -> None:
    pip = environments.with_plugin(pip_version)
    with FaultServer(certificates.server_context_that_asks_for_a_certificate()) as server:
        publish_broken(server, BIG, then=Then.CLOSE)
        options = index_options(server, certificates)
        assert pip.run(*download_command(*options, "--retries", "0", "big")).returncode == 1
        assert server.requests() == []
        result = pip.run(*download_command(*options, "--client-cert", certificates.client_file, "big"))
        assert result.returncode == 0, result.text
        assert_resumed(pip, server, is_cached_by_pip=True)


# Other programs that use pip


@pytest.mark.timeout(180)
def test_pip_compile_resumes(environments: Environments, http_server: FaultServer) -> None:
    pip = environments.with_plugin("25.2")
    install_pip_tools(pip)
    publish_broken(http_server, BIG, then=Then.CLOSE)
    (pip.work / "requirements.in").write_text("big\n")
    command = ("-m", "piptools", "compile", "--quiet", "--generate-hashes", *index_options(http_server))
    result = pip.run_python(*command, "requirements.in")
    assert result.returncode == 0, result.text
    assert f"--hash=sha256:{BIG.sha256}" in (pip.work / "requirements.txt").read_text()
    # The third request is of pip-tools itself, which fetches the complete file to compute its hash.
    assert http_server.statuses(BIG.path) == [200, 206, 200]
    assert http_server.fetched_twice(BIG.path) == len(BIG.content)


def install_pip_tools(pip: Environment) -> None:
    """Install pip-tools from the package index of this machine; skip the test if that fails."""
    try:
        run_machine_pip("--python", pip.python, "install", PIP_TOOLS, timeout_s=90)
    except CommandFailed as error:
        pytest.skip(f"pip-tools cannot be installed: {str(error).strip().splitlines()[-1]}")
