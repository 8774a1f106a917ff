"""What pruning removes, when, and what it does not touch."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from integration.machine import Machine, artifact_of
from integration.old_partials import MIB, NOW_S, leave_partial, numbered_link, numbers, set_age
from integration.samples import CONTENT, FILE, HELD, link_with_partial
from servers.fault_server import FaultServer

from pip_resume.artifact import Digest
from pip_resume.protocol.checkpoint import FORMAT, Checkpoint
from pip_resume.settings import DEFAULT_KEEP_DAYS, DEFAULT_MAX_SIZE
from pip_resume.storage.directory import Directory
from pip_resume.storage.housekeeping import DAY_S, LEFTOVER_S, make_room, prune, prune_opportunistically
from pip_resume.storage.part_file import PartFile
from pip_resume.storage.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(Store(tmp_path / "cache", "")) as opened:
        yield opened


def names_in(store: Store) -> set[str]:
    return {path.name for path in store.path.iterdir()}


def names_of(*parts: Path) -> set[str]:
    """Return the names of the files of these partials."""
    return {name for part in parts for name in (part.name, part.with_suffix(".json").name)}


class TestAge:
    def test_a_partial_older_than_two_weeks_is_removed(self, store: Store) -> None:
        leave_partial(store, days_ago=14.1)
        younger = leave_partial(store, days_ago=13.9)

        assert prune(store.path, DEFAULT_KEEP_DAYS, DEFAULT_MAX_SIZE, NOW_S) == MIB

        assert names_in(store) == names_of(younger)

    def test_the_age_is_that_of_the_last_byte_and_not_of_the_record(self, store: Store) -> None:
        part = leave_partial(store, days_ago=1)
        set_age(part.with_suffix(".json"), 100 * DAY_S)

        prune(store.path, DEFAULT_KEEP_DAYS, DEFAULT_MAX_SIZE, NOW_S)

        assert names_in(store) == names_of(part)

    def test_a_limit_of_0_days_removes_every_partial(self, store: Store) -> None:
        leave_partial(store, days_ago=0.001)

        prune(store.path, 0, DEFAULT_MAX_SIZE, NOW_S)

        assert names_in(store) == set()

    def test_a_partial_from_the_future_is_not_removed(self, store: Store) -> None:
        future = leave_partial(store, days_ago=-1000)

        prune(store.path, DEFAULT_KEEP_DAYS, DEFAULT_MAX_SIZE, NOW_S)

        assert names_in(store) == names_of(future)

    def test_no_age_is_known_by_a_clock_that_is_a_day_behind_the_newest_file(self, store: Store) -> None:
        """Field report 4.3: a computer without a battery starts in 1970, or with the time of its last shutdown."""
        old, new = leave_partial(store, days_ago=20), leave_partial(store, days_ago=-1.1)

        assert prune(store.path, DEFAULT_KEEP_DAYS, DEFAULT_MAX_SIZE, NOW_S) == 0

        assert names_in(store) == names_of(old, new)

    def test_ages_are_known_by_a_clock_that_is_some_hours_behind_the_newest_file(self, store: Store) -> None:
        leave_partial(store, days_ago=20)
        new = leave_partial(store, days_ago=-0.9)

        prune(store.path, DEFAULT_KEEP_DAYS, DEFAULT_MAX_SIZE, NOW_S)

        assert names_in(store) == names_of(new)

    def test_the_limit_of_size_holds_by_a_wrong_clock_as_well(self, store: Store) -> None:
        leave_partial(store, days_ago=20)
        new = leave_partial(store, days_ago=1)

        prune(store.path, DEFAULT_KEEP_DAYS, MIB, 0.0)

        assert names_in(store) == names_of(new)


class TestSize:
    def test_the_oldest_partials_are_removed_until_the_rest_fits(self, store: Store) -> None:
        middle, oldest, newest = (leave_partial(store, days_ago=days) for days in (2, 3, 1))

        assert prune(store.path, DEFAULT_KEEP_DAYS, 2 * MIB, NOW_S) == MIB

        assert not oldest.exists()
        assert names_in(store) == names_of(middle, newest)

    def test_the_default_is_ten_gib_and_holes_in_files_count(self, store: Store) -> None:
        old, new = leave_partial(store, days_ago=2), leave_partial(store, days_ago=1)
        for part, days in ((old, 2), (new, 1)):
            os.truncate(part, DEFAULT_MAX_SIZE // 2 + 1)
            set_age(part, days * DAY_S)

        prune(store.path, DEFAULT_KEEP_DAYS, DEFAULT_MAX_SIZE, NOW_S)

        assert names_in(store) == names_of(new)

    def test_complete_files_are_removed_before_partials(self, store: Store) -> None:
        """Field report 1.10: pip's cache did not take them."""
        part = leave_partial(store, days_ago=3)
        old, new = (leave_partial(store, days_ago=days, size=2 * MIB) for days in (2, 1))

        assert prune(store.path, DEFAULT_KEEP_DAYS, 3 * MIB, NOW_S) == 2 * MIB

        assert not old.exists()
        assert names_in(store) == names_of(part, new)

    def test_partials_that_fit_are_not_removed(self, store: Store) -> None:
        parts = [leave_partial(store, days_ago=days) for days in (1, 2)]

        assert prune(store.path, DEFAULT_KEEP_DAYS, 2 * MIB, NOW_S) == 0

        assert names_in(store) == names_of(*parts)

    def test_a_claimed_partial_is_skipped_and_the_next_one_is_removed_instead(self, store: Store) -> None:
        oldest, middle, newest = (leave_partial(store, days_ago=days) for days in (30, 2, 1))
        with closing(store.claim(artifact_of(numbered_link(next(numbers) - 3)))) as claimed:
            assert claimed.path == oldest
            prune(store.path, DEFAULT_KEEP_DAYS, 2 * MIB, NOW_S)

            assert names_in(store) == names_of(oldest, newest)
            assert not middle.exists()


class TestSpare:
    @pytest.mark.parametrize(
        ("keep_days", "max_size"),
        [(DEFAULT_KEEP_DAYS, DEFAULT_MAX_SIZE), (0, DEFAULT_MAX_SIZE), (DEFAULT_KEEP_DAYS, 0)],
    )
    def test_the_partial_that_is_about_to_be_downloaded_is_not_removed(
        self, keep_days: float, max_size: int, store: Store
    ) -> None:
        """Field report 4.3: the user comes back after 20 days."""
        wanted, other = leave_partial(store, days_ago=20), leave_partial(store, days_ago=20)

        prune(store.path, keep_days, max_size, NOW_S, spare=[wanted.stem])

        assert names_in(store) == names_of(wanted)
        assert not other.exists()


class TestRoom:
    """A disk that is almost full."""

    def test_complete_files_and_then_the_oldest_partials_are_removed_until_there_is_room(self, store: Store) -> None:
        oldest, newest = leave_partial(store, days_ago=2), leave_partial(store, days_ago=1)
        complete = leave_partial(store, size=2 * MIB)

        make_room([store.path], 2.5 * MIB, spare="")

        assert names_in(store) == names_of(newest)
        assert not complete.exists()
        assert not oldest.exists()

    def test_the_partial_that_is_about_to_be_downloaded_is_not_removed(self, store: Store) -> None:
        wanted, other = leave_partial(store, days_ago=2), leave_partial(store, days_ago=1)

        make_room([store.path], MIB, spare=wanted.stem)

        assert names_in(store) == names_of(wanted)
        assert not other.exists()

    def test_nothing_is_removed_if_that_would_not_be_enough(self, store: Store) -> None:
        wanted, other = leave_partial(store, days_ago=2), leave_partial(store, days_ago=1)

        make_room([store.path], MIB + 100_000, spare=wanted.stem)

        assert names_in(store) == names_of(wanted, other)

    def test_a_partial_of_a_newer_version_is_not_removed(self, store: Store) -> None:
        newer, other = leave_partial(store, days_ago=2), leave_partial(store, days_ago=1)
        newer.with_suffix(".json").write_text(json.dumps({"format": FORMAT + 1}))

        make_room([store.path], MIB, spare="")

        assert names_in(store) == names_of(newer)
        assert not other.exists()


class TestLeftovers:
    @pytest.mark.parametrize("ending", ["tmp", "new"])
    def test_a_temporary_file_of_a_killed_process_is_removed_after_an_hour(self, ending: str, store: Store) -> None:
        part = leave_partial(store)
        old, young = (part.with_suffix(f".7-{number}-0123abcd.{ending}") for number in (1, 2))
        for path, age_s in ((old, LEFTOVER_S + 1), (young, LEFTOVER_S - 1)):
            path.write_bytes(b"left over")
            set_age(path, age_s)

        prune(store.path, DEFAULT_KEEP_DAYS, DEFAULT_MAX_SIZE, NOW_S)

        assert names_in(store) == names_of(part) | {young.name}

    @pytest.mark.parametrize("record", [None, b"", b"{", b"[1]", b"\xff", b" " * 100_000])
    def test_bytes_without_a_valid_record_are_removed_after_an_hour(self, record: bytes | None, store: Store) -> None:
        old, young = leave_partial(store), leave_partial(store)
        for part, age_s in ((old, LEFTOVER_S + 1), (young, LEFTOVER_S - 1)):
            set_age(part, age_s)
            part.with_suffix(".json").unlink()
            if record is not None:
                part.with_suffix(".json").write_bytes(record)

        prune(store.path, DEFAULT_KEEP_DAYS, DEFAULT_MAX_SIZE, NOW_S)

        assert not old.exists()
        assert young.exists()

    def test_a_record_without_bytes_is_removed_after_an_hour(self, store: Store) -> None:
        old, young = leave_partial(store), leave_partial(store)
        for part, age_s in ((old, LEFTOVER_S + 1), (young, LEFTOVER_S - 1)):
            part.unlink()
            set_age(part.with_suffix(".json"), age_s)

        prune(store.path, DEFAULT_KEEP_DAYS, DEFAULT_MAX_SIZE, NOW_S)

        assert names_in(store) == {young.with_suffix(".json").name}

    def test_files_with_other_names_are_not_removed(self, store: Store) -> None:
        part = leave_partial(store)
        others = {"notes.txt", "sample.whl", "film.part", "package.json", f"{'0' * 63}.part", "0.7-1-0123abcd.tmp"}
        for name in others:
            part.with_name(name).touch()
            set_age(part.with_name(name), 1000 * DAY_S)

        prune(store.path, 0, 0, NOW_S)

        assert names_in(store) == others


class TestOpportunisticPruning:
    def prune(self, store: Store, *, days_from_now: float) -> None:
        now_s = NOW_S + days_from_now * DAY_S
        prune_opportunistically(store.path, DEFAULT_KEEP_DAYS, DEFAULT_MAX_SIZE, now_s)

    def test_pruning_happens_at_most_once_a_day(self, store: Store) -> None:
        young = leave_partial(store, days_ago=1)
        self.prune(store, days_from_now=0)
        late = leave_partial(store, days_ago=20)

        self.prune(store, days_from_now=0.99)
        assert names_in(store) == names_of(young, late) | {"pruned"}

        self.prune(store, days_from_now=1.01)
        assert names_in(store) == names_of(young) | {"pruned"}

    def test_an_absent_or_empty_store_is_not_changed(self, store: Store) -> None:
        self.prune(store, days_from_now=0)
        assert not store.path.exists()

        store.path.mkdir(parents=True)
        self.prune(store, days_from_now=0)
        assert names_in(store) == set()

    def test_the_marker_is_removed_with_the_last_partial(self, store: Store) -> None:
        leave_partial(store, days_ago=1)
        self.prune(store, days_from_now=0)

        self.prune(store, days_from_now=20)

        assert names_in(store) == set()

    def test_a_marker_from_the_future_does_not_prevent_pruning(self, store: Store) -> None:
        leave_partial(store, days_ago=20)
        marker = store.path / "pruned"
        marker.touch()
        set_age(marker, -1000 * DAY_S)

        self.prune(store, days_from_now=0)

        assert names_in(store) == set()


def test_pruning_during_a_download_does_not_touch_its_partial(machine: Machine, http_server: FaultServer) -> None:
    link = link_with_partial(machine, http_server)
    with closing(machine.store.claim(artifact_of(link))) as partial:
        prune(machine.store.path, 0, 0, time.time() + 30 * DAY_S)
        partial.append(CONTENT[HELD:])
    assert machine.stored(link) == CONTENT
    assert machine.checkpoint(link).complete_length == len(CONTENT)


def test_a_claim_of_a_partial_that_is_pruned_meanwhile_starts_at_0(
    machine: Machine, http_server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One pip has opened the file when another pip removes it."""
    link = link_with_partial(machine, http_server, FILE)
    really_open = PartFile.open_existing

    def open_and_prune(directory: Directory, name: str, digest: Digest | None) -> PartFile:
        monkeypatch.setattr(PartFile, "open_existing", really_open)
        part = really_open(directory, name, digest)
        prune(machine.store.path, 0, 0, time.time() + 30 * DAY_S)
        return part

    monkeypatch.setattr(PartFile, "open_existing", open_and_prune)

    with closing(machine.store.claim(artifact_of(link))) as partial:
        assert partial.offset == 0
        partial.note(Checkpoint(complete_length=len(CONTENT)))
        partial.append(CONTENT[:1000])
    assert machine.stored(link) == CONTENT[:1000]
