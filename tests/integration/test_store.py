"""What the store makes of what it finds of other versions, and what it leaves."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
from integration.machine import FakeClock, Machine, hashed
from integration.processes import Listening, fetch
from integration.samples import CONTENT, CUT, FILE, HELD, PATH, SIZE
from pip._internal.models.link import Link
from servers.fault_server import FaultServer

from pip_resume.protocol.checkpoint import FORMAT
from pip_resume.protocol.verdicts import OVERLAP_BYTES
from pip_resume.storage.housekeeping import DAY_S, prune


class TestFormats:
    def change_format(self, machine: Machine, link: Link, version: object) -> bytes:
        path = machine.part(link).with_suffix(".json")
        record = json.dumps({**json.loads(path.read_text()), "format": version, "more": 1}).encode()
        path.write_bytes(record)
        return record

    def test_what_a_newer_version_left_is_neither_used_nor_touched(
        self, machine: Machine, http_server: FaultServer
    ) -> None:
        http_server.plays(PATH, CUT, FILE)
        link = hashed(http_server.url(PATH), CONTENT)
        machine.interrupted(link)
        record = self.change_format(machine, link, FORMAT + 1)

        outcome = machine.download(link)
        prune(machine.store.directory, 14, 0, time.time() + 400 * DAY_S)

        assert outcome.content == CONTENT
        assert http_server.asked_ranges(PATH) == [None, None]
        assert machine.kept(link) == CONTENT[:HELD]
        assert machine.part(link).with_suffix(".json").read_bytes() == record
        assert len(outcome.told.unusable) == 1
        assert "newer" in str(outcome.told.unusable[0])

    def test_a_record_of_a_newer_version_without_bytes_is_not_touched(self, machine: Machine) -> None:
        machine.store.directory.mkdir(parents=True)
        record = machine.store.directory / "0123.json"
        record.write_text('{"format": 3, "bytes": "elsewhere"}')

        prune(machine.store.directory, 14, 0, time.time() + 400 * DAY_S)

        assert machine.left_in_store() == ["0123.json"]

    @pytest.mark.parametrize("version", [0, -1, "1", 1.0, None, True])
    def test_what_an_older_version_left_is_not_used_and_makes_way(
        self, version: object, machine: Machine, http_server: FaultServer
    ) -> None:
        http_server.plays(PATH, CUT, FILE)
        link = hashed(http_server.url(PATH), CONTENT)
        machine.interrupted(link)
        self.change_format(machine, link, version)

        outcome = machine.download(link)

        assert outcome.content == CONTENT
        assert outcome.told.unusable == []
        assert http_server.asked_ranges(PATH) == [None, None]
        assert machine.left_in_store() == []

    def test_leftovers_of_an_older_version_are_pruned(self, machine: Machine, http_server: FaultServer) -> None:
        http_server.plays(PATH, CUT)
        link = hashed(http_server.url(PATH), CONTENT)
        machine.interrupted(link)
        self.change_format(machine, link, 0)

        prune(machine.store.directory, 14, SIZE * 10, time.time() + DAY_S)

        assert machine.left_in_store() == []


class TestLeftovers:
    def test_a_finished_download_leaves_nothing(self, machine: Machine, http_server: FaultServer) -> None:
        http_server.plays(PATH, CUT, FILE)

        machine.download(hashed(http_server.url(PATH), CONTENT))

        assert machine.left_in_store() == []

    def test_a_partial_whose_file_has_come_into_the_cache_by_another_way_is_removed(
        self, machine: Machine, http_server: FaultServer
    ) -> None:
        """By pip without the plugin, or by a run that was killed after the hand-over."""
        http_server.plays(PATH, CUT, FILE)
        link = hashed(http_server.url(PATH), CONTENT)
        machine.interrupted(link)
        machine.fetch_with_plain_pip(http_server.url(PATH))
        http_server.forget()

        assert machine.download(link).content == CONTENT

        assert http_server.requests(PATH) == []
        assert machine.left_in_store() == []

    def test_names_on_the_way_are_never_taken_from_a_killed_process_with_the_same_number(
        self, machine: Machine, http_server: FaultServer
    ) -> None:
        """In containers all pips have the same number: what they leave must not stand in the way of the next."""
        http_server.plays(PATH, CUT, FILE)
        link = hashed(http_server.url(PATH), CONTENT)
        machine.interrupted(link)
        stem = machine.part(link).with_suffix("")
        for number in range(1000):
            for ending in ("tmp", "new", "link"):
                Path(f"{stem}.{os.getpid()}-{number}.{ending}").touch()

        outcome = machine.download(link)

        assert outcome.told.unusable == []
        assert http_server.asked_ranges(PATH)[1] == f"bytes={HELD - OVERLAP_BYTES}-"

    def test_purging_the_cache_in_mid_download_costs_nothing_but_the_partial(
        self, machine: Machine, http_server: FaultServer
    ) -> None:
        """``pip cache purge`` in another terminal."""
        http_server.plays(PATH, replace(CUT, cut_after=800_000), FILE)
        link = hashed(http_server.url(PATH), CONTENT)
        told = Listening()

        class PurgingClock(FakeClock):
            def chance(self) -> float:
                for path in machine.store.directory.glob("*"):
                    path.unlink()
                return 0.5

        content = fetch(machine, link, told, PurgingClock())

        assert content == CONTENT
        assert told.unusable == []
        assert http_server.fetched_twice(PATH) == 0
        assert machine.left_in_store() == []
