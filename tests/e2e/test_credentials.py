"""Files behind a password: the second run has access too, and the password is never written to disk."""

from __future__ import annotations

import base64
import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from e2e.broken_downloads import BIG, half, index_options, wait_until_half_is_stored
from e2e.single_file import files_with
from environments.environment import Environment, Environments
from servers.certificates import Certificates
from servers.fault_server import FaultServer, Then
from servers.index_pages import Artifact, html_page
from servers.journal import Request
from servers.script import Answer, FileAnswer, Reply

OLDEST_AND_NEWEST = pytest.mark.parametrize("pip_version", ["21.3.1", "26.3"])
NEWEST = "26.3"
USER, PASSWORD = "somebody", "hunter2-and-more"
USERINFO = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
"""User and password in the Authorization field."""
UNAUTHORIZED = Answer(401, {"WWW-Authenticate": 'Basic realm="packages"'}, b"who are you?\n")


def download_command(*arguments: str | Path) -> tuple[str | Path, ...]:
    return ("download", "--no-deps", "--dest", "downloaded", *arguments)


@dataclasses.dataclass(frozen=True)
class ProtectedFile(FileAnswer):
    """A file that only requests with the password get."""

    def reply(self, request: Request) -> Reply:
        return super().reply(request) if has_password(request.fields) else UNAUTHORIZED.reply(request)


@dataclasses.dataclass(frozen=True)
class ProtectedPage(Answer):
    """A page that only requests with the password get."""

    def reply(self, request: Request) -> Reply:
        return super().reply(request) if has_password(request.fields) else UNAUTHORIZED.reply(request)


def has_password(fields: Mapping[str, str]) -> bool:
    return fields.get("authorization") == f"Basic {USERINFO}"


def publish_protected(server: FaultServer, artifact: Artifact, *, refusals: int) -> None:
    """Publish a file behind the password; `refusals` requests without it are expected before the one that stalls."""
    page = html_page(artifact)
    server.plays(artifact.index_path, ProtectedPage(page.status, page.fields, page.body))
    complete = ProtectedFile(artifact.content, etag='"1"', fields={"Cache-Control": "max-age=365000000"})
    stalled = dataclasses.replace(complete, cut_after=half(artifact), then=Then.STALL)
    server.plays(artifact.path, *[complete] * refusals, stalled, complete)


def with_userinfo(url: str, userinfo: str) -> str:
    return url.replace("://", f"://{userinfo}@")


def write_netrc(pip: Environment) -> None:
    netrc = pip.home / ".netrc"
    netrc.write_text(f"machine localhost login {USER} password {PASSWORD}\n")
    netrc.chmod(0o600)


def put_keyring_on_path(pip: Environment) -> None:
    """Write a program `keyring` that understands the command lines of old and of new pips."""
    folder = pip.folder / "programs"
    folder.mkdir()
    known = f'{{"username": "{USER}", "password": "{PASSWORD}"}}'
    keyring = folder / "keyring"
    keyring.write_text(f"#!/bin/sh\ncase $1 in --mode=creds) echo '{known}';; *) echo '{PASSWORD}';; esac\n")
    keyring.chmod(0o755)
    pip.variables["PATH"] = f"{folder}{os.pathsep}{pip.variables['PATH']}"


def files_with_password(pip: Environment) -> list[Path]:
    """Return the files of the cache and the temporary directory with the password, or with the encoded form of it."""
    folders = (pip.cache_dir, pip.temporary)
    return [*files_with(PASSWORD.encode(), *folders), *files_with(USERINFO.encode(), *folders)]


def assert_resumes_after_a_kill(pip: Environment, server: FaultServer, command: tuple[str | Path, ...]) -> None:
    """Run until the server stalls, kill, run again; the password is never on disk or in the output."""
    running = pip.start(*command)
    wait_until_half_is_stored(server, BIG, pip.cache_dir)
    first = running.kill_and_wait()
    assert files_with_password(pip) == []
    second = pip.run(*command)
    assert second.returncode == 0, second.text
    assert (pip.work / "downloaded" / BIG.filename).read_bytes() == BIG.content
    assert PASSWORD not in first.text + second.text
    assert files_with_password(pip) == []
    successful = [exchange for exchange in server.requests(BIG.path) if exchange.status in {200, 206}]
    assert [exchange.status for exchange in successful] == [200, 206]
    assert all(has_password(exchange.request.fields) for exchange in successful)


@OLDEST_AND_NEWEST
def test_credentials_in_the_url_are_sent_with_every_request(
    environments: Environments, https_server: FaultServer, certificates: Certificates, pip_version: str
) -> None:
    pip = environments.with_plugin(pip_version)
    publish_protected(https_server, BIG, refusals=0)
    index = with_userinfo(https_server.url("/simple/"), f"{USER}:{PASSWORD}")
    command = download_command("--index-url", index, "--cert", certificates.ca_file, "big")
    assert_resumes_after_a_kill(pip, https_server, command)


@OLDEST_AND_NEWEST
def test_credentials_in_netrc_are_sent_with_every_request(
    environments: Environments, https_server: FaultServer, certificates: Certificates, pip_version: str
) -> None:
    pip = environments.with_plugin(pip_version)
    write_netrc(pip)
    publish_protected(https_server, BIG, refusals=0)
    command = download_command(*index_options(https_server, certificates), "big")
    assert_resumes_after_a_kill(pip, https_server, command)


@pytest.mark.parametrize("pip_version", ["23.2.1", "26.3"])
def test_credentials_of_a_keyring_for_the_index_are_sent_with_requests_for_files_too(
    environments: Environments, https_server: FaultServer, certificates: Certificates, pip_version: str
) -> None:
    pip = environments.with_plugin(pip_version)
    put_keyring_on_path(pip)
    publish_protected(https_server, BIG, refusals=0)
    index = with_userinfo(https_server.url("/simple/"), USER)
    options = ("--keyring-provider", "subprocess", "--cert", certificates.ca_file)
    assert_resumes_after_a_kill(pip, https_server, download_command("--index-url", index, *options, "big"))
    assert https_server.statuses(BIG.index_path)[:2] == [401, 200]


def test_credentials_of_a_keyring_that_is_asked_after_a_401_for_the_file_work_in_both_runs(
    environments: Environments, https_server: FaultServer, certificates: Certificates
) -> None:
    pip = environments.with_plugin(NEWEST)
    put_keyring_on_path(pip)
    publish_protected(https_server, BIG, refusals=1)
    url = with_userinfo(https_server.url(f"{BIG.path}#sha256={BIG.sha256}"), USER)
    options = ("--keyring-provider", "subprocess", "--cert", certificates.ca_file)
    assert_resumes_after_a_kill(pip, https_server, download_command(*options, url))
    assert https_server.statuses(BIG.path) == [401, 200, 401, 206]
