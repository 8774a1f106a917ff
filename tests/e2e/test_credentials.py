"""Files that only those get who know a password: it opens the second run as well, and is never on disk."""

from __future__ import annotations

import base64
import dataclasses
import os
import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from e2e.halves import BIG, half, wait_until_half_is_held
from e2e.real_pip import Environment, Environments, index_options
from servers.certificates import Certificates
from servers.fault_server import FaultServer, Then
from servers.index_pages import Artifact, html_page
from servers.journal import Request
from servers.script import Answer, FileAnswer, Reply

OLDEST_AND_NEWEST = pytest.mark.parametrize("pip_version", ["21.3.1", "26.3"])
NEWEST = "26.3"
USER, PASSWORD = "somebody", "hunter2-and-more"
USERINFO = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()


def download(*arguments: str | Path) -> tuple[str | Path, ...]:
    return ("download", "--no-deps", "--dest", "downloaded", *arguments)


@dataclasses.dataclass(frozen=True)
class Guarded(FileAnswer):
    """A file for those who know the password."""

    def reply(self, request: Request) -> Reply:
        return super().reply(request) if is_known(request.fields) else REFUSAL.reply(request)


@dataclasses.dataclass(frozen=True)
class GuardedPage(Answer):
    """A page for those who know the password."""

    def reply(self, request: Request) -> Reply:
        return super().reply(request) if is_known(request.fields) else REFUSAL.reply(request)


REFUSAL = Answer(401, {"WWW-Authenticate": 'Basic realm="packages"'}, b"who are you?\n")


def is_known(fields: Mapping[str, str]) -> bool:
    return fields.get("authorization") == f"Basic {USERINFO}"


def guard(server: FaultServer, artifact: Artifact, *, refusals: int) -> None:
    """Offer a file that breaks at half once, to those who know the password, but not at the first requests."""
    page = html_page(artifact)
    server.plays(artifact.index_path, GuardedPage(page.status, page.fields, page.body))
    whole = Guarded(artifact.content, etag='"1"', fields={"Cache-Control": "max-age=365000000"})
    half_of_it = dataclasses.replace(whole, cut_after=half(artifact), then=Then.STALL)
    server.plays(artifact.path, *[whole] * refusals, half_of_it, whole)


def with_userinfo(url: str, userinfo: str) -> str:
    return url.replace("://", f"://{userinfo}@")


def put_netrc(pip: Environment) -> None:
    netrc = pip.home / ".netrc"
    netrc.write_text(f"machine localhost login {USER} password {PASSWORD}\n")
    netrc.chmod(0o600)


def put_keyring(pip: Environment) -> None:
    """A program of that name, which answers in both of the ways in which pips ask."""
    folder = pip.folder / "programs"
    folder.mkdir()
    known = f'{{"username": "{USER}", "password": "{PASSWORD}"}}'
    keyring = folder / "keyring"
    keyring.write_text(f"#!/bin/sh\ncase $1 in --mode=creds) echo '{known}';; *) echo '{PASSWORD}';; esac\n")
    keyring.chmod(0o755)
    pip.variables["PATH"] = f"{folder}{os.pathsep}{pip.variables['PATH']}"


def secrets_below(*folders: Path) -> list[Path]:
    """Files in which the password, or how it goes over the wire, can be read."""
    files = (path for folder in folders for path in folder.rglob("*") if path.is_file())
    return [path for path in files if re.search(f"{PASSWORD}|{USERINFO}".encode(), path.read_bytes())]


def assert_goes_on_after_a_kill(pip: Environment, server: FaultServer, command: tuple[str | Path, ...]) -> None:
    """Run until the line falls silent, kill, run again; nothing secret is ever on disk or said."""
    running = pip.start(*command)
    wait_until_half_is_held(server, BIG, pip.cache_dir)
    running.kill()
    said = running.wait().text
    assert secrets_below(pip.cache_dir, pip.temporary) == []
    result = pip.run(*command)
    assert result.returncode == 0, result.text
    assert (pip.work / "downloaded" / BIG.filename).read_bytes() == BIG.content
    assert PASSWORD not in said + result.text
    assert secrets_below(pip.cache_dir, pip.temporary) == []
    brought = [exchange for exchange in server.requests(BIG.path) if exchange.status in {200, 206}]
    assert [exchange.status for exchange in brought] == [200, 206]
    assert all(is_known(exchange.request.fields) for exchange in brought)


@OLDEST_AND_NEWEST
def test_credentials_in_the_url_open_every_request(
    environment: Environments, https_server: FaultServer, certificates: Certificates, pip_version: str
) -> None:
    pip = environment(pip_version)
    guard(https_server, BIG, refusals=0)
    index = with_userinfo(https_server.url("/simple/"), f"{USER}:{PASSWORD}")
    command = download("--index-url", index, "--cert", certificates.ca_file, "big")
    assert_goes_on_after_a_kill(pip, https_server, command)


@OLDEST_AND_NEWEST
def test_credentials_in_netrc_open_every_request(
    environment: Environments, https_server: FaultServer, certificates: Certificates, pip_version: str
) -> None:
    pip = environment(pip_version)
    put_netrc(pip)
    guard(https_server, BIG, refusals=0)
    assert_goes_on_after_a_kill(pip, https_server, download(*index_options(https_server, certificates), "big"))


@pytest.mark.parametrize("pip_version", ["23.2.1", "26.3"])
def test_credentials_that_a_keyring_gives_for_the_index_open_the_files_too(
    environment: Environments, https_server: FaultServer, certificates: Certificates, pip_version: str
) -> None:
    pip = environment(pip_version)
    put_keyring(pip)
    guard(https_server, BIG, refusals=0)
    index = with_userinfo(https_server.url("/simple/"), USER)
    options = ("--keyring-provider", "subprocess", "--cert", certificates.ca_file)
    assert_goes_on_after_a_kill(pip, https_server, download("--index-url", index, *options, "big"))
    assert https_server.statuses(BIG.index_path)[:2] == [401, 200]


def test_credentials_that_a_keyring_gives_after_the_file_is_refused_open_both_runs(
    environment: Environments, https_server: FaultServer, certificates: Certificates
) -> None:
    pip = environment(NEWEST)
    put_keyring(pip)
    guard(https_server, BIG, refusals=1)
    url = with_userinfo(https_server.url(f"{BIG.path}#sha256={BIG.sha256}"), USER)
    options = ("--keyring-provider", "subprocess", "--cert", certificates.ca_file)
    assert_goes_on_after_a_kill(pip, https_server, download(*options, url))
    assert https_server.statuses(BIG.path) == [401, 200, 401, 206]
