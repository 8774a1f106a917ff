"""What is pruned, when, and what is spared."""

from __future__ import annotations

import os
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from integration.machine import Machine, artifact_of, hashed
from integration.old_partials import MIB, NOW_S, grown_old, leave, link_of, serial
from integration.samples import CONTENT, CUT, FILE, HELD, PATH
from servers.fault_server import FaultServer

from pip_resume.protocol.checkpoint import Checkpoint
from pip_resume.settings import DEFAULT_KEEP_DAYS, DEFAULT_MAX_SIZE
from pip_resume.storage.housekeeping import DAY_S, LEFTOVER_S, prune, prune_opportunistically
from pip_resume.storage.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "cache", "")


def names(store: Store) -> set[str]:
    return {path.name for path in store.directory.iterdir()}


def names_of(*parts: Path) -> set[str]:
    """What belongs to these partials."""
    return {name for part in parts for name in (part.name, part.with_suffix(".json").name)}


class TestAge:
    def test_what_is_older_than_two_weeks_goes(self, store: Store) -> None:
        leave(store, days_ago=14.1)
        young = leave(store, days_ago=13.9)

        assert prune(store.directory, DEFAULT_KEEP_DAYS, DEFAULT_MAX_SIZE, NOW_S) == MIB

        assert names(store) == names_of(young)

    def test_it_is_the_last_byte_that_counts_and_not_the_first(self, store: Store) -> None:
        part = leave(store, days_ago=1)
        grown_old(part.with_suffix(".json"), 100 * DAY_S)

        prune(store.directory, DEFAULT_KEEP_DAYS, DEFAULT_MAX_SIZE, NOW_S)

        assert names(store) == names_of(part)

    def test_nothing_is_kept_for_no_days(self, store: Store) -> None:
        leave(store, days_ago=0.001)

        prune(store.directory, 0, DEFAULT_MAX_SIZE, NOW_S)

        assert names(store) == set()

    def test_a_clock_that_was_set_back_removes_nothing(self, store: Store) -> None:
        future = leave(store, days_ago=-1000)

        prune(store.directory, DEFAULT_KEEP_DAYS, DEFAULT_MAX_SIZE, NOW_S)

        assert names(store) == names_of(future)


class TestSize:
    def test_the_oldest_go_until_the_rest_fits(self, store: Store) -> None:
        middle, oldest, newest = (leave(store, days_ago=days) for days in (2, 3, 1))

        assert prune(store.directory, DEFAULT_KEEP_DAYS, 2 * MIB, NOW_S) == MIB

        assert not oldest.exists()
        assert names(store) == names_of(middle, newest)

    def test_ten_gib_are_the_default_and_holes_count_with_them(self, store: Store) -> None:
        old, new = leave(store, days_ago=2), leave(store, days_ago=1)
        for part, days in ((old, 2), (new, 1)):
            os.truncate(part, DEFAULT_MAX_SIZE // 2 + 1)
            grown_old(part, days * DAY_S)

        prune(store.directory, DEFAULT_KEEP_DAYS, DEFAULT_MAX_SIZE, NOW_S)

        assert names(store) == names_of(new)

    def test_what_fits_stays(self, store: Store) -> None:
        parts = [leave(store, days_ago=days) for days in (1, 2)]

        assert prune(store.directory, DEFAULT_KEEP_DAYS, 2 * MIB, NOW_S) == 0

        assert names(store) == names_of(*parts)

    def test_what_is_claimed_is_skipped_and_the_next_goes_in_its_place(self, store: Store) -> None:
        oldest, middle, newest = (leave(store, days_ago=days) for days in (30, 2, 1))
        with closing(store.claim(artifact_of(link_of(next(serial) - 3)))) as held:
            assert held.path == oldest
            prune(store.directory, DEFAULT_KEEP_DAYS, 2 * MIB, NOW_S)

            assert names(store) == names_of(oldest, newest)
            assert not middle.exists()


class TestLeftovers:
    @pytest.mark.parametrize("ending", ["tmp", "new", "link"])
    def test_what_a_killed_process_had_on_the_way_goes_after_an_hour(self, ending: str, store: Store) -> None:
        part = leave(store)
        old, young = (part.with_suffix(f".7-{age}.{ending}") for age in ("old", "young"))
        for path, age_s in ((old, LEFTOVER_S + 1), (young, LEFTOVER_S - 1)):
            path.write_bytes(b"left")
            grown_old(path, age_s)

        prune(store.directory, DEFAULT_KEEP_DAYS, DEFAULT_MAX_SIZE, NOW_S)

        assert names(store) == names_of(part) | {young.name}

    @pytest.mark.parametrize("record", [None, b"", b"{", b"[1]", b"\xff", b" " * 100_000])
    def test_bytes_without_a_record_are_never_used_and_go_after_an_hour(
        self, record: bytes | None, store: Store
    ) -> None:
        dead, newborn = leave(store), leave(store)
        for part, age_s in ((dead, LEFTOVER_S + 1), (newborn, LEFTOVER_S - 1)):
            grown_old(part, age_s)
            part.with_suffix(".json").unlink()
            if record is not None:
                part.with_suffix(".json").write_bytes(record)

        prune(store.directory, DEFAULT_KEEP_DAYS, DEFAULT_MAX_SIZE, NOW_S)

        assert not dead.exists()
        assert newborn.exists()

    def test_a_record_without_bytes_goes_after_an_hour(self, store: Store) -> None:
        old, young = leave(store), leave(store)
        for part, age_s in ((old, LEFTOVER_S + 1), (young, LEFTOVER_S - 1)):
            part.unlink()
            grown_old(part.with_suffix(".json"), age_s)

        prune(store.directory, DEFAULT_KEEP_DAYS, DEFAULT_MAX_SIZE, NOW_S)

        assert names(store) == {young.with_suffix(".json").name}

    def test_files_that_are_not_ours_stay(self, store: Store) -> None:
        part = leave(store)
        for name in ("notes.txt", "README", "sample.whl"):
            part.with_name(name).touch()
            grown_old(part.with_name(name), 1000 * DAY_S)

        prune(store.directory, 0, 0, NOW_S)

        assert names(store) == {"notes.txt", "README", "sample.whl"}


class TestInPassing:
    def prune(self, store: Store, *, days_from_now: float) -> None:
        now_s = NOW_S + days_from_now * DAY_S
        prune_opportunistically(store.directory, DEFAULT_KEEP_DAYS, DEFAULT_MAX_SIZE, now_s)

    def test_it_happens_once_a_day(self, store: Store) -> None:
        young = leave(store, days_ago=1)
        self.prune(store, days_from_now=0)
        late = leave(store, days_ago=20)

        self.prune(store, days_from_now=0.99)
        assert names(store) == names_of(young, late) | {"pruned"}

        self.prune(store, days_from_now=1.01)
        assert names(store) == names_of(young) | {"pruned"}

    def test_nothing_is_made_where_nothing_is(self, store: Store) -> None:
        self.prune(store, days_from_now=0)
        assert not store.directory.exists()

        store.directory.mkdir(parents=True)
        self.prune(store, days_from_now=0)
        assert names(store) == set()

    def test_nothing_remains_when_all_was_pruned(self, store: Store) -> None:
        leave(store, days_ago=1)
        self.prune(store, days_from_now=0)

        self.prune(store, days_from_now=20)

        assert names(store) == set()

    def test_a_marker_from_the_future_does_not_stop_it_for_ever(self, store: Store) -> None:
        leave(store, days_ago=20)
        marker = store.directory / "pruned"
        marker.touch()
        grown_old(marker, -1000 * DAY_S)

        self.prune(store, days_from_now=0)

        assert names(store) == set()


def test_pruning_in_mid_download_does_not_touch_the_download(machine: Machine, http_server: FaultServer) -> None:
    http_server.plays(PATH, CUT)
    link = hashed(http_server.url(PATH), CONTENT)
    machine.interrupted(link)
    with closing(machine.store.claim(artifact_of(link))) as partial:
        prune(machine.store.directory, 0, 0, time.time() + 30 * DAY_S)
        partial.append(CONTENT[HELD:])
    assert machine.kept(link) == CONTENT
    assert machine.checkpoint(link).complete_length == len(CONTENT)


def test_a_claim_of_what_is_just_being_pruned_begins_anew(
    machine: Machine, http_server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other pip has opened the file when the pruning one removes it."""
    http_server.plays(PATH, CUT, FILE)
    link = hashed(http_server.url(PATH), CONTENT)
    machine.interrupted(link)
    module = sys.modules[Store.__module__]
    real = module.PartFile.open_existing

    def open_and_lose(path: Path, digest: object) -> object:
        monkeypatch.setattr(module.PartFile, "open_existing", real)
        part = real(path, digest)
        prune(machine.store.directory, 0, 0, time.time() + 30 * DAY_S)
        return part

    monkeypatch.setattr(module.PartFile, "open_existing", open_and_lose)

    with closing(machine.store.claim(artifact_of(link))) as partial:
        assert partial.offset == 0
        partial.note(Checkpoint(complete_length=len(CONTENT)))
        partial.append(CONTENT[:1000])
    assert machine.kept(link) == CONTENT[:1000]
