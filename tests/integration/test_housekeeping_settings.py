"""How long and how much is kept, as a run of pip is told by its environment."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from integration.machine import MODULE, Machine, hashed
from integration.old_partials import leave
from integration.samples import CONTENT, FILE, PATH
from servers.fault_server import FaultServer

from pip_resume import settings
from pip_resume.inside_pip import download_step
from pip_resume.inside_pip.run import RUN
from pip_resume.storage.housekeeping import DAY_S

serial = itertools.count()


class TestSettings:
    """As a run of pip has them, through the step that replaces pip's."""

    @pytest.fixture
    def complaints(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
        heard: list[str] = []
        monkeypatch.setattr(MODULE.logger, "warning", lambda text, *args: heard.append(text % args if args else text))
        RUN.forget()
        for name in settings.OUR_NAMES:
            monkeypatch.delenv(name, raising=False)
        download_step.apply(MODULE)
        yield heard
        download_step.undo(MODULE)

    def install_something(self, machine: Machine, server: FaultServer, tmp_path: Path) -> None:
        server.plays(PATH, FILE)
        location = tmp_path / f"location-{next(serial)}"
        location.mkdir()
        with closing(machine.session()) as session:
            downloader = MODULE.Downloader(session, "off")
            downloader(hashed(server.url(PATH), CONTENT), str(location))

    def leave_partials(self, machine: Machine) -> tuple[Path, Path]:
        """One of 3 days ago, one of now."""
        old, new = leave(machine.store), leave(machine.store)
        now_s = time.time()
        os.utime(old, (now_s - 3 * DAY_S, now_s - 3 * DAY_S))
        os.utime(new, (now_s, now_s))
        return old, new

    @pytest.mark.parametrize(
        ("name", "value", "is_old_kept", "is_new_kept"),
        [
            (settings.KEEP_DAYS, "", True, True),
            (settings.KEEP_DAYS, "2", False, True),
            (settings.KEEP_DAYS, "3.5", True, True),
            (settings.KEEP_DAYS, "0", False, False),
            (settings.MAX_SIZE, "1.5 MiB", False, True),
            (settings.MAX_SIZE, "2MiB", True, True),
            (settings.MAX_SIZE, "2MB", False, True),
            (settings.MAX_SIZE, "0", False, False),
        ],
    )
    def test_both_limits_can_be_set(
        self,
        name: str,
        value: str,
        is_old_kept: bool,
        is_new_kept: bool,
        machine: Machine,
        http_server: FaultServer,
        tmp_path: Path,
        complaints: list[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        old, new = self.leave_partials(machine)
        monkeypatch.setenv(name, value)

        self.install_something(machine, http_server, tmp_path)

        assert (old.exists(), new.exists()) == (is_old_kept, is_new_kept)
        assert complaints == []

    @pytest.mark.parametrize(
        ("name", "value"),
        [(settings.KEEP_DAYS, "two weeks"), (settings.KEEP_DAYS, "-1"), (settings.MAX_SIZE, "10 potatoes")],
    )
    def test_nonsense_costs_one_warning_and_the_default_holds(
        self,
        name: str,
        value: str,
        machine: Machine,
        http_server: FaultServer,
        tmp_path: Path,
        complaints: list[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        old, new = self.leave_partials(machine)
        monkeypatch.setenv(name, value)

        self.install_something(machine, http_server, tmp_path)
        self.install_something(machine, http_server, tmp_path)

        assert (old.exists(), new.exists()) == (True, True)
        assert len(complaints) == 1
        assert name in complaints[0]
        assert value in complaints[0]
