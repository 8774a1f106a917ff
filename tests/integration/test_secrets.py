"""Nothing secret is on disk or in what we say."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from integration.machine import MODULE, Machine, artifact_of, hashed
from integration.samples import CONTENT, CUT, FILE, HELD, PATH, SIZE
from pip._internal.exceptions import PipError
from pip._internal.models.link import Link
from servers.fault_server import Answer, FaultServer
from servers.range_server import RangeServer, Resource, SignedRedirect

from pip_resume.inside_pip import download_step
from pip_resume.protocol.checkpoint import (
    Checkpoint,
)

SECRETS = ("s3cret-password", "s3cret-token", "s3cret-signature", "s3cret-cookie")


class TestSecrets:
    @pytest.fixture
    def logged(self, caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], str]]:
        """All that we say, at the highest verbosity; pip's and its libraries' debug lines are theirs."""
        caplog.set_level(logging.DEBUG)
        download_step.apply(MODULE)
        yield lambda: "\n".join(
            record.getMessage()
            for record in caplog.records
            if record.levelno > logging.DEBUG or "pip_resume" in record.pathname
        )
        download_step.undo(MODULE)

    def run(self, machine: Machine, link: Link, location: Path) -> Path:
        location.mkdir()
        with closing(machine.session()) as session:
            path, _ = MODULE.Downloader(session, "off")(link, str(location))
        return Path(path)

    def assert_nowhere(self, machine: Machine, said: str) -> None:
        for secret in SECRETS:
            assert secret not in said
            for path in machine.store.directory.rglob("*"):
                assert secret not in path.name
                assert path.is_dir() or secret.encode() not in path.read_bytes(), path

    def test_userinfo_and_query_of_a_link_are_nowhere(
        self, machine: Machine, http_server: FaultServer, logged: Callable[[], str], tmp_path: Path
    ) -> None:
        fields = {**FILE.fields, "Set-Cookie": "session=s3cret-cookie", "X-Token": "s3cret-token"}
        cut = replace(CUT, fields=fields)
        http_server.plays(PATH, cut)
        bare = http_server.url(f"{PATH}?token=s3cret-token")
        link = hashed(bare.replace("://", "://user:s3cret-password@"), CONTENT)

        for number in range(2):
            with pytest.raises(PipError) as raised:
                self.run(machine, link, tmp_path / f"cut-{number}")
            http_server.plays(PATH, Answer(503, {"Retry-After": "7200"}, b"s3cret-token"))
            self.assert_nowhere(machine, logged() + "".join(map(str, vars(raised.value).values())) + str(raised.value))
        assert machine.kept(link) == CONTENT[:HELD]

        http_server.plays(PATH, replace(FILE, fields=fields))
        assert self.run(machine, link, tmp_path / "done").read_bytes() == CONTENT

        assert "Resuming download" in logged()
        self.assert_nowhere(machine, logged())

    def test_a_signed_redirect_is_nowhere(
        self,
        machine: Machine,
        https_range_server: RangeServer,
        logged: Callable[[], str],
        tmp_path: Path,
    ) -> None:
        https_range_server.holds(PATH, SignedRedirect(Resource(CONTENT, '"v1"')))
        link = hashed(https_range_server.url(PATH), CONTENT)

        with closing(machine.store.claim(artifact_of(link))) as partial:
            partial.note(Checkpoint(complete_length=SIZE))
            partial.append(CONTENT[:HELD])
            partial.sync()
        self.run(machine, link, tmp_path / "done")

        said = logged()
        assert "Resuming download" in said
        assert "signature" not in said
        for path in machine.cache_directory.rglob("*"):
            assert path.is_dir() or b"signature" not in path.read_bytes()
