"""What is built upon after a power cut, which takes what was not on the medium yet."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from integration.machine import BOOT_ID, FakeClock, Machine, artifact_of, hashed
from integration.processes import Listening, fetch
from integration.samples import CONTENT, CUT, FILE, HELD, PATH
from pip._internal.models.link import Link
from servers.fault_server import FaultServer, Then
from servers.index_pages import noise

from pip_resume.protocol.verdicts import OVERLAP_BYTES
from pip_resume.storage.store import UNSYNCED_BYTES, Store, current_boot_id

OTHER_BOOT = "the boot after the power cut"


@dataclass
class Rebooted:
    """The same machine, started again."""

    machine: Machine
    boot_id: str = OTHER_BOOT

    def download(self, link: Link) -> bytes:
        store = Store(self.machine.cache_directory, self.boot_id)
        return fetch(self.machine, link, Listening(), FakeClock(), store=store)


def forget_that_it_was_synced(machine: Machine, link: Link) -> None:
    """A process that is killed notes nothing."""
    path = machine.part(link).with_suffix(".json")
    path.write_text(json.dumps({**json.loads(path.read_text()), "synced": 0}))


def zero_the_end(path: Path, size: int) -> None:
    """What a file system shows whose journal knew of the length and not yet of the bytes (ext4, xfs)."""
    held = path.read_bytes()
    path.write_bytes(held[:-size] + bytes(size))


def shorten(path: Path, size: int) -> None:
    """What a file system shows that had not written down the last length."""
    os.truncate(path, path.stat().st_size - size)


POWER_CUTS = [
    pytest.param(zero_the_end, id="zeros where bytes were not written yet"),
    pytest.param(shorten, id="a length that was not written yet"),
    pytest.param(lambda _path, _size: None, id="everything there all the same"),
]


class TestPowerCut:
    def test_this_system_names_its_boot(self) -> None:
        assert current_boot_id() == Path("/proc/sys/kernel/random/boot_id").read_text().strip()

    @pytest.mark.parametrize("cut", POWER_CUTS)
    def test_what_nobody_synced_is_not_built_upon(
        self, cut: Callable[[Path, int], None], machine: Machine, http_server: FaultServer
    ) -> None:
        http_server.plays(PATH, CUT, FILE)
        link = hashed(http_server.url(PATH), CONTENT)
        machine.interrupted(link)
        forget_that_it_was_synced(machine, link)
        cut(machine.part(link), 300_000)

        assert Rebooted(machine).download(link) == CONTENT

        assert http_server.asked_ranges(PATH) == [None, None]
        assert machine.left_in_store() == []

    def test_only_the_last_64_mib_are_in_doubt(self, machine: Machine, http_server: FaultServer) -> None:
        content = noise(UNSYNCED_BYTES + 2_000_000, seed=5)
        http_server.plays(PATH, replace(FILE, content=content, cut_after=len(content) - 10_000, then=Then.CLOSE))
        link = hashed(http_server.url(PATH), content)
        machine.interrupted(link)
        forget_that_it_was_synced(machine, link)
        zero_the_end(machine.part(link), UNSYNCED_BYTES)
        http_server.plays(PATH, replace(FILE, content=content))
        http_server.forget()

        assert Rebooted(machine).download(link) == content

        kept = len(content) - 10_000 - UNSYNCED_BYTES
        assert http_server.asked_ranges(PATH) == [f"bytes={kept - OVERLAP_BYTES}-"]

    def test_what_was_synced_at_an_orderly_end_survives(self, machine: Machine, http_server: FaultServer) -> None:
        http_server.plays(PATH, CUT, FILE)
        link = hashed(http_server.url(PATH), CONTENT)
        machine.interrupted(link)
        assert machine.checkpoint(link).synced == HELD

        assert Rebooted(machine).download(link) == CONTENT

        assert http_server.asked_ranges(PATH) == [None, f"bytes={HELD - OVERLAP_BYTES}-"]

    def test_what_comes_after_a_reboot_is_not_in_doubt_as_long_as_there_is_no_other(
        self, machine: Machine, http_server: FaultServer
    ) -> None:
        http_server.plays(PATH, replace(CUT, cut_after=400_000), FILE)
        link = hashed(http_server.url(PATH), CONTENT)
        machine.interrupted(link)
        partial = Store(machine.cache_directory, OTHER_BOOT).claim(artifact_of(link))
        partial.append(CONTENT[400_000:HELD])
        partial.close()

        assert Rebooted(machine).download(link) == CONTENT

        assert http_server.asked_ranges(PATH) == [None, f"bytes={HELD - OVERLAP_BYTES}-"]

    def test_bytes_that_are_wrong_although_they_were_noted_as_synced_cost_one_fresh_download(
        self, machine: Machine, http_server: FaultServer
    ) -> None:
        http_server.plays(PATH, CUT, FILE)
        link = hashed(http_server.url(PATH), CONTENT)
        machine.interrupted(link)
        zero_the_end(machine.part(link), 300_000)  # a disk that lies about what it has written

        assert Rebooted(machine).download(link) == CONTENT

        assert http_server.asked_ranges(PATH) == [None, f"bytes={HELD - OVERLAP_BYTES}-", None]

    @pytest.mark.parametrize("cut", POWER_CUTS)
    def test_without_a_hash_what_nobody_synced_is_dropped(
        self, cut: Callable[[Path, int], None], machine: Machine, https_server: FaultServer
    ) -> None:
        https_server.plays(PATH, CUT, FILE)
        link = Link(https_server.url(PATH))
        machine.interrupted(link)
        forget_that_it_was_synced(machine, link)
        cut(machine.part(link), 300_000)

        assert Rebooted(machine).download(link) == CONTENT

        assert https_server.asked_ranges(PATH) == [None, None]

    def test_without_a_hash_what_was_synced_survives(self, machine: Machine, https_server: FaultServer) -> None:
        https_server.plays(PATH, CUT, FILE)
        link = Link(https_server.url(PATH))
        machine.interrupted(link)

        assert Rebooted(machine).download(link) == CONTENT

        assert https_server.asked_ranges(PATH) == [None, f"bytes={HELD - OVERLAP_BYTES}-"]
        assert https_server.requests(PATH)[1].request.fields["if-range"] == '"v1"'

    def test_without_a_hash_and_without_a_name_for_the_boot_only_what_was_synced_is_used(
        self, machine: Machine, https_server: FaultServer
    ) -> None:
        https_server.plays(PATH, CUT, FILE)
        link = Link(https_server.url(PATH))
        machine.interrupted(link)
        forget_that_it_was_synced(machine, link)

        assert Rebooted(machine, boot_id="").download(link) == CONTENT

        assert https_server.asked_ranges(PATH) == [None, None]

    def test_without_a_hash_a_record_beside_another_file_says_nothing_about_it(
        self, machine: Machine, https_server: FaultServer
    ) -> None:
        """A file that was put back from a backup, or a kill between the replacement of the file and of its record."""
        https_server.plays(PATH, CUT, FILE)
        link = Link(https_server.url(PATH))
        machine.interrupted(link)
        copy = machine.part(link).with_suffix(".copy")
        copy.write_bytes(machine.part(link).read_bytes())
        copy.replace(machine.part(link))

        assert Rebooted(machine, boot_id=BOOT_ID).download(link) == CONTENT

        assert https_server.asked_ranges(PATH) == [None, None]
