"""Partials of other versions, and what a download leaves in the store."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from integration.fakes import RecordingDisplay
from integration.machine import Machine
from integration.samples import (
    CONTENT,
    CUT,
    FILE,
    HELD,
    NEXT_RUN_RANGE,
    PATH,
    SIZE,
    cut,
    link_with_hash,
    link_with_partial,
    link_without_hash,
)
from pip._internal.models.link import Link
from servers.fault_server import Answer, FaultServer

from pip_resume.errors import PipError
from pip_resume.protocol.checkpoint import FORMAT
from pip_resume.protocol.planning import STORED_FROM_BYTES
from pip_resume.storage.housekeeping import DAY_S, prune


class TestFormats:
    def change_format(self, machine: Machine, link: Link, version: object) -> bytes:
        """Change the version of a record, and add an unknown key; return the new record."""
        path = machine.record_path(link)
        record = json.dumps({**json.loads(path.read_text()), "format": version, "more": 1}).encode()
        path.write_bytes(record)
        return record

    def test_a_partial_of_a_newer_version_is_neither_used_nor_changed(
        self, machine: Machine, http_server: FaultServer
    ) -> None:
        link = link_with_partial(machine, http_server, FILE)
        record = self.change_format(machine, link, FORMAT + 1)

        outcome = machine.download(link)
        prune(machine.store.path, 14, 0, time.time() + 400 * DAY_S)

        assert outcome.content == CONTENT
        assert http_server.asked_ranges(PATH) == [None, None]
        assert machine.stored(link) == CONTENT[:HELD]
        assert machine.record_path(link).read_bytes() == record
        assert len(outcome.display.store_errors) == 1
        assert "newer" in str(outcome.display.store_errors[0])

    def test_a_record_of_a_newer_version_without_bytes_is_not_removed(self, machine: Machine) -> None:
        machine.store.path.mkdir(parents=True)
        record = machine.store.path / f"{'0' * 64}.json"
        record.write_text(json.dumps({"format": FORMAT + 1, "bytes": "elsewhere"}))

        prune(machine.store.path, 14, 0, time.time() + 400 * DAY_S)

        assert machine.files_in_store() == [record.name]

    @pytest.mark.parametrize("version", [0, -1, "1", 1.0, None, True])
    def test_a_partial_with_an_invalid_version_is_not_used_and_is_replaced(
        self, version: object, machine: Machine, http_server: FaultServer
    ) -> None:
        link = link_with_partial(machine, http_server, FILE)
        self.change_format(machine, link, version)

        outcome = machine.download(link)

        assert outcome.content == CONTENT
        assert outcome.display.store_errors == []
        assert http_server.asked_ranges(PATH) == [None, None]
        assert machine.files_in_store() == []

    def test_a_partial_with_an_invalid_version_is_pruned(self, machine: Machine, http_server: FaultServer) -> None:
        link = link_with_partial(machine, http_server)
        self.change_format(machine, link, 0)

        prune(machine.store.path, 14, SIZE * 10, time.time() + DAY_S)

        assert machine.files_in_store() == []


class TestFilesLeft:
    def test_temporary_files_of_a_killed_process_with_the_same_pid_do_no_harm(
        self, machine: Machine, http_server: FaultServer
    ) -> None:
        """In containers every pip may have the same process id."""
        link = link_with_partial(machine, http_server, FILE)
        stem = machine.part_path(link).with_suffix("")
        for number in range(1000):
            for ending in ("tmp", "new"):
                Path(f"{stem}.{os.getpid()}-{number}.{ending}").touch()

        outcome = machine.download(link)

        assert outcome.display.store_errors == []
        assert http_server.asked_ranges(PATH)[1] == NEXT_RUN_RANGE

    @pytest.mark.parametrize("removes_directory", [False, True], ids=["its files", "its files and the directory"])
    def test_purging_the_cache_during_a_download_costs_only_the_partial(
        self, removes_directory: bool, machine: Machine, http_server: FaultServer
    ) -> None:
        """``pip cache purge`` in another terminal. Newer pips remove empty directories, too."""
        http_server.plays(PATH, cut(FILE, 800_000), FILE)
        purged = []

        class PurgingDisplay(RecordingDisplay):
            def attempt_failed(self, *arguments: Any) -> None:
                super().attempt_failed(*arguments)
                for path in machine.store.path.glob("*"):
                    path.unlink()
                    purged.append(path.suffix)
                if removes_directory:
                    machine.store.path.rmdir()

        outcome = machine.download(link_with_hash(http_server), display=PurgingDisplay())

        assert outcome.content == CONTENT
        assert sorted(purged) == [".json", ".part"]
        assert outcome.display.store_errors == []
        assert http_server.fetched_twice(PATH) == 0
        assert machine.files_in_store() == []


class TestNothingIsKept:
    """Without a hash nothing that comes over http is stored."""

    def test_ctrl_c_says_how_much_is_lost(self, machine: Machine, http_server: FaultServer) -> None:
        http_server.plays(PATH, FILE)
        display = RecordingDisplay(interrupt_after=STORED_FROM_BYTES + 1)

        with pytest.raises(KeyboardInterrupt):
            machine.download(link_without_hash(http_server), display=display)

        (offset,) = display.lost_offsets
        assert STORED_FROM_BYTES < offset < SIZE
        assert display.interrupted_offsets == []

    def test_ctrl_c_says_nothing_of_a_file_that_is_too_small_to_be_kept(
        self, machine: Machine, http_server: FaultServer
    ) -> None:
        http_server.plays(PATH, FILE)
        display = RecordingDisplay(interrupt_after=STORED_FROM_BYTES // 4)

        with pytest.raises(KeyboardInterrupt):
            machine.download(link_without_hash(http_server), display=display)

        assert (display.lost_offsets, display.interrupted_offsets) == ([], [])

    def test_an_error_of_the_server_is_all_that_is_said(self, machine: Machine, http_server: FaultServer) -> None:
        http_server.plays(PATH, CUT, Answer(404))
        display = RecordingDisplay()

        with pytest.raises(PipError, match="404"):
            machine.download(link_without_hash(http_server), display=display)

        assert (display.lost_offsets, display.interrupted_offsets) == ([], [])
