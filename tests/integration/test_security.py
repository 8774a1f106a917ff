"""Neighbours in a shared cache directory: modes, planted names, other owners."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from integration.machine import Machine, artifact_of, hashed
from integration.samples import CONTENT, CUT, FILE, HELD, OTHER, PATH, SIZE
from pip._internal.models.link import Link
from servers.fault_server import FaultServer, Then

from pip_resume.protocol.checkpoint import (
    Checkpoint,
    encode_checkpoint,
)
from pip_resume.protocol.verdicts import OVERLAP_BYTES
from pip_resume.storage.housekeeping import DAY_S, prune, prune_opportunistically

SOMEBODY_ELSE = 65_533
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def umask() -> Iterator[Callable[[int], int]]:
    before = os.umask(0o022)
    yield os.umask
    os.umask(before)


class TestModes:
    @pytest.mark.parametrize("mask", [0o000, 0o002, 0o022, 0o077])
    @pytest.mark.parametrize(
        ("cache", "directory", "file"),
        [
            pytest.param(0o700, 0o700, 0o600, id="a cache of one's own"),
            pytest.param(0o755, 0o700, 0o600, id="a cache that all may read"),
            pytest.param(0o770, 0o770, 0o660, id="a cache of a group"),
            pytest.param(0o2770, 0o2770, 0o660, id="a cache of a group, with setgid"),
            pytest.param(0o2775, 0o2775, 0o664, id="a cache of a group that all may read"),
            pytest.param(0o1777, 0o1777, 0o666, id="a cache of everybody"),
        ],
    )
    def test_only_the_owner_may_read_unless_the_cache_directory_grants_more(
        self,
        cache: int,
        directory: int,
        file: int,
        mask: int,
        machine: Machine,
        http_server: FaultServer,
        umask: Callable[[int], int],
    ) -> None:
        machine.cache_directory.mkdir()
        machine.cache_directory.chmod(cache)
        umask(mask)
        http_server.plays(PATH, CUT)
        link = hashed(http_server.url(PATH), CONTENT)

        machine.interrupted(link)

        assert mode_of(machine.store.directory) == directory
        assert mode_of(machine.part(link)) == file
        assert mode_of(machine.part(link).with_suffix(".json")) == file

    def test_a_file_that_replaces_another_has_the_same_mode(
        self, machine: Machine, umask: Callable[[int], int]
    ) -> None:
        machine.cache_directory.mkdir()
        machine.cache_directory.chmod(0o770)
        umask(0o077)
        with closing(machine.store.claim(artifact_of(hashed("http://127.0.0.1/x.whl", CONTENT)))) as partial:
            partial.note(Checkpoint())
            partial.append(CONTENT)
            partial.cut(1000)
            assert mode_of(partial.path) == 0o660


class TestPlanted:
    """By a neighbour with whom the cache directory is shared, under names that can be guessed."""

    @pytest.fixture
    def victim(self, tmp_path: Path) -> Iterator[Path]:
        """A file of ours that nobody else may touch, and that must not change."""
        path = tmp_path / "victim"
        path.write_bytes(b"precious")
        path.chmod(0o600)
        os.utime(path, (1, 1))
        yield path
        assert path.read_bytes() == b"precious"
        assert mode_of(path) == 0o600
        assert path.stat().st_mtime == 1

    def plant(self, kind: str, path: Path, victim: Path) -> None:
        if kind == "symlink":
            path.symlink_to(victim)
        elif kind == "dangling symlink":
            path.symlink_to(victim.with_name("new"))
        elif kind == "FIFO":
            os.mkfifo(path)
        elif kind == "directory":
            path.mkdir()
        elif kind == "hard link":
            os.link(victim, path)

    @pytest.mark.parametrize("kind", ["symlink", "dangling symlink", "FIFO", "directory", "hard link"])
    @pytest.mark.parametrize("ending", [".part", ".json"])
    def test_it_is_not_followed_and_the_file_arrives(
        self, kind: str, ending: str, machine: Machine, http_server: FaultServer, victim: Path
    ) -> None:
        http_server.plays(PATH, CUT, FILE)
        link = hashed(http_server.url(PATH), CONTENT)
        machine.store.directory.mkdir(parents=True)
        self.plant(kind, machine.part(link).with_suffix(ending), victim)

        outcome = machine.download(link)

        assert outcome.content == CONTENT
        assert len(outcome.told.unusable) <= 1
        assert not victim.with_name("new").exists()
        assert http_server.sent(PATH) == SIZE

    @pytest.mark.parametrize("kind", ["symlink", "dangling symlink", "FIFO", "hard link"])
    def test_nothing_in_the_place_of_our_directory_is_used_or_pruned(
        self, kind: str, machine: Machine, http_server: FaultServer, victim: Path
    ) -> None:
        http_server.plays(PATH, CUT, FILE)
        machine.cache_directory.mkdir()
        self.plant(kind, machine.store.directory, victim)

        outcome = machine.download(hashed(http_server.url(PATH), CONTENT))
        prune_opportunistically(machine.store.directory, 0, 0, time.time())

        assert outcome.content == CONTENT
        assert len(outcome.told.unusable) == 1
        assert http_server.sent(PATH) == SIZE

    def test_what_lies_behind_a_link_in_the_place_of_our_directory_is_not_pruned(
        self, machine: Machine, tmp_path: Path
    ) -> None:
        """Browsers call their unfinished downloads .part as well."""
        downloads = tmp_path / "Downloads"
        downloads.mkdir()
        unfinished = [downloads / name for name in ("film.part", "notes.json", "save.tmp", "x.new")]
        for path in unfinished:
            path.write_bytes(b"precious")
            os.utime(path, (1, 1))
        machine.cache_directory.mkdir()
        machine.store.directory.symlink_to(downloads)

        prune_opportunistically(machine.store.directory, 0, 0, time.time())
        prune(machine.store.directory, 0, 0, time.time())

        assert sorted(downloads.iterdir()) == sorted(unfinished)

    @pytest.mark.parametrize("kind", ["symlink", "dangling symlink", "FIFO", "directory"])
    def test_pruning_in_passing_neither_follows_nor_waits_for_what_is_in_the_place_of_its_marker(
        self, kind: str, machine: Machine, http_server: FaultServer, victim: Path
    ) -> None:
        http_server.plays(PATH, CUT)
        link = hashed(http_server.url(PATH), CONTENT)
        machine.interrupted(link)
        self.plant(kind, machine.store.directory / "pruned", victim)

        prune_opportunistically(machine.store.directory, 14, SIZE, time.time() + 2 * DAY_S)

        assert machine.kept(link) == CONTENT[:HELD]
        assert not victim.with_name("new").exists()

    @pytest.mark.parametrize("kind", ["symlink", "FIFO", "directory"])
    @pytest.mark.parametrize("name", [f"{'0' * 64}.part", f"{'0' * 64}.json", "0.7-1.tmp", "0.7-1.new", "0.7-1.link"])
    def test_pruning_leaves_alone_what_is_no_file(self, kind: str, name: str, machine: Machine, victim: Path) -> None:
        machine.store.directory.mkdir(parents=True)
        self.plant(kind, machine.store.directory / name, victim)

        prune(machine.store.directory, 0, 0, time.time() + 30 * DAY_S)

        assert machine.left_in_store() == [name]

    def test_a_link_to_a_file_of_ours_that_claims_to_be_a_whole_download_is_neither_used_nor_written(
        self, machine: Machine, https_server: FaultServer, victim: Path
    ) -> None:
        https_server.plays(PATH, FILE)
        link = hashed(https_server.url(PATH), CONTENT)
        machine.store.directory.mkdir(parents=True)
        self.plant("hard link", machine.part(link), victim)
        record = Checkpoint(complete_length=8, inode=victim.stat().st_ino, boot_id="x", synced=8)
        machine.part(link).with_suffix(".json").write_bytes(encode_checkpoint(record))

        assert machine.download(link).content == CONTENT

    def test_a_partial_with_another_name_is_continued_in_a_file_of_its_own(
        self, machine: Machine, http_server: FaultServer, tmp_path: Path
    ) -> None:
        http_server.plays(PATH, CUT, replace(FILE, cut_after=100_000, then=Then.CLOSE))
        link = hashed(http_server.url(PATH), CONTENT)
        machine.interrupted(link)
        os.link(machine.part(link), tmp_path / "other name")

        machine.interrupted(link)

        assert (tmp_path / "other name").read_bytes() == CONTENT[:HELD]
        assert machine.kept(link) == CONTENT[: HELD + 100_000 - OVERLAP_BYTES]


@needs_root
class TestOtherOwners:
    """In a cache directory that several users share."""

    def given_away(self, machine: Machine, link: Link) -> None:
        for ending in (".part", ".json"):
            os.chown(machine.part(link).with_suffix(ending), SOMEBODY_ELSE, SOMEBODY_ELSE)

    def test_a_hash_proves_their_bytes_which_are_continued_in_a_file_of_ours(
        self, machine: Machine, http_server: FaultServer
    ) -> None:
        http_server.plays(PATH, CUT, replace(FILE, cut_after=100_000, then=Then.CLOSE), FILE)
        link = hashed(http_server.url(PATH), CONTENT)
        machine.interrupted(link)
        self.given_away(machine, link)
        with machine.part(link).open("r+b") as theirs:
            machine.interrupted(link)
            theirs.write(b"too late")
            theirs.truncate(8)

        assert machine.kept(link) == CONTENT[: HELD + 100_000 - OVERLAP_BYTES]
        assert machine.part(link).stat().st_uid == os.geteuid()
        assert machine.download(link).content == CONTENT

    def test_their_whole_file_is_copied_before_it_is_judged(self, machine: Machine, http_server: FaultServer) -> None:
        http_server.plays(PATH, CUT)
        link = hashed(http_server.url(PATH), CONTENT)
        machine.interrupted(link)
        machine.part(link).write_bytes(CONTENT)
        self.given_away(machine, link)
        http_server.forget()
        with machine.part(link).open("r+b") as theirs:
            outcome = machine.download(link)
            theirs.write(b"too late")

        assert outcome.path.read_bytes() == CONTENT
        entry = machine.entry(http_server.url(PATH))
        assert entry is None or entry[0] == CONTENT
        assert http_server.requests(PATH) == []

    def test_wrong_bytes_of_theirs_cost_one_fresh_download(self, machine: Machine, http_server: FaultServer) -> None:
        http_server.plays(PATH, CUT, FILE)
        link = hashed(http_server.url(PATH), CONTENT)
        machine.interrupted(link)
        machine.part(link).write_bytes(OTHER[:HELD])
        self.given_away(machine, link)

        assert machine.download(link).content == CONTENT

    def test_without_a_hash_their_bytes_are_not_used(self, machine: Machine, https_server: FaultServer) -> None:
        https_server.plays(PATH, CUT, FILE)
        link = Link(https_server.url(PATH))
        machine.interrupted(link)
        self.given_away(machine, link)

        assert machine.download(link).content == CONTENT

        assert https_server.asked_ranges(PATH) == [None, None]


class TestPlainHttp:
    def test_a_file_without_a_hash_is_never_kept(self, machine: Machine, http_server: FaultServer) -> None:
        http_server.plays(PATH, CUT, FILE)

        machine.interrupted(Link(http_server.url(PATH)))

        assert machine.left_in_store() == []

    def test_what_was_kept_of_it_all_the_same_is_not_used(self, machine: Machine, http_server: FaultServer) -> None:
        """Planted, or left when the same URL had a hash that is no identity."""
        http_server.plays(PATH, CUT, FILE)
        with_md5 = hashed(http_server.url(PATH), CONTENT, name="md5")
        machine.interrupted(with_md5)
        assert machine.kept(with_md5) == CONTENT[:HELD]
        evil = bytearray(CONTENT[:HELD])
        evil[0] ^= 1
        machine.part(with_md5).write_bytes(evil)

        assert machine.download(Link(http_server.url(PATH))).content == CONTENT
