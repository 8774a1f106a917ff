"""A cache directory that is shared with other users: permissions, planted files, files of other users."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from integration.machine import Machine, artifact_of, hashed_link
from integration.samples import (
    CONTENT,
    CUT,
    FILE,
    HELD,
    NEXT_RUN_RANGE,
    OTHER_CONTENT,
    PATH,
    SIZE,
    cut,
    link_with_hash,
    link_with_partial,
    link_without_hash,
)
from pip._internal.models.link import Link
from servers.fault_server import FaultServer

from pip_resume.protocol.checkpoint import (
    Checkpoint,
    encode_checkpoint,
)
from pip_resume.protocol.planning import OVERLAP_BYTES
from pip_resume.storage.housekeeping import DAY_S, prune, prune_opportunistically

KEY = "0" * 64
TEMPORARY = "7-1-0123abcd"
"""What a temporary file has between the key and its ending."""
OTHER_UID = 65_533
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can change the owner of a file")


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def umask() -> Iterator[Callable[[int], int]]:
    """Set the umask by calling it; the former one is restored after the test."""
    before = os.umask(0o022)
    yield os.umask
    os.umask(before)


class TestModes:
    @pytest.mark.parametrize("mask", [0o000, 0o002, 0o022, 0o077])
    @pytest.mark.parametrize(
        ("cache", "directory"),
        [
            pytest.param(0o700, 0o700, id="a private cache"),
            pytest.param(0o755, 0o700, id="a cache that everybody may read"),
            pytest.param(0o770, 0o770, id="a cache that a group may write"),
            pytest.param(0o2770, 0o2770, id="a cache that a group may write, with setgid"),
            pytest.param(0o2775, 0o2775, id="a cache that a group may write and everybody may read"),
            pytest.param(0o1777, 0o1777, id="a cache that everybody may write"),
        ],
    )
    def test_only_the_owner_may_open_the_files_and_others_may_make_their_own_where_the_cache_grants_that(
        self,
        cache: int,
        directory: int,
        mask: int,
        machine: Machine,
        http_server: FaultServer,
        umask: Callable[[int], int],
    ) -> None:
        """Field report 5.1: a file that others could open for writing is never linked to where pip verifies it."""
        machine.cache_directory.mkdir()
        machine.cache_directory.chmod(cache)
        umask(mask)
        http_server.plays(PATH, CUT)
        link = link_with_hash(http_server)

        machine.download_partly(link)

        assert mode_of(machine.store.path) == directory
        assert mode_of(machine.part_path(link)) == 0o600
        assert mode_of(machine.record_path(link)) == 0o600

    def test_a_replacement_of_a_part_file_has_the_same_permissions(
        self, machine: Machine, umask: Callable[[int], int]
    ) -> None:
        machine.cache_directory.mkdir()
        machine.cache_directory.chmod(0o770)
        umask(0o000)
        with closing(machine.store.claim(artifact_of(hashed_link("http://127.0.0.1/x.whl", CONTENT)))) as partial:
            partial.note(Checkpoint())
            partial.append(CONTENT)
            partial.take_over(partial.beside(1000, Checkpoint()))
            assert partial.is_stored
            assert mode_of(partial.path) == 0o600


class TestPlantedFiles:
    """Another user has put something under a name that can be guessed."""

    @pytest.fixture
    def victim(self, tmp_path: Path) -> Iterator[Path]:
        """Make a private file of ours, and check after the test that it has not changed."""
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
    def test_a_planted_partial_or_record_is_not_followed_and_the_download_succeeds(
        self, kind: str, ending: str, machine: Machine, http_server: FaultServer, victim: Path
    ) -> None:
        http_server.plays(PATH, CUT, FILE)
        link = link_with_hash(http_server)
        machine.store.path.mkdir(parents=True)
        self.plant(kind, machine.part_path(link).with_suffix(ending), victim)

        outcome = machine.download(link)

        assert outcome.content == CONTENT
        assert len(outcome.display.store_errors) <= 1
        assert not victim.with_name("new").exists()
        assert http_server.sent(PATH) == SIZE

    @pytest.mark.parametrize("kind", ["symlink", "dangling symlink", "FIFO", "hard link"])
    def test_something_else_in_the_place_of_the_store_is_neither_used_nor_pruned(
        self, kind: str, machine: Machine, http_server: FaultServer, victim: Path
    ) -> None:
        http_server.plays(PATH, CUT, FILE)
        machine.cache_directory.mkdir()
        self.plant(kind, machine.store.path, victim)

        outcome = machine.download(link_with_hash(http_server))
        prune_opportunistically(machine.store.path, 0, 0, time.time())

        assert outcome.content == CONTENT
        assert len(outcome.display.store_errors) == 1
        assert http_server.sent(PATH) == SIZE

    def test_the_target_of_a_symlink_in_the_place_of_the_store_is_not_pruned(
        self, machine: Machine, tmp_path: Path
    ) -> None:
        """Not even if its files have names like ours."""
        downloads = tmp_path / "Downloads"
        downloads.mkdir()
        names = (f"{KEY}.part", f"{KEY}.json", f"{KEY}.{TEMPORARY}.tmp", f"{KEY}.{TEMPORARY}.new")
        unfinished = [downloads / name for name in names]
        for path in unfinished:
            path.write_bytes(b"precious")
            os.utime(path, (1, 1))
        machine.cache_directory.mkdir()
        machine.store.path.symlink_to(downloads)

        prune_opportunistically(machine.store.path, 0, 0, time.time())
        prune(machine.store.path, 0, 0, time.time())

        assert sorted(downloads.iterdir()) == sorted(unfinished)

    @pytest.mark.parametrize("kind", ["symlink", "dangling symlink", "FIFO", "directory"])
    def test_opportunistic_pruning_neither_follows_nor_waits_for_a_planted_marker(
        self, kind: str, machine: Machine, http_server: FaultServer, victim: Path
    ) -> None:
        link = link_with_partial(machine, http_server)
        self.plant(kind, machine.store.path / "pruned", victim)

        prune_opportunistically(machine.store.path, 14, SIZE, time.time() + 2 * DAY_S)

        assert machine.stored(link) == CONTENT[:HELD]
        assert not victim.with_name("new").exists()

    @pytest.mark.parametrize("kind", ["symlink", "FIFO", "directory"])
    @pytest.mark.parametrize(
        "name", [f"{KEY}.part", f"{KEY}.json", *(f"{KEY}.{TEMPORARY}.{ending}" for ending in ("tmp", "new"))]
    )
    def test_pruning_does_not_touch_what_is_not_a_regular_file(
        self, kind: str, name: str, machine: Machine, victim: Path
    ) -> None:
        machine.store.path.mkdir(parents=True)
        self.plant(kind, machine.store.path / name, victim)

        prune(machine.store.path, 0, 0, time.time() + 30 * DAY_S)

        assert machine.files_in_store() == [name]

    def test_a_hard_link_to_a_private_file_is_neither_used_nor_written_although_its_record_is_complete(
        self, machine: Machine, https_server: FaultServer, victim: Path
    ) -> None:
        https_server.plays(PATH, FILE)
        link = link_with_hash(https_server)
        machine.store.path.mkdir(parents=True)
        self.plant("hard link", machine.part_path(link), victim)
        record = Checkpoint(complete_length=8, inode=victim.stat().st_ino, boot_id="x", synced=8)
        machine.record_path(link).write_bytes(encode_checkpoint(record))

        assert machine.download(link).content == CONTENT

    def test_a_partial_with_a_second_name_is_continued_in_a_new_file(
        self, machine: Machine, http_server: FaultServer, tmp_path: Path
    ) -> None:
        link = link_with_partial(machine, http_server, cut(FILE, 100_000))
        os.link(machine.part_path(link), tmp_path / "second name")

        machine.download_partly(link)

        assert (tmp_path / "second name").read_bytes() == CONTENT[:HELD]
        assert machine.stored(link) == CONTENT[: HELD + 100_000 - OVERLAP_BYTES]


@needs_root
class TestFilesOfOtherUsers:
    def give_away(self, machine: Machine, link: Link) -> None:
        """Make the partial and its record those of another user."""
        for path in (machine.part_path(link), machine.record_path(link)):
            os.chown(path, OTHER_UID, OTHER_UID)

    def test_with_a_hash_their_partial_is_continued_in_a_new_file(
        self, machine: Machine, http_server: FaultServer
    ) -> None:
        link = link_with_partial(machine, http_server, cut(FILE, 100_000), FILE)
        self.give_away(machine, link)
        with machine.part_path(link).open("r+b") as theirs:
            machine.download_partly(link)
            theirs.write(b"too late")
            theirs.truncate(8)

        ours = machine.own_part_path(link)
        offset = HELD + 100_000 - OVERLAP_BYTES
        assert ours.read_bytes() == CONTENT[:offset]
        assert (ours.stat().st_uid, mode_of(ours)) == (os.geteuid(), 0o600)
        assert machine.stored(link) == b"too late"
        assert machine.download(link).content == CONTENT
        assert http_server.asked_ranges(PATH)[1:] == [NEXT_RUN_RANGE, f"bytes={offset - OVERLAP_BYTES}-"]
        assert not ours.exists()

    def test_their_complete_partial_is_copied_before_it_is_verified(
        self, machine: Machine, http_server: FaultServer
    ) -> None:
        link = link_with_partial(machine, http_server)
        machine.part_path(link).write_bytes(CONTENT)
        self.give_away(machine, link)
        http_server.forget()
        with machine.part_path(link).open("r+b") as theirs:
            outcome = machine.download(link)
            theirs.write(b"too late")

        assert outcome.path.read_bytes() == CONTENT
        assert http_server.requests(PATH) == []
        # pip's cache gets no entry, since it would have the fields of their record.
        assert machine.cached_body(http_server.url(PATH)) is None

    def test_their_wrong_bytes_cost_one_fresh_download(self, machine: Machine, http_server: FaultServer) -> None:
        link = link_with_partial(machine, http_server, FILE)
        machine.part_path(link).write_bytes(OTHER_CONTENT[:HELD])
        self.give_away(machine, link)

        assert machine.download(link).content == CONTENT

        assert http_server.asked_ranges(PATH) == [None, NEXT_RUN_RANGE, None]

    def test_without_a_hash_their_partial_is_not_used(self, machine: Machine, https_server: FaultServer) -> None:
        link = link_with_partial(machine, https_server, FILE, has_hash=False)
        self.give_away(machine, link)

        assert machine.download(link).content == CONTENT

        assert https_server.asked_ranges(PATH) == [None, None]


class TestPlainHttp:
    def test_without_a_hash_a_stored_partial_is_not_used(self, machine: Machine, http_server: FaultServer) -> None:
        """It is planted, or from a time when the link had a hash that is too weak to name a file."""
        http_server.plays(PATH, CUT, FILE)
        with_md5 = link_with_hash(http_server, name="md5")
        machine.download_partly(with_md5)
        assert machine.stored(with_md5) == CONTENT[:HELD]
        changed = bytearray(CONTENT[:HELD])
        changed[0] ^= 1
        machine.part_path(with_md5).write_bytes(changed)

        assert machine.download(link_without_hash(http_server)).content == CONTENT

        assert http_server.asked_ranges(PATH) == [None, None]
