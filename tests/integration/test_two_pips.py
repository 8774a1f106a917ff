"""Several pips of one user, one artifact, one cache: one of them downloads."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from integration.machine import FakeClock, Machine, artifact_of, hashed
from integration.processes import Job, Listening, MachineWithoutTrust, Report, Running, fetch
from integration.samples import CONTENT, FILE, HELD, OTHER, PATH, SIZE
from pip._internal.models.link import Link
from servers.certificates import Certificates
from servers.fault_server import FaultServer, Then

from pip_resume.engine.clock import SystemClock
from pip_resume.engine.local_copy import STALL_S
from pip_resume.protocol.checkpoint import Checkpoint
from pip_resume.protocol.verdicts import OVERLAP_BYTES
from pip_resume.storage import part_file
from pip_resume.storage.housekeeping import DAY_S, prune
from pip_resume.storage.stored_partial import StoredPartial

SHA256 = hashlib.sha256(CONTENT).hexdigest()
SLOW = replace(FILE, rate=1_500_000)
MANY = 10


def wait_for_bytes(machine: Machine, link: Link, size: int) -> None:
    """Block until so much is held."""
    deadline_s = time.monotonic() + 30
    while (machine.store.size_held(artifact_of(link)) or 0) < size:
        assert time.monotonic() < deadline_s, "nobody downloads"
        time.sleep(0.005)


class TestTwo:
    def test_the_second_waits_and_then_has_the_file_without_a_request(
        self, tmp_path: Path, machine: Machine, https_server: FaultServer, certificates: Certificates
    ) -> None:
        https_server.plays(PATH, SLOW)
        link = hashed(https_server.url(PATH), CONTENT)
        first = Running(Job(tmp_path, link.url, certificates.ca_file))
        wait_for_bytes(machine, link, 100_000)
        told = Listening()

        content = fetch(machine, link, told, SystemClock())

        assert content == CONTENT
        assert first.answer().sha256 == SHA256
        assert https_server.asked_ranges(PATH) == [None]
        assert told.started == [(True, 0, SIZE)]
        offsets = [offset for offset, complete_length in told.waited if complete_length == SIZE]
        assert 0 < offsets[0] <= offsets[-1] < SIZE
        assert machine.left_in_store() == []

    def test_where_pip_caches_nothing_the_second_waits_and_then_downloads_itself(
        self, tmp_path: Path, http_server: FaultServer
    ) -> None:
        machine = MachineWithoutTrust(tmp_path)
        http_server.plays(PATH, SLOW, FILE)
        link = hashed(http_server.url(PATH), CONTENT)
        first = Running(Job(tmp_path, link.url, trusted=False))
        wait_for_bytes(machine, link, 100_000)
        told = Listening()

        content = fetch(machine, link, told, SystemClock())

        assert content == CONTENT
        assert told.waited
        assert first.answer().sha256 == SHA256
        assert http_server.asked_ranges(PATH) == [None, None]
        assert machine.left_in_store() == []

    def test_the_second_takes_over_the_bytes_of_the_first_when_that_is_killed(
        self, tmp_path: Path, machine: Machine, https_server: FaultServer, certificates: Certificates
    ) -> None:
        https_server.plays(PATH, replace(SLOW, cut_after=HELD, then=Then.STALL), FILE)
        link = hashed(https_server.url(PATH), CONTENT)
        first = Running(Job(tmp_path, link.url, certificates.ca_file))
        wait_for_bytes(machine, link, HELD - 64 * 1024)
        told = Listening()

        class KillingClock(SystemClock):
            def sleep_s(self, delay_s: float) -> None:  # noqa: ARG002
                first.kill()

        content = fetch(machine, link, told, KillingClock())

        assert content == CONTENT
        assert len(told.waited) == 1
        whole, rest = https_server.asked_ranges(PATH)
        assert (whole, rest) != (None, None)
        assert https_server.sent(PATH) <= SIZE + OVERLAP_BYTES + 64 * 1024
        assert told.reasons == []
        assert machine.left_in_store() == []

    def test_two_threads_of_one_process_are_two_pips(self, machine: Machine, https_server: FaultServer) -> None:
        https_server.plays(PATH, SLOW)
        link = hashed(https_server.url(PATH), CONTENT)
        contents = []

        def first() -> None:
            contents.append(fetch(machine, link, Listening(), SystemClock()))

        thread = threading.Thread(target=first)
        thread.start()
        wait_for_bytes(machine, link, 100_000)
        told = Listening()
        contents.append(fetch(machine, link, told, SystemClock()))
        thread.join()

        assert contents == [CONTENT, CONTENT]
        assert told.waited
        assert https_server.asked_ranges(PATH) == [None]


@pytest.fixture
def holder(machine: Machine, http_server: FaultServer) -> StoredPartial:
    """Another pip that has 400 KB of the file."""
    http_server.plays(PATH, FILE)
    partial = machine.store.claim(artifact_of(hashed(http_server.url(PATH), CONTENT)))
    partial.note(Checkpoint(complete_length=SIZE))
    partial.append(CONTENT[:400_000])
    return partial


class ActingClock(FakeClock):
    """Time in which something happens."""

    def __init__(self, act: Callable[[float], None]) -> None:
        super().__init__()
        self._act = act

    def sleep_s(self, delay_s: float) -> None:
        super().sleep_s(delay_s)
        self._act(self.elapsed_s())


class TestPatience:
    def test_a_holder_that_stalls_is_left_alone(
        self, holder: StoredPartial, machine: Machine, http_server: FaultServer
    ) -> None:
        """Its line is dead, or the process is stopped (Ctrl-Z)."""
        told, clock = Listening(), FakeClock()

        content = fetch(machine, hashed(http_server.url(PATH), CONTENT), told, clock)

        assert content == CONTENT
        assert STALL_S <= sum(clock.slept_s) <= STALL_S + 1
        assert http_server.asked_ranges(PATH) == [None]
        assert told.unusable == []
        assert holder.path.read_bytes() == CONTENT[:400_000]
        holder.append(CONTENT[400_000:500_000])
        holder.close()
        assert machine.kept(hashed(http_server.url(PATH), CONTENT)) == CONTENT[:500_000]

    def test_a_holder_that_grows_at_all_is_waited_for_and_its_bytes_are_taken_over(
        self, holder: StoredPartial, machine: Machine, http_server: FaultServer
    ) -> None:
        def act(elapsed_s: float) -> None:
            if elapsed_s % 29 == 0 and elapsed_s < 150:
                holder.append(CONTENT[holder.offset : holder.offset + 1000])
            elif elapsed_s > 150:
                holder.close()  # killed at last: the system closes its files

        told, clock = Listening(), ActingClock(act)

        content = fetch(machine, hashed(http_server.url(PATH), CONTENT), told, clock)

        assert content == CONTENT
        assert sum(clock.slept_s) > 150
        assert http_server.asked_ranges(PATH) == [f"bytes={405_000 - OVERLAP_BYTES}-"]

    def test_a_holder_that_starts_over_is_still_one_that_works(
        self, holder: StoredPartial, machine: Machine, http_server: FaultServer
    ) -> None:
        def act(elapsed_s: float) -> None:
            if elapsed_s == 20:
                holder.reset(Checkpoint(complete_length=SIZE))
                holder.append(CONTENT[:50_000])
            elif elapsed_s > 45:
                holder.close()

        told, clock = Listening(), ActingClock(act)

        assert fetch(machine, hashed(http_server.url(PATH), CONTENT), told, clock) == CONTENT

        assert told.waited[0] == (400_000, SIZE)
        assert told.waited[-1] == (50_000, SIZE)
        # All of what is left is in the overlap.
        assert http_server.asked_ranges(PATH) == [None]


class TestMany:
    def run_at_once(self, job: Job) -> list[Report]:
        running = [Running(job) for _ in range(MANY)]
        return [each.answer() for each in running]

    def test_ten_at_once_all_have_the_file_and_it_comes_about_once(
        self, tmp_path: Path, machine: Machine, https_server: FaultServer, certificates: Certificates
    ) -> None:
        https_server.plays(PATH, SLOW)
        link = hashed(https_server.url(PATH), CONTENT)

        reports = self.run_at_once(Job(tmp_path, link.url, certificates.ca_file))

        assert {report.sha256 for report in reports} == {SHA256}
        assert sum(report.waited > 0 for report in reports) >= MANY // 2
        assert https_server.sent(PATH) < 3 * SIZE
        assert machine.left_in_store() == []

    @pytest.mark.parametrize(
        "lock",
        [
            pytest.param(True, id="every lock is granted, as over NFS with local locks or some FUSE file systems"),
            pytest.param(False, id="no lock is ever granted, as by a lock server that has lost its state"),
        ],
    )
    def test_ten_at_once_all_have_the_file_although_the_locks_lie(
        self, lock: bool, tmp_path: Path, machine: Machine, http_server: FaultServer
    ) -> None:
        http_server.plays(PATH, SLOW)
        link = hashed(http_server.url(PATH), CONTENT)

        reports = self.run_at_once(Job(tmp_path, link.url, lock=lock))

        assert {report.sha256 for report in reports} == {SHA256}
        assert machine.entry(http_server.url(PATH)) is not None
        assert machine.entry(http_server.url(PATH))[0] == CONTENT  # type: ignore[index]
        prune(machine.store.directory, 14, SIZE, time.time() + 30 * DAY_S)
        assert machine.left_in_store() == []

    def test_ten_at_once_go_on_with_the_same_partial_although_every_lock_is_granted(
        self, tmp_path: Path, machine: Machine, http_server: FaultServer
    ) -> None:
        http_server.plays(PATH, replace(FILE, cut_after=400_000, then=Then.CLOSE))
        link = hashed(http_server.url(PATH), CONTENT)
        machine.interrupted(link)
        http_server.plays(PATH, SLOW)

        reports = self.run_at_once(Job(tmp_path, link.url, lock=True))

        assert {report.sha256 for report in reports} == {SHA256}
        assert machine.left_in_store() == []


def test_where_locks_lie_the_wrong_bytes_of_one_mirror_do_not_come_into_the_file_of_another_pip(
    machine: Machine, http_server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two pips write to one file, and only one of them is sent the right bytes."""
    monkeypatch.setattr(part_file, "try_lock", lambda _descriptor: True)
    artifact = artifact_of(hashed(http_server.url(PATH), CONTENT))
    right = machine.store.claim(artifact)
    right.note(Checkpoint(complete_length=SIZE))
    right.append(CONTENT[:400_000])
    wrong = machine.store.claim(artifact)
    assert wrong.offset == 400_000

    right.append(CONTENT[400_000:800_000])
    wrong.append(OTHER[400_000:SIZE])
    right.append(CONTENT[800_000:])

    assert not wrong.has_right_digest()
    assert right.has_right_digest()
    right.place(machine.cache_directory / "placed")
    assert (machine.cache_directory / "placed").read_bytes() == CONTENT
    wrong.discard()
    right.discard()
    assert machine.left_in_store() == []
