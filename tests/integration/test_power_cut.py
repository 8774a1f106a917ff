"""After a power cut or another reboot only the bytes that were synced are used: the others may not be on the medium."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from integration.machine import Machine, artifact_of, hashed_link
from integration.samples import (
    CONTENT,
    FILE,
    HELD,
    NEXT_RUN_RANGE,
    PATH,
    cut,
    link_with_hash,
    link_with_partial,
)
from pip._internal.models.link import Link
from servers.fault_server import FaultServer
from servers.index_pages import noise

from pip_resume.protocol.planning import OVERLAP_BYTES
from pip_resume.storage.store import UNSYNCED_BYTES, Store, current_boot_id

OTHER_BOOT_ID = "the boot after the power cut"
Damage = Callable[[Path, int], None]
"""Changes the last bytes of a file; gets their number."""


def download_after_reboot(machine: Machine, link: Link, boot_id: str = OTHER_BOOT_ID) -> bytes:
    return machine.download(link, store=Store(machine.cache_directory, boot_id)).content


def forget_sync(machine: Machine, link: Link) -> None:
    """Change the record of a partial as if the process had been killed before a sync."""
    path = machine.record_path(link)
    path.write_text(json.dumps({**json.loads(path.read_text()), "synced": 0}))


def zero_the_end(path: Path, size: int) -> None:
    """Do what a file system shows if its journal had the length and not yet the bytes (ext4, xfs)."""
    stored = path.read_bytes()
    path.write_bytes(stored[:-size] + bytes(size))


def shorten(path: Path, size: int) -> None:
    """Do what a file system shows if it had not yet written the last length."""
    os.truncate(path, path.stat().st_size - size)


DAMAGES = [
    pytest.param(zero_the_end, id="zeros in place of the last bytes"),
    pytest.param(shorten, id="an earlier length"),
    pytest.param(lambda _path, _size: None, id="no damage"),
]


def test_the_boot_id_is_that_of_linux() -> None:
    assert current_boot_id() == Path("/proc/sys/kernel/random/boot_id").read_text().strip()


class TestWithHash:
    @pytest.mark.parametrize("damage", DAMAGES)
    def test_unsynced_bytes_are_downloaded_again(
        self, damage: Damage, machine: Machine, http_server: FaultServer
    ) -> None:
        link = link_with_partial(machine, http_server, FILE)
        forget_sync(machine, link)
        damage(machine.part_path(link), 300_000)

        assert download_after_reboot(machine, link) == CONTENT

        assert http_server.asked_ranges(PATH) == [None, None]
        assert machine.files_in_store() == []

    def test_unsynced_bytes_before_the_last_64_mib_are_used(self, machine: Machine, http_server: FaultServer) -> None:
        content = noise(UNSYNCED_BYTES + 2_000_000, seed=5)
        file = replace(FILE, content=content)
        http_server.plays(PATH, cut(file, len(content) - 10_000))
        link = hashed_link(http_server.url(PATH), content)
        machine.download_partly(link)
        forget_sync(machine, link)
        zero_the_end(machine.part_path(link), UNSYNCED_BYTES)
        http_server.plays(PATH, file)
        http_server.forget()

        assert download_after_reboot(machine, link) == content

        used = len(content) - 10_000 - UNSYNCED_BYTES
        assert http_server.asked_ranges(PATH) == [f"bytes={used - OVERLAP_BYTES}-"]

    def test_bytes_synced_at_the_end_of_a_run_are_used(self, machine: Machine, http_server: FaultServer) -> None:
        link = link_with_partial(machine, http_server, FILE)
        assert machine.checkpoint(link).synced == HELD

        assert download_after_reboot(machine, link) == CONTENT

        assert http_server.asked_ranges(PATH) == [None, NEXT_RUN_RANGE]

    def test_bytes_stored_after_a_reboot_are_used_until_the_next_reboot(
        self, machine: Machine, http_server: FaultServer
    ) -> None:
        http_server.plays(PATH, cut(FILE, 400_000), FILE)
        link = link_with_hash(http_server)
        machine.download_partly(link)
        partial = Store(machine.cache_directory, OTHER_BOOT_ID).claim(artifact_of(link))
        partial.append(CONTENT[400_000:HELD])
        partial.close()

        assert download_after_reboot(machine, link) == CONTENT

        assert http_server.asked_ranges(PATH) == [None, NEXT_RUN_RANGE]

    def test_wrong_bytes_that_were_recorded_as_synced_cost_one_fresh_download(
        self, machine: Machine, http_server: FaultServer
    ) -> None:
        """The disk reported a sync, but had not written the bytes."""
        link = link_with_partial(machine, http_server, FILE)
        zero_the_end(machine.part_path(link), 300_000)

        assert download_after_reboot(machine, link) == CONTENT

        assert http_server.asked_ranges(PATH) == [None, NEXT_RUN_RANGE, None]


class TestWithoutHash:
    @pytest.mark.parametrize("damage", DAMAGES)
    def test_unsynced_bytes_are_downloaded_again(
        self, damage: Damage, machine: Machine, https_server: FaultServer
    ) -> None:
        link = link_with_partial(machine, https_server, FILE, has_hash=False)
        forget_sync(machine, link)
        damage(machine.part_path(link), 300_000)

        assert download_after_reboot(machine, link) == CONTENT

        assert https_server.asked_ranges(PATH) == [None, None]

    def test_bytes_synced_at_the_end_of_a_run_are_used(self, machine: Machine, https_server: FaultServer) -> None:
        link = link_with_partial(machine, https_server, FILE, has_hash=False)

        assert download_after_reboot(machine, link) == CONTENT

        assert https_server.asked_ranges(PATH) == [None, NEXT_RUN_RANGE]
        assert https_server.requests(PATH)[1].request.fields["if-range"] == '"v1"'

    def test_on_a_system_without_boot_ids_unsynced_bytes_are_downloaded_again(
        self, machine: Machine, https_server: FaultServer
    ) -> None:
        link = link_with_partial(machine, https_server, FILE, has_hash=False)
        forget_sync(machine, link)

        assert download_after_reboot(machine, link, boot_id="") == CONTENT

        assert https_server.asked_ranges(PATH) == [None, None]
