"""Several pips of one user want the same file and share a cache: one of them downloads it."""

from __future__ import annotations

import hashlib
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from integration.fakes import FakeClock, RecordingDisplay, WaitRecordingDisplay
from integration.machine import Machine, Outcome, artifact_of
from integration.processes import ChildProcess, Job, JobResult
from integration.samples import CONTENT, FILE, HELD, OTHER_CONTENT, PATH, SIZE, cut, link_with_hash
from pip._internal.models.link import Link
from servers.certificates import Certificates
from servers.fault_server import FaultServer, Then

from pip_resume.engine.clock import SystemClock
from pip_resume.engine.reading import BLOCK_BYTES, SPEED_WINDOW_S, Speeds
from pip_resume.engine.waiting import SLOWEST_OTHER_BYTES_PER_S
from pip_resume.protocol.checkpoint import Checkpoint
from pip_resume.protocol.planning import OVERLAP_BYTES
from pip_resume.storage import part_file
from pip_resume.storage.housekeeping import DAY_S, prune
from pip_resume.storage.stored_partial import StoredPartial

pytestmark = pytest.mark.slow

SHA256 = hashlib.sha256(CONTENT).hexdigest()
SLOW = replace(FILE, rate=1_500_000)
MANY = 10


def wait_for_bytes(machine: Machine, link: Link, size: int) -> None:
    """Wait until at least `size` bytes of the file are stored."""
    deadline_s = time.monotonic() + 30
    while (progress := machine.store.progress(artifact_of(link))) is None or progress.offset < size:
        assert time.monotonic() < deadline_s, "no pip downloads"
        time.sleep(0.005)


class TestTwoPips:
    def test_the_second_pip_waits_and_then_gets_the_file_without_a_request(
        self, tmp_path: Path, machine: Machine, https_server: FaultServer, certificates: Certificates
    ) -> None:
        https_server.plays(PATH, SLOW)
        link = link_with_hash(https_server)
        first = ChildProcess(Job(tmp_path, link.url, certificates.ca_file))
        wait_for_bytes(machine, link, 100_000)
        display = WaitRecordingDisplay()

        outcome = machine.download(link, display=display, clock=SystemClock())

        assert outcome.content == CONTENT
        assert first.result().sha256 == SHA256
        assert https_server.asked_ranges(PATH) == [None]
        assert display.starts == [(True, 0, SIZE)]
        offsets = [offset for offset, complete_length in display.waits if complete_length == SIZE]
        # Once all bytes are there, the first pip still verifies them and gives them to its cache.
        assert 0 < offsets[0] < SIZE
        assert offsets == sorted(offsets)
        assert offsets[-1] <= SIZE
        assert machine.files_in_store() == []

    def test_where_pip_does_not_cache_the_file_the_second_pip_waits_and_then_finds_it_in_the_store(
        self, tmp_path: Path, http_server: FaultServer
    ) -> None:
        """Field reports 1.10 and 1.11: an index over http, or with no-store."""
        machine = Machine(tmp_path, caches_http=False)
        http_server.plays(PATH, SLOW, FILE)
        link = link_with_hash(http_server)
        first = ChildProcess(Job(tmp_path, link.url, caches_http=False))
        wait_for_bytes(machine, link, 100_000)
        display = WaitRecordingDisplay()

        outcome = machine.download(link, display=display, clock=SystemClock())

        assert outcome.content == CONTENT
        assert display.waits
        assert first.result().sha256 == SHA256
        assert http_server.asked_ranges(PATH) == [None]
        assert display.starts == [(True, SIZE, SIZE)]
        assert machine.stored(link) == CONTENT

    def test_the_second_pip_continues_the_partial_of_the_first_when_it_is_killed(
        self, tmp_path: Path, machine: Machine, https_server: FaultServer, certificates: Certificates
    ) -> None:
        https_server.plays(PATH, cut(SLOW, HELD, Then.STALL), FILE)
        link = link_with_hash(https_server)
        first = ChildProcess(Job(tmp_path, link.url, certificates.ca_file))
        wait_for_bytes(machine, link, HELD - BLOCK_BYTES)
        display = WaitRecordingDisplay()

        outcome = machine.download(link, display=display, clock=FakeClock(lambda _clock: first.kill()))

        assert outcome.content == CONTENT
        assert len(display.waits) == 1
        complete, rest = https_server.asked_ranges(PATH)
        assert complete is None
        assert rest is not None
        assert https_server.sent(PATH) <= SIZE + OVERLAP_BYTES + BLOCK_BYTES
        assert display.reasons == []
        assert machine.files_in_store() == []

    def test_the_second_of_two_threads_waits_for_the_first(self, machine: Machine, https_server: FaultServer) -> None:
        https_server.plays(PATH, SLOW)
        link = link_with_hash(https_server)
        contents = []

        def download(display: RecordingDisplay) -> None:
            contents.append(machine.download(link, display=display, clock=SystemClock()).content)

        thread = threading.Thread(target=download, args=(RecordingDisplay(),))
        thread.start()
        wait_for_bytes(machine, link, 100_000)
        display = WaitRecordingDisplay()
        download(display)
        thread.join()

        assert contents == [CONTENT, CONTENT]
        assert display.waits
        assert https_server.asked_ranges(PATH) == [None]


@pytest.fixture
def holder(machine: Machine, http_server: FaultServer) -> StoredPartial:
    """Claim the partial, as a second pip that has 400 kB of the file."""
    http_server.plays(PATH, FILE)
    partial = machine.store.claim(artifact_of(link_with_hash(http_server)))
    partial.note(Checkpoint(complete_length=SIZE))
    partial.append(CONTENT[:400_000])
    return partial


def grow(holder: StoredPartial, bytes_per_s: float) -> FakeClock:
    """Return a clock by which the holder's partial grows. When it is complete, the holder ends as if it was killed."""

    def act(clock: FakeClock) -> None:
        size = min(int(400_000 + clock.elapsed_s() * bytes_per_s), SIZE)
        if size > holder.offset:
            holder.append(CONTENT[holder.offset : size])
        if size == SIZE:
            holder.close()  # The system closes its files.

    return FakeClock(act)


def download_beside(
    holder: StoredPartial, bytes_per_s: float, machine: Machine, http_server: FaultServer, fastest: float
) -> Outcome:
    """Download while the holder's partial grows; `fastest` is the speed of this run's fastest connection."""
    speeds = Speeds()
    speeds.fastest = fastest
    clock = grow(holder, bytes_per_s)
    return machine.download(link_with_hash(http_server), display=WaitRecordingDisplay(), clock=clock, speeds=speeds)


class TestWaiting:
    def test_a_pip_that_stalls_is_not_waited_for_any_longer(
        self, holder: StoredPartial, machine: Machine, http_server: FaultServer
    ) -> None:
        """Its connection hangs, or the process is stopped (Ctrl-Z)."""
        outcome = machine.download(link_with_hash(http_server), display=WaitRecordingDisplay())

        assert outcome.content == CONTENT
        assert SPEED_WINDOW_S <= outcome.elapsed_s <= SPEED_WINDOW_S + 1
        assert http_server.asked_ranges(PATH) == [None]
        assert outcome.display.store_errors == []
        assert holder.path.read_bytes() == CONTENT[:400_000]
        holder.append(CONTENT[400_000:500_000])
        holder.close()
        assert machine.stored(link_with_hash(http_server)) == CONTENT[:500_000]

    @pytest.mark.parametrize(
        ("fastest", "speed"),
        [
            pytest.param(0, SLOWEST_OTHER_BYTES_PER_S - 100, id="less than 10 KiB per second"),
            pytest.param(0, 1000 / 29, id="1000 bytes in 29 s"),
            pytest.param(60_000, 14_900, id="less than a quarter of this run's fastest connection"),
        ],
    )
    def test_a_slow_pip_is_not_waited_for_after_half_a_minute(
        self, fastest: float, speed: float, holder: StoredPartial, machine: Machine, http_server: FaultServer
    ) -> None:
        """Field report 1.12."""
        outcome = download_beside(holder, speed, machine, http_server, fastest)

        assert outcome.content == CONTENT
        assert SPEED_WINDOW_S <= outcome.elapsed_s <= SPEED_WINDOW_S + 1
        assert http_server.asked_ranges(PATH) == [None]
        assert outcome.display.store_errors == []
        assert holder.is_stored
        holder.close()

    @pytest.mark.parametrize(
        ("fastest", "speed"),
        [
            pytest.param(0, SLOWEST_OTHER_BYTES_PER_S + 100, id="more than 10 KiB per second"),
            pytest.param(60_000, 15_100, id="more than a quarter of this run's fastest connection"),
        ],
    )
    def test_a_pip_that_is_fast_enough_is_waited_for_and_its_complete_partial_needs_no_request(
        self, fastest: float, speed: float, holder: StoredPartial, machine: Machine, http_server: FaultServer
    ) -> None:
        outcome = download_beside(holder, speed, machine, http_server, fastest)

        assert outcome.content == CONTENT
        assert outcome.elapsed_s >= (SIZE - 400_000) / speed
        assert http_server.asked_ranges(PATH) == []

    def test_hours_of_sleep_do_not_make_a_pip_slow(
        self, holder: StoredPartial, machine: Machine, http_server: FaultServer
    ) -> None:
        """Field report 1.21: the other pip sleeps as well."""

        def act(clock: FakeClock) -> None:
            if len(clock.slept_s) == 5:
                clock.advance(8 * 3600)
            holder.append(CONTENT[holder.offset : holder.offset + 20_000])
            if holder.offset == SIZE:
                holder.close()

        outcome = machine.download(link_with_hash(http_server), display=WaitRecordingDisplay(), clock=FakeClock(act))

        assert outcome.content == CONTENT
        assert http_server.asked_ranges(PATH) == []

    def test_a_pip_that_starts_over_is_waited_for(
        self, holder: StoredPartial, machine: Machine, http_server: FaultServer
    ) -> None:
        def act(clock: FakeClock) -> None:
            if clock.elapsed_s() == 20:
                holder.take_over(holder.beside(0, Checkpoint(complete_length=SIZE)))
                holder.append(CONTENT[:50_000])
            elif clock.elapsed_s() > 45:
                holder.close()

        display = WaitRecordingDisplay()

        outcome = machine.download(link_with_hash(http_server), display=display, clock=FakeClock(act))

        assert outcome.content == CONTENT

        assert display.waits[0] == (400_000, SIZE)
        assert display.waits[-1] == (50_000, SIZE)
        # The overlap is longer than what is stored.
        assert http_server.asked_ranges(PATH) == [None]


class TestTenPips:
    def run_at_once(self, job: Job) -> list[JobResult]:
        processes = [ChildProcess(job) for _ in range(MANY)]
        return [process.result() for process in processes]

    def test_ten_pips_at_once_download_the_file_less_than_three_times(
        self, tmp_path: Path, machine: Machine, https_server: FaultServer, certificates: Certificates
    ) -> None:
        https_server.plays(PATH, SLOW)
        link = link_with_hash(https_server)

        results = self.run_at_once(Job(tmp_path, link.url, certificates.ca_file))

        assert {result.sha256 for result in results} == {SHA256}
        assert sum(result.waits > 0 for result in results) >= MANY // 2
        assert https_server.sent(PATH) < 3 * SIZE
        assert machine.files_in_store() == []

    def test_ten_pips_at_once_download_a_file_that_pip_does_not_cache_less_than_three_times(
        self, tmp_path: Path, http_server: FaultServer
    ) -> None:
        """Field report 1.11."""
        machine = Machine(tmp_path, caches_http=False)
        http_server.plays(PATH, SLOW)
        link = link_with_hash(http_server)

        results = self.run_at_once(Job(tmp_path, link.url, caches_http=False))

        assert {result.sha256 for result in results} == {SHA256}
        assert http_server.sent(PATH) < 3 * SIZE
        assert machine.stored(link) == CONTENT

    @pytest.mark.parametrize(
        "lock_result",
        [
            pytest.param(True, id="every lock is granted, as over NFS with local locks or some FUSE file systems"),
            pytest.param(False, id="no lock is ever granted, as by a lock server that has lost its state"),
        ],
    )
    def test_ten_pips_at_once_get_the_file_although_the_locks_do_not_work(
        self, lock_result: bool, tmp_path: Path, machine: Machine, http_server: FaultServer
    ) -> None:
        http_server.plays(PATH, SLOW)
        link = link_with_hash(http_server)

        results = self.run_at_once(Job(tmp_path, link.url, lock_result=lock_result))

        assert {result.sha256 for result in results} == {SHA256}
        assert machine.cached_body(http_server.url(PATH)) == CONTENT
        prune(machine.store.path, 14, SIZE, time.time() + 30 * DAY_S)
        assert machine.files_in_store() == []

    def test_ten_pips_at_once_continue_the_same_partial_although_every_lock_is_granted(
        self, tmp_path: Path, machine: Machine, http_server: FaultServer
    ) -> None:
        http_server.plays(PATH, cut(FILE, 400_000))
        link = link_with_hash(http_server)
        machine.download_partly(link)
        http_server.plays(PATH, SLOW)

        results = self.run_at_once(Job(tmp_path, link.url, lock_result=True))

        assert {result.sha256 for result in results} == {SHA256}
        assert machine.files_in_store() == []


def test_without_working_locks_the_wrong_bytes_of_one_pip_do_not_get_into_the_file_of_another(
    machine: Machine, http_server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two pips write to the same file, and only one of them receives the right bytes, from a different mirror."""
    monkeypatch.setattr(part_file, "try_lock", lambda _descriptor: True)
    artifact = artifact_of(link_with_hash(http_server))
    right = machine.store.claim(artifact)
    right.note(Checkpoint(complete_length=SIZE))
    right.append(CONTENT[:400_000])
    wrong = machine.store.claim(artifact)
    assert wrong.offset == 400_000

    right.append(CONTENT[400_000:800_000])
    wrong.append(OTHER_CONTENT[400_000:SIZE])
    right.append(CONTENT[800_000:])

    assert not wrong.has_right_digest()
    assert right.has_right_digest()
    right.place(machine.cache_directory / "placed")
    assert (machine.cache_directory / "placed").read_bytes() == CONTENT
    wrong.discard()
    right.discard()
    assert machine.files_in_store() == []
