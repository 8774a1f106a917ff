"""The ways in which people name, reach and unlock what they install: each goes on where the line broke."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest
from e2e.halves import BIG, BLOCK_BYTES, half, held_files, offer_broken, wait_until_half_is_held
from e2e.real_pip import Environment, Environments, index_options
from servers.certificates import Certificates
from servers.fault_server import FaultServer, Then
from servers.index_pages import core_metadata, html_page, publish
from servers.proxy import Proxy
from servers.script import Answer

OLDEST_AND_NEWEST = pytest.mark.parametrize("pip_version", ["21.3.1", "26.3"])
HAS_METADATA = dataclasses.replace(BIG, metadata=core_metadata("big", "1.0"))


def download(*arguments: str | Path) -> tuple[str | Path, ...]:
    return ("download", "--no-deps", "--dest", "downloaded", *arguments)


def assert_resumed(pip: Environment, server: FaultServer, folder: str = "downloaded") -> None:
    """Two requests have brought the file, the second only the rest of it; and nothing is left over."""
    ranges = [asked for asked in server.asked_ranges(BIG.path) if asked is not None]
    assert (pip.work / folder / BIG.filename).read_bytes() == BIG.content
    assert len(ranges) == 1
    assert half(BIG) - BLOCK_BYTES <= int(ranges[0][len("bytes=") : -1]) <= half(BIG)
    assert server.fetched_twice(BIG.path) <= BLOCK_BYTES
    assert held_files(pip.cache_dir) == []


# What is named


@pytest.mark.parametrize("pip_version", ["25.1.1", "26.3"])
def test_pip_lock_goes_on(environment: Environments, http_server: FaultServer, pip_version: str) -> None:
    pip = environment(pip_version)
    offer_broken(http_server, BIG, then=Then.CLOSE)
    result = pip.run("lock", "--output", "pylock.toml", *index_options(http_server), "big")
    assert result.returncode == 0, result.text
    assert BIG.sha256 in (pip.work / "pylock.toml").read_text()
    assert [asked is None for asked in http_server.asked_ranges(BIG.path)] == [True, False]
    assert http_server.fetched_twice(BIG.path) <= BLOCK_BYTES


@pytest.mark.parametrize("pip_version", ["25.0.1", "26.3"])
def test_a_wheel_whose_metadata_came_first_goes_on(
    environment: Environments, http_server: FaultServer, pip_version: str
) -> None:
    pip = environment(pip_version)
    offer_broken(http_server, HAS_METADATA, then=Then.CLOSE)
    result = pip.run("download", "--dest", "downloaded", *index_options(http_server), "big")
    assert result.returncode == 0, result.text
    assert http_server.statuses(BIG.path + ".metadata") == [200]
    assert_resumed(pip, http_server)


@OLDEST_AND_NEWEST
def test_what_one_index_began_another_completes(
    environment: Environments,
    http_server: FaultServer,
    https_server: FaultServer,
    certificates: Certificates,
    pip_version: str,
) -> None:
    pip = environment(pip_version)
    offer_broken(http_server, BIG)
    publish(https_server, BIG)
    running = pip.start(*download(*index_options(http_server), "big"))
    wait_until_half_is_held(http_server, BIG, pip.cache_dir)
    running.kill()
    running.wait()
    http_server.plays(BIG.index_path, Answer(404))
    extra = ("--extra-index-url", https_server.url("/simple/"), "--cert", certificates.ca_file)
    result = pip.run(*download(*index_options(http_server), *extra, "big"))
    assert result.returncode == 0, result.text
    assert_is_rest_only(https_server)
    assert (pip.work / "downloaded" / BIG.filename).read_bytes() == BIG.content


def assert_is_rest_only(server: FaultServer) -> None:
    (asked,) = server.asked_ranges(BIG.path)
    assert asked is not None
    assert int(asked[len("bytes=") : -1]) >= half(BIG) - 2 * BLOCK_BYTES


@OLDEST_AND_NEWEST
def test_a_page_of_links_is_an_index_too(environment: Environments, http_server: FaultServer, pip_version: str) -> None:
    pip = environment(pip_version)
    offer_broken(http_server, BIG, then=Then.CLOSE)
    http_server.plays("/links/", html_page(BIG))
    trust = ("--trusted-host", "127.0.0.1")
    result = pip.run(*download("--no-index", *trust, "--find-links", http_server.url("/links/"), "big"))
    assert result.returncode == 0, result.text
    assert_resumed(pip, http_server)


@OLDEST_AND_NEWEST
@pytest.mark.parametrize("fragment", [f"#sha256={BIG.sha256}", "#egg=big", ""], ids=["sha256", "egg", "bare"])
def test_a_direct_url_goes_on_with_a_hash_or_by_its_validator(
    environment: Environments, https_server: FaultServer, certificates: Certificates, pip_version: str, fragment: str
) -> None:
    pip = environment(pip_version)
    offer_broken(https_server, BIG, then=Then.CLOSE)
    result = pip.run(*download("--cert", certificates.ca_file, https_server.url(BIG.path) + fragment))
    assert result.returncode == 0, result.text
    assert_resumed(pip, https_server)
    conditions = [exchange.request.fields.get("if-range") for exchange in https_server.requests(BIG.path)]
    assert conditions == [None, None if "sha256" in fragment else f'"{BIG.sha256[:32]}"']


# How it is reached


@OLDEST_AND_NEWEST
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_through_a_proxy_it_goes_on(
    environment: Environments,
    http_server: FaultServer,
    https_server: FaultServer,
    certificates: Certificates,
    pip_version: str,
    scheme: str,
) -> None:
    pip = environment(pip_version)
    server = http_server if scheme == "http" else https_server
    offer_broken(server, BIG, then=Then.CLOSE)
    with Proxy() as proxy:
        result = pip.run(*download(*index_options(server, certificates), "--proxy", proxy.url, "big"))
        assert result.returncode == 0, result.text
        assert proxy.connections >= 2
    assert_resumed(pip, server)


@OLDEST_AND_NEWEST
def test_a_host_that_is_trusted_without_proof_goes_on_and_is_cached(
    environment: Environments, https_server: FaultServer, pip_version: str
) -> None:
    pip = environment(pip_version)
    command = download(*index_options(https_server), "--trusted-host", "localhost", "big")
    offer_broken(https_server, BIG, then=Then.CLOSE)
    assert pip.run(*command).returncode == 0
    assert_resumed(pip, https_server)
    https_server.forget()
    (pip.work / "downloaded" / BIG.filename).unlink()
    assert pip.run(*command, env={"PIP_RESUME": "0"}).returncode == 0
    assert https_server.asked_ranges(BIG.path) == []


@OLDEST_AND_NEWEST
def test_a_server_that_wants_a_certificate_sees_it_in_every_request(
    environment: Environments, certificates: Certificates, pip_version: str
) -> None:
    pip = environment(pip_version)
    with FaultServer(certificates.server_context_that_asks_for_a_certificate()) as server:
        offer_broken(server, BIG, then=Then.CLOSE)
        options = index_options(server, certificates)
        assert pip.run(*download(*options, "--retries", "0", "big")).returncode == 1
        assert server.requests() == []
        result = pip.run(*download(*options, "--client-cert", certificates.client_file, "big"))
        assert result.returncode == 0, result.text
        assert_resumed(pip, server)


# Who else downloads with pip


@pytest.mark.timeout(180)
def test_pip_compile_goes_on(environment: Environments, http_server: FaultServer) -> None:
    pip = environment("25.2")
    install_pip_tools(pip)
    offer_broken(http_server, BIG, then=Then.CLOSE)
    (pip.work / "requirements.in").write_text("big\n")
    command = ("-m", "piptools", "compile", "--quiet", "--generate-hashes", *index_options(http_server))
    result = pip.run_python(*command, "requirements.in")
    assert result.returncode == 0, result.text
    assert f"--hash=sha256:{BIG.sha256}" in (pip.work / "requirements.txt").read_text()
    # One more, whole: pip-tools fetches what it hashes a second time, in its own way, unless the page gives the hash.
    ranges = http_server.asked_ranges(BIG.path)
    assert ranges[0] is None
    assert ranges[1] is not None
    assert http_server.fetched_twice(BIG.path) <= BLOCK_BYTES + len(BIG.content) * (len(ranges) - 2)


def install_pip_tools(pip: Environment) -> None:
    """From the package index, with the settings of this machine; skips the test if that cannot be."""
    command = [sys.executable, "-m", "pip", "--python", str(pip.python), "install", "--quiet", "pip-tools"]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=90)
    except subprocess.SubprocessError as error:
        said = getattr(error, "stderr", None) or str(error)
        pytest.skip(f"pip-tools cannot be installed: {said.strip().splitlines()[-1]}")
