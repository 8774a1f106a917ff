"""After a power cut, another reboot, or on a different machine only the bytes that were synced are used."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from environments.checkout import ROOT
from environments.variables import scrubbed_variables
from integration.fakes import FakeClock, RecordingDisplay
from integration.interrupted_downloads import ThrottledTransport
from integration.machine import Machine, artifact_of
from integration.samples import (
    CONTENT,
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
from integration.system_calls import CountedCalls
from pip._internal.models.link import Link
from servers.fault_server import FaultServer

from pip_resume.engine import sync_schedule
from pip_resume.engine.sync_schedule import SYNC_S
from pip_resume.protocol.checkpoint import parse_checkpoint
from pip_resume.protocol.planning import OVERLAP_BYTES
from pip_resume.storage.store import Store, current_boot_id
from pip_resume.storage.stored_partial import SYNC_THREAD

OTHER_BOOT_ID = "the boot after the power cut"
SYNCED = 700_000
Damage = Callable[[Path, int], None]
"""Changes the last bytes of a file; gets their number."""


def download_after_reboot(machine: Machine, link: Link, boot_id: str = OTHER_BOOT_ID) -> bytes:
    return machine.download(link, boot_id=boot_id).content


def link_with_bytes_of_two_boots(machine: Machine, http_server: FaultServer) -> Link:
    """Store 400,000 bytes, and up to HELD after a reboot, as a process that was killed then leaves them."""
    http_server.plays(PATH, cut(FILE, 400_000), FILE)
    link = link_with_hash(http_server)
    machine.download_partly(link)
    with closing(Store(machine.cache_directory, OTHER_BOOT_ID)) as store:
        partial_after_reboot = store.claim(artifact_of(link))
        partial_after_reboot.append(CONTENT[400_000:HELD])
        partial_after_reboot.close()
    return link


def set_synced(machine: Machine, link: Link, size: int) -> None:
    """Change the record of a partial as if the process had been killed after it had synced this many bytes."""
    path = machine.record_path(link)
    path.write_text(json.dumps({**json.loads(path.read_text()), "synced": size}))


def range_from(offset: int) -> str:
    """Return the Range field of a run that finds so many bytes."""
    return f"bytes={offset - OVERLAP_BYTES}-"


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


@pytest.fixture(params=[True, False], ids=["with a hash", "without a hash"])
def has_hash(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.mark.parametrize("damage", DAMAGES)
class TestDamage:
    def test_bytes_that_were_never_synced_are_downloaded_again(
        self, damage: Damage, has_hash: bool, machine: Machine, https_server: FaultServer
    ) -> None:
        link = link_with_partial(machine, https_server, FILE, has_hash=has_hash)
        set_synced(machine, link, 0)
        damage(machine.part_path(link), 300_000)

        assert download_after_reboot(machine, link) == CONTENT

        assert https_server.asked_ranges(PATH) == [None, None]
        assert machine.files_in_store() == []

    def test_bytes_that_were_synced_are_used(
        self, damage: Damage, has_hash: bool, machine: Machine, https_server: FaultServer
    ) -> None:
        """Field report 4.2."""
        link = link_with_partial(machine, https_server, FILE, has_hash=has_hash)
        set_synced(machine, link, SYNCED)
        damage(machine.part_path(link), 300_000)

        assert download_after_reboot(machine, link) == CONTENT

        assert https_server.asked_ranges(PATH) == [None, range_from(SYNCED)]
        assert machine.files_in_store() == []

    def test_a_file_that_has_lost_synced_bytes_is_continued_from_its_end(
        self, damage: Damage, has_hash: bool, machine: Machine, https_server: FaultServer
    ) -> None:
        """The disk reported a sync, but had not written the bytes. The overlap or the hash shows wrong ones."""
        link = link_with_partial(machine, https_server, FILE, has_hash=has_hash)
        damage(machine.part_path(link), 300_000)

        assert download_after_reboot(machine, link) == CONTENT

        size = HELD - 300_000 if damage is shorten else HELD
        assert https_server.asked_ranges(PATH)[1] == range_from(size)
        assert len(https_server.requests(PATH)) == (3 if damage is zero_the_end else 2)


class TestRecord:
    def test_bytes_synced_at_the_end_of_a_run_are_used(
        self, has_hash: bool, machine: Machine, https_server: FaultServer
    ) -> None:
        link = link_with_partial(machine, https_server, FILE, has_hash=has_hash)
        assert machine.checkpoint(link).synced == HELD

        assert download_after_reboot(machine, link) == CONTENT

        assert https_server.asked_ranges(PATH) == [None, NEXT_RUN_RANGE]
        assert https_server.requests(PATH)[1].request.fields.get("if-range") == (None if has_hash else '"v1"')

    def test_bytes_stored_after_a_reboot_are_used_until_the_next_reboot(
        self, machine: Machine, http_server: FaultServer
    ) -> None:
        link = link_with_bytes_of_two_boots(machine, http_server)
        assert machine.checkpoint(link).synced == 400_000

        assert download_after_reboot(machine, link) == CONTENT

        assert http_server.asked_ranges(PATH) == [None, NEXT_RUN_RANGE]

    def test_bytes_stored_after_a_reboot_and_not_synced_are_not_used_after_the_next_reboot(
        self, machine: Machine, http_server: FaultServer
    ) -> None:
        link = link_with_bytes_of_two_boots(machine, http_server)

        assert download_after_reboot(machine, link, "a third boot") == CONTENT

        assert http_server.asked_ranges(PATH) == [None, range_from(400_000)]

    @pytest.mark.parametrize("name", ["sha256", "md5"])
    def test_on_a_system_without_boot_ids_all_bytes_are_used_if_a_hash_decides(
        self, name: str, machine: Machine, https_server: FaultServer
    ) -> None:
        https_server.plays(PATH, cut(FILE), FILE)
        link = link_with_hash(https_server, name=name)
        machine.download_partly(link)
        set_synced(machine, link, 0)

        assert download_after_reboot(machine, link, boot_id="") == CONTENT

        assert https_server.asked_ranges(PATH) == [None, NEXT_RUN_RANGE]

    def test_on_a_system_without_boot_ids_only_synced_bytes_are_used_if_no_hash_decides(
        self, machine: Machine, https_server: FaultServer
    ) -> None:
        link = link_with_partial(machine, https_server, FILE, has_hash=False)
        set_synced(machine, link, SYNCED)

        assert download_after_reboot(machine, link, boot_id="") == CONTENT

        assert https_server.asked_ranges(PATH) == [None, range_from(SYNCED)]


RATE = 15_000
"""Bytes per second by a fake clock: the file takes 100 s."""
WRITTEN_IN_S = 5.0
"""A sync in the background, and its record, take no longer than this in real time."""


SYNCS_FOR_MINUTES = """
import sys, time
from pathlib import Path
from integration.machine import artifact_of
from integration.old_partials import numbered_link
from pip_resume.protocol.checkpoint import Checkpoint
from pip_resume.storage import stored_partial
from pip_resume.storage.store import Store

stored_partial.sync = lambda descriptor: time.sleep(600)
partial = Store(Path(sys.argv[1]), "").claim(artifact_of(numbered_link(1)))
partial.note(Checkpoint(filename="a.whl", complete_length=10))
partial.append(b"bytes")
assert partial.sync_in_background()
"""


class WatchingClock(FakeClock):
    """A clock that calls `at[second]` once this second has passed."""

    def __init__(self, at: dict[float, Callable[[], object]]) -> None:
        super().__init__()
        self._at = dict(at)

    def advance(self, duration_s: float) -> None:
        super().advance(duration_s)
        for second_s in [second_s for second_s in self._at if second_s <= self.elapsed_s()]:
            self._at.pop(second_s)()


def wait_until_no_sync_runs() -> None:
    """Wait for the end of a thread that has written its record: by the fake clock the next sync is due at once."""
    for thread in threading.enumerate():
        if thread.name == SYNC_THREAD:
            thread.join(WRITTEN_IN_S)


class TestSyncByTime:
    def download(self, machine: Machine, link: Link, clock: FakeClock) -> None:
        finished = machine.run(
            link, RecordingDisplay(), clock, transport_class=partial(ThrottledTransport, clock, (float(RATE),))
        )
        assert finished.path.read_bytes() == CONTENT

    def wait_until_synced(self, machine: Machine, link: Link, least: int) -> int:
        """Wait in real time until the record says that so many bytes are synced; return their number."""
        deadline_s = time.monotonic() + WRITTEN_IN_S
        while time.monotonic() < deadline_s:
            checkpoint = parse_checkpoint(machine.record_path(link).read_bytes())
            if checkpoint is not None and checkpoint.synced >= least:
                wait_until_no_sync_runs()
                return checkpoint.synced
            time.sleep(0.01)
        raise AssertionError(f"{least} bytes are not synced")

    def test_bytes_are_synced_every_thirty_seconds_while_they_arrive(
        self, has_hash: bool, machine: Machine, https_server: FaultServer
    ) -> None:
        """Field report 4.2."""
        https_server.plays(PATH, FILE)
        link = link_with_hash(https_server) if has_hash else link_without_hash(https_server)
        synced: list[int] = []

        def note(least: int) -> None:
            synced.append(self.wait_until_synced(machine, link, least))

        clock = WatchingClock(
            {
                SYNC_S - 2: lambda: note(0),
                **{n * SYNC_S + 5: partial(note, int((n * SYNC_S - 2) * RATE)) for n in (1, 2, 3)},
            }
        )
        calls = CountedCalls(str(machine.cache_directory), lambda _name, _number: None, ("fsync",))
        with pytest.MonkeyPatch.context() as patch:
            calls.install(patch.setattr)
            self.download(machine, link, clock)

        assert synced == [0, *(pytest.approx(n * SYNC_S * RATE, abs=3 * RATE) for n in (1, 2, 3))]
        assert len(calls.made) >= 3

    def test_many_bytes_are_synced_before_thirty_seconds_have_passed(
        self, has_hash: bool, machine: Machine, https_server: FaultServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """pip waits for the sync of a complete file: most of it is done by then."""
        https_server.plays(PATH, FILE)
        link = link_with_hash(https_server) if has_hash else link_without_hash(https_server)
        monkeypatch.setattr(sync_schedule, "SYNC_BYTES", 100_000)
        synced: list[int] = []
        clock = WatchingClock({SYNC_S - 5: lambda: synced.append(self.wait_until_synced(machine, link, 100_000))})

        self.download(machine, link, clock)

        assert synced
        assert synced[0] <= (SYNC_S - 5 + 3) * RATE

    def test_a_sync_that_lasts_until_the_next_one_is_due_delays_that_one_only_until_its_end(
        self, machine: Machine, https_server: FaultServer
    ) -> None:
        https_server.plays(PATH, FILE)
        link = link_with_hash(https_server)
        may_end = threading.Event()
        synced: list[int] = []

        def end_the_first_sync() -> None:
            may_end.set()
            wait_until_no_sync_runs()

        def wait_in_sync(_name: str, _number: int) -> None:
            may_end.wait(WRITTEN_IN_S)

        def note() -> None:
            synced.append(self.wait_until_synced(machine, link, int((2 * SYNC_S + 9) * RATE)))

        # The second sync is due at 60 s. The first one ends at 70 s.
        clock = WatchingClock({2 * SYNC_S + 10: end_the_first_sync, 2 * SYNC_S + 15: note})
        calls = CountedCalls(str(machine.cache_directory), wait_in_sync, ("fsync",))
        with pytest.MonkeyPatch.context() as patch:
            calls.install(patch.setattr)
            self.download(machine, link, clock)

        assert synced == [pytest.approx((2 * SYNC_S + 10) * RATE, abs=3 * RATE)]

    def test_the_end_of_a_run_does_not_wait_for_a_sync(self, tmp_path: Path) -> None:
        """pip would seem to hang on a disk that is busy."""
        paths = [str(path) for path in (ROOT, ROOT / "tests")]
        environment = {**scrubbed_variables(), "PYTHONPATH": os.pathsep.join(paths)}

        subprocess.run([sys.executable, "-c", SYNCS_FOR_MINUTES, tmp_path], env=environment, check=True, timeout=30.0)

    def test_a_cache_that_is_copied_during_a_download_counts_on_a_different_machine_as_far_as_it_was_synced(
        self, has_hash: bool, tmp_path: Path, machine: Machine, https_server: FaultServer
    ) -> None:
        """Field report 4.2: a CI job saves its cache, and is killed."""
        https_server.plays(PATH, FILE)
        link = link_with_hash(https_server) if has_hash else link_without_hash(https_server)
        other = Machine(tmp_path / "other", machine.ca_file)

        def copy() -> None:
            self.wait_until_synced(machine, link, int((2 * SYNC_S - 2) * RATE))
            shutil.copytree(machine.cache_directory, other.cache_directory)

        # The first sync ends before the second one is due. By the fake clock they are milliseconds apart.
        wait = partial(self.wait_until_synced, machine, link, int((SYNC_S - 2) * RATE))
        self.download(machine, link, WatchingClock({SYNC_S + 5: wait, 2 * SYNC_S + 20: copy}))
        assert len(other.stored(link) or b"") >= (2 * SYNC_S + 15) * RATE
        https_server.forget()

        assert other.download(link, boot_id="the boot of the other machine").content == CONTENT

        (request,) = https_server.requests(PATH)
        assert request.first_pos == pytest.approx(2 * SYNC_S * RATE - OVERLAP_BYTES, abs=3 * RATE)
        assert https_server.sent(PATH) == SIZE - request.first_pos
