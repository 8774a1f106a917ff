"""The limits of age and size that the environment of a run of pip can set."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from integration.machine import DOWNLOAD_MODULE, Machine
from integration.old_partials import leave_partial
from integration.samples import FILE, PATH, link_with_hash
from servers.fault_server import FaultServer

from pip_resume import settings
from pip_resume.inside_pip import download_step
from pip_resume.inside_pip.run import RUN
from pip_resume.storage.housekeeping import DAY_S

Download = Callable[[str, str], list[str]]


@pytest.fixture
def partials(machine: Machine) -> tuple[Path, Path]:
    """Store a partial of 3 days ago and one of now."""
    old, new = leave_partial(machine.store), leave_partial(machine.store)
    now_s = time.time()
    os.utime(old, (now_s - 3 * DAY_S, now_s - 3 * DAY_S))
    os.utime(new, (now_s, now_s))
    return old, new


@pytest.fixture
def download(
    machine: Machine,
    partials: tuple[Path, Path],
    http_server: FaultServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> Iterator[Download]:
    """Call it with a setting: two files are downloaded in one run of pip, which ends. It returns the warnings."""
    for name in settings.OUR_NAMES:
        monkeypatch.delenv(name, raising=False)
    http_server.plays(PATH, FILE)

    def download_twice(name: str, value: str) -> list[str]:
        monkeypatch.setenv(name, value)
        for location in (tmp_path / "first", tmp_path / "second"):
            location.mkdir()
            with closing(machine.session()) as session:
                DOWNLOAD_MODULE.Downloader(session, "off")(link_with_hash(http_server), str(location))
            assert all(path.exists() for path in partials), "pruning waits for the end of the run"
        RUN.end()
        return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]

    download_step.apply(DOWNLOAD_MODULE)
    yield download_twice
    download_step.undo(DOWNLOAD_MODULE)


@pytest.mark.parametrize(
    ("name", "value", "is_old_left", "is_new_left"),
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
def test_a_setting_limits_the_age_or_the_size(
    name: str, value: str, is_old_left: bool, is_new_left: bool, partials: tuple[Path, Path], download: Download
) -> None:
    old, new = partials

    warnings = download(name, value)

    assert (old.exists(), new.exists()) == (is_old_left, is_new_left)
    assert warnings == []


@pytest.mark.parametrize(
    ("name", "value"),
    [(settings.KEEP_DAYS, "two weeks"), (settings.KEEP_DAYS, "-1"), (settings.MAX_SIZE, "10 potatoes")],
)
def test_an_invalid_value_costs_one_warning_and_the_default_applies(
    name: str, value: str, partials: tuple[Path, Path], download: Download
) -> None:
    old, new = partials

    (warning,) = download(name, value)

    assert (old.exists(), new.exists()) == (True, True)
    assert name in warning
    assert value in warning
