"""No password, token, signature or cookie is on disk or in the messages."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from integration.machine import DOWNLOAD_MODULE, Machine, artifact_of, hashed_link
from integration.samples import CONTENT, CUT, FILE, HELD, PATH, SIZE, link_with_hash
from pip._internal.exceptions import PipError
from pip._internal.models.link import Link
from servers.fault_server import Answer, FaultServer
from servers.range_server import RangeServer, Resource, SignedRedirect

from pip_resume.inside_pip import download_step
from pip_resume.protocol.checkpoint import Checkpoint

MARK = "s3cret"
"""Part of each secret."""


def assert_not_on_disk(files: dict[Path, bytes], *texts: str) -> None:
    """Check the names and the content of files."""
    for text in texts:
        assert [path for path, content in files.items() if text.encode() in content or text in path.name] == []


@pytest.fixture
def messages(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], str]]:
    """Replace pip's download step; return what yields our messages at the highest verbosity.

    The debug messages of pip and of its libraries are not ours.
    """
    caplog.set_level(logging.DEBUG)
    download_step.apply(DOWNLOAD_MODULE)
    yield lambda: "\n".join(
        record.getMessage()
        for record in caplog.records
        if record.levelno > logging.DEBUG or "pip_resume" in record.pathname
    )
    download_step.undo(DOWNLOAD_MODULE)


def download(machine: Machine, link: Link, location: Path) -> bytes:
    """Download with pip's downloader, in which our step is."""
    location.mkdir()
    with closing(machine.session()) as session:
        path, _ = DOWNLOAD_MODULE.Downloader(session, "off")(link, str(location))
    return Path(path).read_bytes()


def test_userinfo_query_and_cookies_are_not_written(
    machine: Machine, http_server: FaultServer, messages: Callable[[], str], tmp_path: Path
) -> None:
    fields = {**FILE.fields, "Set-Cookie": f"session={MARK}-cookie", "X-Token": f"{MARK}-token"}
    http_server.plays(PATH, replace(CUT, fields=fields))
    url = http_server.url(f"{PATH}?token={MARK}-token")
    link = hashed_link(url.replace("://", f"://user:{MARK}-password@"), CONTENT)

    for number in range(2):
        with pytest.raises(PipError) as raised:
            download(machine, link, tmp_path / f"cut-{number}")
        http_server.plays(PATH, Answer(503, {"Retry-After": "7200"}, f"{MARK}-token".encode()))
        assert machine.stored(link) == CONTENT[:HELD]
        assert MARK not in messages() + "".join(map(str, vars(raised.value).values())) + str(raised.value)
        assert_not_on_disk(machine.files_in_cache(), MARK)

    http_server.plays(PATH, replace(FILE, fields=fields))
    assert download(machine, link, tmp_path / "complete") == CONTENT

    assert "Resuming download" in messages()
    assert MARK not in messages()
    assert machine.files_in_store() == []


def test_a_signed_redirect_is_not_written(
    machine: Machine, https_range_server: RangeServer, messages: Callable[[], str], tmp_path: Path
) -> None:
    https_range_server.holds(PATH, SignedRedirect(Resource(CONTENT, '"v1"')))
    link = link_with_hash(https_range_server)
    with closing(machine.store.claim(artifact_of(link))) as partial:
        partial.note(Checkpoint(complete_length=SIZE))
        partial.append(CONTENT[:HELD])
        partial.sync()

    download(machine, link, tmp_path / "complete")

    assert [exchange.status for exchange in https_range_server.requests()] == [302, 206]
    assert "Resuming download" in messages()
    assert "signature" not in messages()
    assert_not_on_disk(machine.files_in_cache(), "signature")


def test_no_secret_is_on_disk_between_two_runs(machine: Machine, https_server: FaultServer) -> None:
    fields = {"Set-Cookie": f"session={MARK}-cookie", "X-Token": f"{MARK}-field"}
    https_server.plays(PATH, Answer(302, {"Location": f"/signed/1?key={MARK}-signature"}))
    https_server.plays("/signed/1", replace(CUT, fields=fields), replace(FILE, fields=fields))
    url = https_server.url(PATH).replace("https://", f"https://somebody:{MARK}-password@") + f"?token={MARK}-token"
    link = hashed_link(url, CONTENT)
    machine.download_partly(link)
    assert "authorization" in https_server.requests(PATH)[0].request.fields

    assert_not_on_disk(machine.files_in_cache(), MARK, "somebody")

    assert machine.checkpoint(link).host == "localhost"
    assert machine.download(link).content == CONTENT
    assert https_server.requests("/signed/1")[1].status == 206
