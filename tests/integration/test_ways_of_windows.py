"""Whole downloads in the way that Windows needs: no descriptors of directories, no hard links, files that are in use.

The files are those of this system. `tests/windows` has what only a Windows shows: sharing, locks, the length of paths.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from integration.machine import Machine, artifact_of
from integration.samples import (
    CONTENT,
    CUT,
    FILE,
    HELD,
    NEXT_RUN_RANGE,
    OTHER_CONTENT,
    PATH,
    REST_RANGE,
    WITHOUT_RANGES,
    link_with_hash,
    link_with_partial,
)
from servers.fault_server import FaultServer

from pip_resume.protocol.checkpoint import Checkpoint
from pip_resume.storage import directory, housekeeping, part_file, partial, sharing, stored_partial

SHARING_VIOLATION = 32


@pytest.fixture(autouse=True)
def as_on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directory, "_USES_DESCRIPTORS", False)
    monkeypatch.setattr(stored_partial, "IS_WINDOWS", True)
    for module in (part_file, partial, stored_partial):
        monkeypatch.setattr(module, "CAN_LINK", False)
    monkeypatch.setattr(sharing, "_waited_s", [0.0])


@pytest.fixture
def hold(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, int], None]:
    """Return a function: other programs have files of this suffix open, so that so many calls cannot replace them."""
    replace_file = os.replace

    def hold(suffix: str, times: int) -> None:
        left = [times]

        def replace_unless_held(source: Any, target: Any) -> None:
            if Path(target).suffix == suffix and left[0] > 0:
                left[0] -= 1
                error: Any = PermissionError(13, "used by a different process", str(target))
                error.winerror = SHARING_VIOLATION
                raise error
            replace_file(source, target)

        monkeypatch.setattr(os, "replace", replace_unless_held)

    return hold


def test_a_broken_download_continues_and_pips_cache_gets_the_stored_file(
    machine: Machine, http_server: FaultServer
) -> None:
    http_server.plays(PATH, CUT, FILE)
    link = link_with_hash(http_server)

    outcome = machine.download(link)

    assert outcome.content == machine.cached_body(link.url_without_fragment) == CONTENT
    assert http_server.asked_ranges(PATH) == [None, REST_RANGE]
    assert outcome.path.stat().st_nlink == 1
    assert outcome.display.store_errors == []
    assert machine.files_in_store() == []


def test_the_next_run_continues(machine: Machine, http_server: FaultServer) -> None:
    link = link_with_partial(machine, http_server, FILE)

    assert machine.download(link).content == CONTENT
    assert http_server.asked_ranges(PATH) == [None, NEXT_RUN_RANGE]
    assert machine.files_in_store() == []


def test_a_file_that_pips_cache_does_not_take_stays_and_the_next_run_needs_no_request(
    machine: Machine, http_server: FaultServer
) -> None:
    http_server.plays(PATH, replace(FILE, fields={"Cache-Control": "no-store"}))
    link = link_with_hash(http_server)
    machine.download(link)

    assert machine.stored(link) == CONTENT
    assert machine.download(link).content == CONTENT
    assert http_server.asked_ranges(PATH) == [None]


def test_a_different_file_takes_the_place_of_what_is_held(machine: Machine, http_server: FaultServer) -> None:
    http_server.plays(PATH, replace(CUT, content=OTHER_CONTENT), WITHOUT_RANGES)
    link = link_with_hash(http_server)
    machine.download_partly(link)

    outcome = machine.download(link)

    assert outcome.content == machine.cached_body(link.url_without_fragment) == CONTENT
    assert outcome.display.store_errors == []
    assert machine.files_in_store() == []


def test_a_symlink_in_place_of_the_store_is_not_followed(
    machine: Machine, http_server: FaultServer, tmp_path: Path
) -> None:
    http_server.plays(PATH, CUT, FILE)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    machine.cache_directory.mkdir(parents=True)
    machine.store.path.symlink_to(elsewhere, target_is_directory=True)

    outcome = machine.download(link_with_hash(http_server))

    assert outcome.content == CONTENT
    assert list(elsewhere.iterdir()) == []
    assert ["is not a directory" in str(error) for error in outcome.display.store_errors] == [True]


def test_a_symlink_in_place_of_a_part_file_is_not_followed(
    machine: Machine, http_server: FaultServer, tmp_path: Path
) -> None:
    http_server.plays(PATH, CUT, FILE)
    link = link_with_hash(http_server)
    target = tmp_path / "elsewhere"
    target.write_bytes(b"untouched")
    machine.store.path.mkdir(parents=True)
    machine.part_path(link).symlink_to(target)

    assert machine.download(link).content == CONTENT
    assert target.read_bytes() == b"untouched"


def test_old_partials_and_what_killed_processes_left_are_pruned(machine: Machine, http_server: FaultServer) -> None:
    link = link_with_partial(machine, http_server, FILE)
    (machine.store.path / f"{'0' * 64}.1-2-01234567.new").touch()
    now_s = machine.part_path(link).stat().st_mtime + 2 * housekeeping.DAY_S

    assert housekeeping.prune(machine.store.path, 1, 10**9, now_s) == HELD
    assert machine.files_in_store() == []


def test_the_store_can_be_tried(machine: Machine) -> None:
    machine.store.path.mkdir(parents=True)

    housekeeping.try_writing(machine.store.path)

    assert machine.files_in_store() == []


def test_a_file_in_use_for_a_moment_is_replaced_a_moment_later(
    machine: Machine, http_server: FaultServer, hold: Callable[[str, int], None]
) -> None:
    hold(".json", 3)

    link = link_with_partial(machine, http_server, FILE)

    assert machine.checkpoint(link).complete_length == len(CONTENT)
    assert machine.download(link).content == CONTENT


def test_a_record_in_use_is_written_with_a_later_block(
    machine: Machine, http_server: FaultServer, hold: Callable[[str, int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sharing, "WAIT_S", 0.0)
    hold(".json", 2)
    with closing(machine.store.claim(artifact_of(link_with_hash(http_server)))) as held:
        held.note(Checkpoint(filename="of this file"))
        held.append(CONTENT[:100])
        assert not machine.record_path(link_with_hash(http_server)).exists()

        held.append(CONTENT[100:200])

        assert machine.checkpoint(link_with_hash(http_server)).filename == "of this file"


def test_a_part_file_that_stays_in_use_leaves_the_new_bytes_to_this_run(
    machine: Machine, http_server: FaultServer, hold: Callable[[str, int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sharing, "WAIT_S", 0.0)
    http_server.plays(PATH, replace(CUT, content=OTHER_CONTENT), WITHOUT_RANGES)
    link = link_with_hash(http_server)
    machine.download_partly(link)
    hold(".part", 10**6)
    hold(".new", 10**6)

    outcome = machine.download(link)

    assert outcome.content == CONTENT
    assert outcome.display.store_errors == []
