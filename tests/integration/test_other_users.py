"""Real other users who may write to the cache directory, beside a victim who is root or a normal user."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from integration.machine import BOOT_ID, Machine, artifact_of, hashed_link
from integration.old_partials import MIB, NOW_S, leave_partial, set_age
from integration.other_users import (
    ATTACKER,
    GROUP,
    VICTIM,
    acting_as,
    attacking,
    hold_open,
    keep_locked,
    lock,
    lock_a_link,
    lock_what_can_be_read,
    replace_what_is_new,
    swap_for_directory,
)
from integration.samples import (
    CONTENT,
    CUT,
    FILE,
    HELD,
    NEXT_RUN_RANGE,
    PATH,
    SIZE,
    cut,
    link_with_hash,
    link_without_hash,
)
from pip._internal.models.link import Link
from servers.certificates import Certificates
from servers.fault_server import FaultServer
from servers.index_pages import IMMUTABLE

from pip_resume.artifact import url_key
from pip_resume.errors import StoreUnusable
from pip_resume.protocol.checkpoint import FORMAT, Checkpoint, encode_checkpoint
from pip_resume.protocol.planning import OVERLAP_BYTES
from pip_resume.storage import housekeeping, part_file, store
from pip_resume.storage.directory import Directory
from pip_resume.storage.housekeeping import (
    DAY_S,
    make_room,
    own_entries,
    prune,
    prune_opportunistically,
    remove_leftovers,
)
from pip_resume.storage.part_file import PartFile
from pip_resume.storage.record import Record, read_record
from pip_resume.storage.store import Store
from pip_resume.storage.stored_partial import StoredPartial

pytestmark = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can act as other users"
)
NOT_CACHED = replace(FILE, fields={"Cache-Control": "no-store"})
VICTIMS = [pytest.param(0, id="root"), pytest.param(VICTIM, id="a normal user")]
MODES = [
    pytest.param(0o2775, id="a cache that a group may write"),
    pytest.param(0o777, id="a cache that everybody may write"),
    pytest.param(0o1777, id="a sticky cache"),
]
UMASKS = [0o002, 0o022, 0o077]


@pytest.fixture(params=VICTIMS)
def victim(request: pytest.FixtureRequest) -> int:
    uid: int = request.param
    return uid


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory that other users can reach, unlike pytest's own."""
    directory = Path(tempfile.mkdtemp(prefix="pip-resume-shared-", dir="/tmp"))
    directory.chmod(0o755)
    monkeypatch.setenv("HOME", str(directory))
    umask = os.umask(0o022)
    yield directory
    os.umask(umask)
    shutil.rmtree(directory)


@pytest.fixture
def imported(tmp_path: Path, http_server: FaultServer) -> None:
    """Import as root what a download needs: a normal user may not be able to read this Python's files."""
    http_server.plays(PATH, CUT, FILE)
    machine = Machine(tmp_path / "warm up")
    with closing(machine.store):
        link = link_with_hash(http_server)
        machine.download_partly(link)
        machine.download(link)
        machine.download(link_without_hash(http_server))
        prune(machine.store.path, 0, 0, time.time())
    http_server.forget()


@pytest.fixture
def machine(shared: Path, victim: int, imported: None, certificates: Certificates) -> Iterator[Machine]:
    """A machine of the victim, whose cache directory a group may write."""
    home = shared / "home"
    home.mkdir(mode=0o700)
    os.chown(home, victim, victim)
    ca_file = shared / "ca.pem"
    ca_file.write_bytes(certificates.ca_file.read_bytes())
    made = Machine(home, ca_file, cache_directory=shared / "cache")
    share_cache(made, victim, 0o2775)
    yield made
    made.store.close()


def share_cache(machine: Machine, owner: int, mode: int) -> None:
    machine.cache_directory.mkdir(exist_ok=True)
    os.chown(machine.cache_directory, owner, GROUP)
    machine.cache_directory.chmod(mode)


def make_store(machine: Machine, owner: int, mode: int) -> Path:
    """Make the directory of the store as if this user had made it."""
    path = machine.store.path
    path.mkdir()
    os.chown(path, owner, GROUP)
    path.chmod(mode)
    return path


def plant(path: Path, content: bytes = b"", mode: int = 0o666, owner: int = ATTACKER) -> Path:
    """Make a file of the attacker."""
    path.write_bytes(content)
    os.chown(path, owner, GROUP)
    path.chmod(mode)
    return path


def downloaded_partly(machine: Machine, server: FaultServer, victim: int) -> Link:
    """Return a link of which this user has downloaded a part. The server has the complete file from then on."""
    server.plays(PATH, CUT, FILE)
    link = link_with_hash(server)
    with acting_as(victim):
        machine.download_partly(link)
    return link


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


class TestOpenFiles:
    """Field report 5.1: a file is changed after its hash was checked."""

    @pytest.mark.parametrize("mask", UMASKS)
    @pytest.mark.parametrize("mode", MODES)
    def test_a_file_that_pip_gets_cannot_be_changed_by_a_process_that_opens_every_file_at_its_birth(
        self, mode: int, mask: int, victim: int, machine: Machine, http_server: FaultServer
    ) -> None:
        share_cache(machine, victim, mode)
        os.umask(mask)
        link, not_cached = link_with_hash(http_server), hashed_link(http_server.url("/not-cached.whl"), CONTENT[:-1])
        paths: list[Path] = []
        start = machine.cache_directory.parent / "start"
        with attacking(hold_open, machine.cache_directory, start) as attack:
            for _round in range(2):
                http_server.plays(PATH, CUT, FILE)
                http_server.plays("/not-cached.whl", replace(NOT_CACHED, content=CONTENT[:-1]))
                with acting_as(victim):
                    if not paths:
                        machine.download_partly(link)
                    paths += [machine.download(each).path for each in (link, not_cached, link, not_cached)]
                # Everything is open by now, and pip has checked the files of the first round.
                self.wait_for_links(machine, wanted=mask != 0o077)
                start.touch()
                time.sleep(0.05)
            with acting_as(victim):
                contents = [path.read_bytes() for path in paths]
                statuses = [path.stat() for path in paths]

        assert [content in (CONTENT, CONTENT[:-1]) for content in contents] == [True] * len(paths)
        assert {stat.S_IMODE(status.st_mode) for status in statuses} == {0o666 & ~mask}
        assert {status.st_uid for status in statuses} == {victim}
        # The bodies in pip's cache are made for the group, so that the attack is one that can succeed.
        assert attack.number > 0 or mask == 0o077

    @pytest.mark.parametrize("mode", MODES)
    def test_a_body_of_pips_cache_that_others_could_once_open_is_copied(
        self, mode: int, victim: int, machine: Machine, http_server: FaultServer
    ) -> None:
        """The cache was open to a group, and its modes were narrowed later. Descriptors stay open."""
        share_cache(machine, victim, mode)
        os.umask(0o002)
        http_server.plays(PATH, FILE)
        link, start = link_with_hash(http_server), machine.cache_directory.parent / "start"
        with attacking(hold_open, machine.cache_directory, start) as attack:
            with acting_as(victim):
                machine.download(link)
            self.wait_for_links(machine, wanted=True)
            for path in [machine.cache_directory, *machine.cache_directory.rglob("*")]:
                path.chmod(mode_of(path) & ~0o7022)
            http_server.forget()
            os.umask(0o022)
            with acting_as(victim):
                placed = machine.download(link).path
            start.touch()
            time.sleep(0.05)
            with acting_as(victim):
                content, body = placed.read_bytes(), machine.cached_body(http_server.url(PATH))

        assert (content, http_server.requests(PATH)) == (CONTENT, [])
        assert attack.number > 0
        assert body != CONTENT  # So the attack is one that can succeed.

    def wait_for_links(self, machine: Machine, *, wanted: bool) -> None:
        """Wait until the attacker has opened a file, and has had the time to write into it."""
        end_s = time.monotonic() + 20
        while wanted and time.monotonic() < end_s and not any((machine.cache_directory / "links").iterdir()):
            time.sleep(0.005)
        time.sleep(0.02)

    @pytest.mark.parametrize("mask", [0o002, 0o022])
    @pytest.mark.parametrize("mode", MODES)
    def test_pip_gets_the_part_itself_once_no_other_user_can_reach_it(
        self,
        mode: int,
        mask: int,
        victim: int,
        machine: Machine,
        http_server: FaultServer,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """One copy is for pip's cache, as in plain pip. A second one for pip is not needed."""
        copied, copy = [], part_file._copy

        def counting(source: int, target: int, length: int) -> None:
            copied.append((os.fstat(source).st_ino, length))
            copy(source, target, length)

        monkeypatch.setattr(part_file, "_copy", counting)
        share_cache(machine, victim, mode)
        os.umask(mask)
        http_server.plays(PATH, FILE)
        with acting_as(victim):
            placed = machine.download(link_with_hash(http_server)).path.stat()

        assert copied == [(placed.st_ino, SIZE)]
        assert (placed.st_nlink, stat.S_IMODE(placed.st_mode)) == (1, 0o666 & ~mask)
        assert machine.cached_body(http_server.url(PATH)) == CONTENT

    @pytest.mark.parametrize("fields", [{}, {"Cache-Control": "no-store"}], ids=["cached", "not cached"])
    def test_a_file_with_the_longest_name_is_handed_over(
        self, fields: dict[str, str], victim: int, machine: Machine, http_server: FaultServer
    ) -> None:
        path = f"/{'a' * 230}-1.0-py3-none-any.whl"
        http_server.plays(path, replace(FILE, fields=fields))
        with acting_as(victim):
            outcome = machine.download(hashed_link(http_server.url(path), CONTENT))

        assert (outcome.content, outcome.path.name) == (CONTENT, path[1:])
        assert outcome.path.stat().st_nlink == 1

    @pytest.mark.parametrize("mask", [0o002, 0o022])
    def test_pip_gets_a_copy_if_a_different_user_has_made_a_link_of_the_part(
        self, mask: int, victim: int, machine: Machine, http_server: FaultServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Linux allows that only with fs.protected_hardlinks=0, for a file that the user cannot open."""
        os.umask(mask)
        link = downloaded_partly(machine, http_server, victim)
        part = machine.part_path(link)
        theirs = part.with_name("theirs")
        copy = StoredPartial.copy_to

        def link_first(partial: StoredPartial, target: Path, mode: int) -> bool:
            os.link(part, theirs)
            return copy(partial, target, mode)

        monkeypatch.setattr(StoredPartial, "copy_to", link_first)
        with acting_as(victim):
            outcome = machine.download(link)

        assert outcome.content == CONTENT
        assert outcome.path.stat().st_nlink == 1
        assert mode_of(outcome.path) == 0o666 & ~mask
        assert (theirs.stat().st_nlink, mode_of(theirs)) == (1, 0o600)

    def test_a_file_that_pips_cache_does_not_take_stays_unreadable_for_others(
        self, victim: int, machine: Machine, http_server: FaultServer
    ) -> None:
        """Plain pip would not leave it anywhere. Whoever could read it could also lock it."""
        http_server.plays(PATH, NOT_CACHED)
        link = link_with_hash(http_server)
        with acting_as(victim):
            machine.download(link)
        http_server.forget()
        with attacking(lock_what_can_be_read, machine.store.path):
            time.sleep(0.05)
            with acting_as(victim):
                outcome = machine.download(link)

        assert mode_of(machine.part_path(link)) == 0o600
        assert outcome.content == CONTENT
        assert http_server.requests(PATH) == []

    def test_a_private_file_of_ours_that_gets_the_name_of_a_part_is_copied(
        self, victim: int, machine: Machine, http_server: FaultServer
    ) -> None:
        """It may be a temporary file of pip, which is given to the group later."""
        link = downloaded_partly(machine, http_server, victim)
        part = machine.part_path(link)
        different = plant(part.with_name("different"), part.read_bytes(), 0o600, owner=victim)
        different.rename(part)
        with part.open("rb") as file, acting_as(victim), closing(machine.store.claim(artifact_of(link))) as partial:
            assert partial.offset == HELD
            assert os.fstat(file.fileno()).st_nlink == 0

    def test_a_part_that_others_may_write_by_now_is_not_linked(
        self, victim: int, machine: Machine, http_server: FaultServer
    ) -> None:
        link = downloaded_partly(machine, http_server, victim)
        with acting_as(victim), closing(machine.store.claim(artifact_of(link))) as partial:
            machine.part_path(link).chmod(0o664)
            assert not partial.link_to(machine.cache_directory / "linked", 0o644)

        assert not (machine.cache_directory / "linked").exists()
        assert mode_of(machine.part_path(link)) == 0o664

    @pytest.mark.parametrize("mask", [0o022, 0o077])
    def test_a_file_of_a_different_user_does_not_get_into_pips_cache_in_the_place_of_a_copy(
        self, mask: int, victim: int, machine: Machine, http_server: FaultServer
    ) -> None:
        """The directory of the store is the attacker's. The cache is sticky: there the attacker can replace nothing."""
        share_cache(machine, 0, 0o1777)
        make_store(machine, ATTACKER, 0o777)
        content = CONTENT * 15  # Large enough that a copy takes some time.
        own = plant(machine.cache_directory.parent / "own", content[:-1] + b"!")
        example = plant(machine.store.path / "example.new", owner=victim)
        os.umask(mask)
        with attacking(replace_what_is_new, machine.store.path, own) as attack:
            for number in range(3):
                path = f"/{number}{PATH}"
                http_server.plays(path, replace(FILE, content=content))
                with acting_as(victim):
                    assert machine.download(hashed_link(http_server.url(path), content)).content == content
                assert machine.cached_body(http_server.url(path)) == content

        assert attack.number > 0
        assert example.stat().st_uid == ATTACKER


class TestLocks:
    @pytest.mark.parametrize("growth", [0, 100_000])
    @pytest.mark.parametrize("mode", [0o2775, 0o1777])
    def test_the_lock_of_a_different_user_on_a_link_of_a_file_of_ours_is_not_waited_for(
        self, mode: int, growth: int, victim: int, machine: Machine, http_server: FaultServer
    ) -> None:
        """The bodies in pip's cache are writable for whoever may write to the cache."""
        http_server.plays(PATH, CUT, FILE)
        link = link_with_hash(http_server)
        share_cache(machine, victim, mode)
        make_store(machine, victim, mode)
        body = plant(machine.cache_directory / "body", CONTENT, 0o666, owner=victim)
        with attacking(lock_a_link, body, machine.part_path(link), growth), acting_as(victim):
            machine.download_partly(link)
            outcome = machine.download(link)

        assert outcome.content == CONTENT
        assert outcome.display.store_errors == []
        assert http_server.asked_ranges(PATH) == [None, NEXT_RUN_RANGE]

    def test_the_lock_of_a_different_user_is_not_waited_for(
        self, victim: int, machine: Machine, http_server: FaultServer
    ) -> None:
        """The display of this test fails if a run waits. The other user's file grows without using the disk."""
        http_server.plays(PATH, CUT, FILE)
        link = link_with_hash(http_server)
        make_store(machine, victim, 0o2775)
        plant(machine.record_path(link), encode_checkpoint(Checkpoint(complete_length=1 << 50)))
        with attacking(keep_locked, machine.part_path(link), 100_000), acting_as(victim):
            machine.download_partly(link)
            stored = machine.own_part_path(link).read_bytes()
            outcome = machine.download(link)

        assert stored == CONTENT[:HELD]
        assert outcome.content == CONTENT
        assert outcome.display.store_errors == []
        assert http_server.asked_ranges(PATH) == [None, NEXT_RUN_RANGE]


class TestRecords:
    @pytest.mark.parametrize(
        "record",
        [
            pytest.param(
                encode_checkpoint(Checkpoint(filename="other-1.0.tar.gz", complete_length=SIZE)), id="a different name"
            ),
            pytest.param(b'{"format": %d}' % (FORMAT + 1), id="a newer version"),
        ],
    )
    def test_a_record_of_a_different_user_is_not_used_for_our_bytes(
        self, record: bytes, victim: int, machine: Machine, http_server: FaultServer
    ) -> None:
        link = downloaded_partly(machine, http_server, victim)
        machine.record_path(link).unlink()
        plant(machine.record_path(link), record, mode=0o644)
        with acting_as(victim):
            outcome = machine.download(link)

        assert outcome.content == CONTENT
        assert outcome.path.name == link.filename
        assert outcome.display.store_errors == []


class TestStickyDirectories:
    """Field report 5.3."""

    @pytest.fixture(autouse=True)
    def sticky(self, victim: int, machine: Machine) -> None:
        share_cache(machine, ATTACKER if victim else 0, 0o1777)
        make_store(machine, ATTACKER if victim else 0, 0o1777)

    @pytest.mark.parametrize("kind", ["part file", "record", "both", "part file with a link"])
    def test_a_name_of_a_different_user_does_not_keep_a_user_from_resuming(
        self, kind: str, victim: int, machine: Machine, http_server: FaultServer
    ) -> None:
        http_server.plays(PATH, CUT, FILE)
        link = link_with_hash(http_server)
        if kind != "record":
            plant(machine.part_path(link), b"theirs", mode=0o600)
        if kind in ("record", "both"):
            plant(machine.record_path(link), b"theirs", mode=0o600)
        if kind == "part file with a link":
            os.link(machine.part_path(link), machine.store.path / "second")

        with acting_as(victim):
            machine.download_partly(link)
            outcome = machine.download(link)

        assert outcome.content == CONTENT
        assert outcome.display.store_errors == []
        assert http_server.asked_ranges(PATH) == [None, NEXT_RUN_RANGE]
        assert [path.name for path in machine.store.path.iterdir() if path.stat().st_uid != ATTACKER] == []

    def test_runs_in_a_directory_whose_names_are_all_taken_leave_nothing_behind(
        self, victim: int, machine: Machine, http_server: FaultServer
    ) -> None:
        http_server.plays(PATH, CUT, FILE)
        link = link_with_hash(http_server)
        own = machine.store.path / f"{artifact_of(link).key}-u{victim}.part"
        for path in (machine.part_path(link), own):
            path.mkdir()
            os.chown(path, ATTACKER, GROUP)
        with acting_as(victim):
            machine.download_partly(link)
            outcome = machine.download(link)

        assert outcome.content == CONTENT
        assert {path.name for path in machine.store.path.iterdir()} == {own.name, machine.part_path(link).name}
        assert list(machine.store.path.glob("*/*")) == []

    def test_a_part_file_is_pruned_although_a_different_user_has_put_a_record_beside_it(
        self, victim: int, machine: Machine
    ) -> None:
        with acting_as(victim):
            part = leave_partial(machine.store)
        part.with_suffix(".json").unlink()
        plant(part.with_suffix(".json"))
        with acting_as(victim):
            prune(machine.store.path, 14, 0, NOW_S)

        assert not part.exists()


FORGED_STORES = [
    pytest.param(ATTACKER, 0o777, id="a store that the different user has made"),
    pytest.param(None, 0o1777, id="a sticky store"),
    pytest.param(None, 0o2775, id="a store that the group may write"),
]


FILE_MODES = pytest.mark.parametrize(
    "file_mode",
    [
        pytest.param(0o666, id="a file that others may write"),
        pytest.param(0o644, id="a file that others could write once, and may read"),
        pytest.param(0o600, id="a file that others could write once"),
    ],
)


class TestForgedRecords:
    """A different user may give hard links of files of ours that they can write to, or could once, our names."""

    def forge(
        self, machine: Machine, link: Link, victim: int, content: bytes, mode: int = 0o666, **record: Any
    ) -> Path:
        """Leave a part with this content, and a record for it, in files of the victim with this mode."""
        part = plant(machine.part_path(link), content, mode, owner=victim)
        checkpoint = Checkpoint(
            complete_length=SIZE,
            fields={"etag": '"v1"', "cache-control": IMMUTABLE},
            url_key=url_key(link.url_without_fragment),
            boot_id=BOOT_ID,
            inode=part.stat().st_ino,
            synced=len(content),
        )
        plant(machine.record_path(link), encode_checkpoint(checkpoint._replace(**record)), mode, owner=victim)
        return part

    @FILE_MODES
    @pytest.mark.parametrize(("owner", "mode"), FORGED_STORES)
    def test_without_a_hash_nothing_of_them_is_used(
        self, owner: int | None, mode: int, file_mode: int, victim: int, machine: Machine, https_server: FaultServer
    ) -> None:
        """All is right but the bytes before the overlap: their checksum may be that of the right ones, too."""
        share_cache(machine, victim, 0o1777)
        make_store(machine, victim if owner is None else owner, mode)
        https_server.plays(PATH, FILE)
        link = link_without_hash(https_server)
        self.forge(machine, link, victim, b"x" + CONTENT[1:HELD], file_mode)
        with acting_as(victim):
            outcome = machine.download(link)

        assert outcome.content == CONTENT
        assert https_server.asked_ranges(PATH) == [None]
        assert machine.cached_body(https_server.url(PATH)) == CONTENT

    @pytest.mark.parametrize(("owner", "mode"), FORGED_STORES)
    @pytest.mark.parametrize(
        "record",
        [
            pytest.param({"filename": "other-1.0.tar.gz", "content_type": "text/html"}, id="a different name"),
            pytest.param({"fields": {"etag": '"x"', "content-encoding": "gzip", "vary": "*"}}, id="wrong fields"),
            pytest.param({"inode": 7}, id="a record of a different file"),
        ],
    )
    def test_with_a_hash_the_bytes_are_used_and_no_name_and_no_field(
        self,
        record: dict[str, Any],
        owner: int | None,
        mode: int,
        victim: int,
        machine: Machine,
        http_server: FaultServer,
    ) -> None:
        share_cache(machine, victim, 0o1777)
        make_store(machine, victim if owner is None else owner, mode)
        http_server.plays(PATH, FILE)
        link = link_with_hash(http_server)
        self.forge(machine, link, victim, CONTENT[:HELD], **record)
        with acting_as(victim):
            outcome = machine.download(link)

        assert (outcome.content, outcome.path.name) == (CONTENT, link.filename)
        assert http_server.asked_ranges(PATH) == [NEXT_RUN_RANGE]
        entry = machine.cache_entry(http_server.url(PATH))
        assert entry is not None
        assert not {"content-encoding", "vary"} & {name.lower() for name in entry[1]}

    @pytest.mark.parametrize("mode", [0o755, 0o2775])
    def test_without_a_hash_only_what_the_next_run_can_use_is_stored(
        self, mode: int, victim: int, machine: Machine, https_server: FaultServer
    ) -> None:
        share_cache(machine, victim, mode)
        https_server.plays(PATH, CUT, FILE)
        link = link_without_hash(https_server)
        is_kept = mode == 0o755
        with acting_as(victim):
            assert machine.download_partly(link).is_stored == is_kept
            outcome = machine.download(link)

        assert outcome.content == CONTENT
        assert outcome.display.store_errors == []
        assert https_server.asked_ranges(PATH) == [None, NEXT_RUN_RANGE if is_kept else None]

    @FILE_MODES
    @pytest.mark.parametrize(("owner", "mode"), FORGED_STORES)
    @pytest.mark.parametrize("mask", UMASKS)
    @pytest.mark.parametrize("held", [HELD, SIZE])
    def test_with_a_hash_pip_gets_no_file_that_was_there_before(
        self,
        held: int,
        mask: int,
        owner: int | None,
        mode: int,
        file_mode: int,
        victim: int,
        machine: Machine,
        http_server: FaultServer,
    ) -> None:
        """A different user may have it open, and write to it after pip has checked its hash."""
        share_cache(machine, victim, 0o1777)
        make_store(machine, victim if owner is None else owner, mode)
        http_server.plays(PATH, FILE)
        link = link_with_hash(http_server)
        part = self.forge(machine, link, victim, CONTENT[:held], file_mode)
        os.umask(mask)
        with part.open("r+b") as theirs:
            with acting_as(victim):
                path = machine.download(link).path
            theirs.write(b"too late")

        assert path.read_bytes() == CONTENT
        assert machine.cached_body(http_server.url(PATH)) in (CONTENT, None)

    def test_a_file_of_ours_with_holes_is_not_copied(
        self, victim: int, machine: Machine, http_server: FaultServer
    ) -> None:
        http_server.plays(PATH, CUT, FILE)
        link = link_with_hash(http_server)
        make_store(machine, victim, 0o2775)
        part = self.forge(machine, link, victim, b"", complete_length=4 * 1024 * MIB, synced=3 * 1024 * MIB)
        os.truncate(part, 3 * 1024 * MIB)
        with acting_as(victim):
            machine.download_partly(link)

        used = sum(path.stat().st_blocks * 512 for path in machine.store.path.iterdir())
        assert HELD < used < 2 * SIZE
        assert http_server.asked_ranges(PATH) == [None]

    def test_a_lock_of_a_different_user_on_a_file_of_ours_is_not_waited_for(
        self, victim: int, machine: Machine, http_server: FaultServer
    ) -> None:
        """The display of this test fails if a run waits. The file has the mode and the record of a part of ours."""
        http_server.plays(PATH, FILE)
        link = link_with_hash(http_server)
        make_store(machine, victim, 0o2775)
        part = self.forge(machine, link, victim, CONTENT[:HELD], 0o600, filename=link.filename)
        part.chmod(0o660)
        with attacking(lock, part), acting_as(victim):
            part.chmod(0o600)
            assert machine.download(link).content == CONTENT

    def test_the_record_of_a_different_download_of_the_same_user_gives_no_name(
        self, victim: int, machine: Machine, http_server: FaultServer
    ) -> None:
        """The different user may rename files in this directory."""
        link = downloaded_partly(machine, http_server, victim)
        record = machine.record_path(link)
        http_server.plays("/other-1.0.tar.gz", cut(replace(FILE, content=CONTENT[:-1])))
        different = hashed_link(http_server.url("/other-1.0.tar.gz"), CONTENT[:-1])
        with acting_as(victim):
            machine.download_partly(different)
        machine.record_path(different).replace(record)
        http_server.plays(PATH, FILE)
        with acting_as(victim):
            outcome = machine.download(link)

        assert (outcome.content, outcome.path.name) == (CONTENT, link.filename)

    def test_a_newer_format_that_a_different_user_may_have_claimed_stops_nothing(
        self, victim: int, machine: Machine, http_server: FaultServer
    ) -> None:
        http_server.plays(PATH, CUT, FILE)
        link = link_with_hash(http_server)
        make_store(machine, victim, 0o2775)
        plant(machine.part_path(link), CONTENT[:HELD], 0o666, owner=victim)
        plant(machine.record_path(link), b'{"format": %d}' % (FORMAT + 1), 0o666, owner=victim)
        with acting_as(victim):
            machine.download_partly(link)
            outcome = machine.download(link)

        assert outcome.content == CONTENT
        assert outcome.display.store_errors == []
        assert http_server.asked_ranges(PATH) == [None, NEXT_RUN_RANGE]

    def test_a_part_that_was_renamed_to_a_different_artifact_is_not_waited_for(
        self, victim: int, machine: Machine, http_server: FaultServer
    ) -> None:
        """The display of this test fails if a run waits."""
        link = downloaded_partly(machine, http_server, victim)
        http_server.plays("/other-1.0.tar.gz", replace(FILE, content=CONTENT[:-1]))
        different = hashed_link(http_server.url("/other-1.0.tar.gz"), CONTENT[:-1])
        with acting_as(victim), closing(machine.store.claim(artifact_of(link))):
            for path in (machine.part_path, machine.record_path):
                path(link).rename(path(different))
            outcome = machine.download(different)

        assert outcome.content == CONTENT[:-1]

    @pytest.mark.parametrize("mode", MODES)
    def test_a_third_pip_at_once_downloads_for_itself_without_a_word(
        self, mode: int, victim: int, machine: Machine, http_server: FaultServer
    ) -> None:
        """Each user has two names for an artifact there, and no lock is waited for."""
        http_server.plays(PATH, FILE)
        link = link_with_hash(http_server)
        make_store(machine, victim, mode)
        with acting_as(victim), contextlib.ExitStack() as others:
            for _ in range(2):
                others.enter_context(closing(machine.store.claim(artifact_of(link))))
            outcome = machine.download(link)

        assert (outcome.content, outcome.display.store_errors) == (CONTENT, [])

    def test_any_number_of_files_of_a_different_user_costs_little(
        self, victim: int, machine: Machine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_store(machine, victim, 0o2775)
        part = plant(machine.store.path / "part")
        record = plant(machine.store.path / "record", encode_checkpoint(Checkpoint("x" * 200)))
        for number in range(500):
            os.link(part, machine.store.path / f"{number:064x}.part")
            os.link(record, machine.store.path / f"{number:064x}.json")
            os.link(record, machine.store.path / f"{number + 1000:064x}.json")
        read: list[str] = []

        def counting(directory: Directory, name: str) -> Record:
            read.append(name)
            return read_record(directory, name)

        monkeypatch.setattr(housekeeping, "read_record", counting)
        with acting_as(victim):
            prune_opportunistically(machine.store.path, 14, 0, NOW_S)
            own_entries(machine.store.path)
            make_room([machine.store.path], 1, spare="")

        assert len(read) <= 50

    @pytest.mark.parametrize(("mode", "most"), [(0o2775, 100), (0o700, 1500)])
    def test_only_so_many_names_are_looked_at_where_others_can_put_any_number(
        self, mode: int, most: int, victim: int, machine: Machine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_store(machine, victim, mode)
        machine.cache_directory.chmod(0o755)
        for number in range(1500):
            plant(machine.store.path / f"{number:064x}.part", owner=victim, mode=0o600)
        monkeypatch.setattr(housekeeping, "_MOST_NAMES", 100)
        with acting_as(victim):
            assert len(own_entries(machine.store.path)) == most


class TestSizes:
    """Field report 5.4: what a different user has costs no room, and no partial of ours."""

    def test_a_sparse_file_is_not_copied(self, victim: int, machine: Machine, http_server: FaultServer) -> None:
        http_server.plays(PATH, CUT, FILE)
        link = link_with_hash(http_server)
        make_store(machine, victim, 0o2775)
        with plant(machine.part_path(link)).open("r+b") as file:
            file.truncate(3 * 1024 * MIB)
        plant(machine.record_path(link), encode_checkpoint(Checkpoint(complete_length=4 * 1024 * MIB)))
        with acting_as(victim):
            machine.download_partly(link)
            assert machine.own_part_path(link).read_bytes() == CONTENT[:HELD]

        used = sum(path.stat().st_blocks * 512 for path in machine.store.path.iterdir())
        assert HELD < used < 2 * SIZE

    def test_a_file_that_has_holes_only_after_it_was_opened_is_not_copied(self, victim: int, machine: Machine) -> None:
        """Its owner cuts it while its size is looked at, and lets it grow again."""
        link = hashed_link("https://example.com/sample.whl", CONTENT)
        make_store(machine, victim, 0o2775)
        path = plant(machine.part_path(link))
        os.truncate(path, 1024 * MIB)
        plant(machine.record_path(link), encode_checkpoint(Checkpoint(complete_length=1024 * MIB)))

        class Cutting(Store):
            def _borrow(self, part, artifact):  # type: ignore[no-untyped-def]
                os.truncate(path, 0)
                return super()._borrow(part, artifact)

        with closing(Cutting(machine.cache_directory, "")) as store, acting_as(victim):
            partial = store.claim(artifact_of(link))
            assert partial.offset == 0
            partial.close()

    @pytest.mark.parametrize("claimed_length", [None, 30 * SIZE, 40 * SIZE], ids=["unknown", "complete", "partial"])
    def test_a_file_that_is_longer_than_the_servers_is_not_copied(
        self,
        claimed_length: int | None,
        victim: int,
        machine: Machine,
        http_server: FaultServer,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """The different user may have filled the disk: nothing is copied before the server has said how long it is."""
        monkeypatch.setattr(store, "COPIED_AT_ONCE_BYTES", 20 * SIZE)
        http_server.plays(PATH, FILE, CUT, FILE)
        link = link_with_hash(http_server)
        make_store(machine, victim, 0o2775)
        plant(machine.part_path(link), os.urandom(30 * SIZE))
        plant(machine.record_path(link), encode_checkpoint(Checkpoint(complete_length=claimed_length)))
        copied, copy = [], PartFile.copy_from

        def counting(part: PartFile, source: PartFile, length: int) -> None:
            copied.append(length)
            copy(part, source, length)

        monkeypatch.setattr(PartFile, "copy_from", counting)
        with acting_as(victim):
            machine.download_partly(link)
            assert machine.own_part_path(link).read_bytes() == CONTENT[:HELD]
            assert machine.download(link).content == CONTENT

        assert max(copied, default=0) <= SIZE
        assert http_server.statuses(PATH) == [416, 200, 206]

    def test_a_long_complete_file_is_copied_once_the_server_has_said_how_long_it_is(
        self, victim: int, machine: Machine, http_server: FaultServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(store, "COPIED_AT_ONCE_BYTES", SIZE - 1)
        http_server.plays(PATH, FILE)
        link = link_with_hash(http_server)
        make_store(machine, victim, 0o2775)
        plant(machine.part_path(link), CONTENT)
        plant(machine.record_path(link), encode_checkpoint(Checkpoint(complete_length=SIZE)))
        with acting_as(victim):
            assert machine.download(link).content == CONTENT

        assert http_server.asked_ranges(PATH) == [f"bytes={SIZE - OVERLAP_BYTES}-"]
        assert http_server.sent(PATH) == OVERLAP_BYTES

    def test_a_file_that_is_cut_before_it_is_copied_costs_one_request(
        self, victim: int, machine: Machine, http_server: FaultServer
    ) -> None:
        http_server.plays(PATH, FILE)
        link = link_with_hash(http_server)
        make_store(machine, victim, 0o2775)
        part = plant(machine.part_path(link), CONTENT[:HELD])
        plant(machine.record_path(link), encode_checkpoint(Checkpoint(complete_length=SIZE)))
        with closing(machine.store) as theirs, acting_as(victim), closing(theirs.claim(artifact_of(link))) as partial:
            assert (partial.offset, partial.is_borrowed) == (HELD, True)
            os.truncate(part, 10)
            partial.copy_borrowed(SIZE)
            assert partial.offset == 0
            partial.append(b"new")
            assert machine.own_part_path(link).read_bytes() == b"new"

    @pytest.fixture
    def own(self, victim: int, machine: Machine) -> list[Path]:
        """Two partials of the victim's."""
        with acting_as(victim):
            return [leave_partial(machine.store, days_ago=days) for days in (2.0, 1.0)]

    @pytest.fixture
    def huge(self, machine: Machine, own: list[Path]) -> Path:  # noqa: ARG002 - `own` is older
        """A file of the attacker's with a size of 1 TiB, of which nothing is on the disk."""
        huge = plant(machine.store.path / f"{'f' * 64}.part", mode=0o600)
        os.truncate(huge, 1 << 40)
        plant(huge.with_suffix(".json"), encode_checkpoint(Checkpoint(complete_length=1 << 41)))
        return set_age(huge, 0)

    @pytest.mark.parametrize("limit", ["size", "room"])
    def test_no_partial_of_ours_is_removed_because_of_a_link_of_a_file_of_ours_that_a_different_user_lets_grow(
        self, limit: str, victim: int, machine: Machine, own: list[Path]
    ) -> None:
        """The bodies in pip's cache are writable for whoever may write to the cache."""
        body = plant(machine.cache_directory / "body", b"body", 0o666, owner=victim)
        path = machine.store.path / f"{'f' * 64}.part"
        with attacking(lock_a_link, body, path, 1 << 34), acting_as(victim):
            if limit == "size":
                prune(machine.store.path, 14, 10 * MIB, NOW_S)
            else:
                make_room([machine.store.path], 100 * MIB, spare="")

        assert all(each.exists() for each in own)

    @pytest.mark.usefixtures("huge")
    def test_pruning_removes_no_partial_of_ours_because_of_the_size_of_a_file_of_a_different_user(
        self, victim: int, machine: Machine, own: list[Path]
    ) -> None:
        with acting_as(victim):
            prune(machine.store.path, 14, 10 * MIB, NOW_S)

        assert all(path.exists() for path in own)

    @pytest.mark.usefixtures("huge")
    def test_no_partial_of_ours_is_removed_to_make_room_that_only_a_different_user_seems_to_use(
        self, victim: int, machine: Machine, own: list[Path]
    ) -> None:
        with acting_as(victim):
            make_room([machine.store.path], 100 * MIB, spare="")

        assert all(path.exists() for path in own)

    def test_pruning_by_age_goes_on_although_a_file_of_a_different_user_is_from_the_future(
        self, victim: int, machine: Machine, own: list[Path], huge: Path
    ) -> None:
        set_age(huge, -400 * DAY_S)
        with acting_as(victim):
            prune(machine.store.path, 1.5, 10 * MIB, NOW_S)

        assert [path.exists() for path in own] == [False, True]

    def test_pruning_happens_although_the_marker_is_a_different_users(
        self, victim: int, machine: Machine, own: list[Path]
    ) -> None:
        set_age(plant(machine.store.path / "pruned", mode=0o644), 60)
        with acting_as(victim):
            prune_opportunistically(machine.store.path, 1.5, 10 * MIB, NOW_S)

        assert [path.exists() for path in own] == [False, True]

    def test_a_second_link_of_a_private_file_in_the_place_of_the_marker_is_not_touched(
        self, victim: int, machine: Machine, own: list[Path]
    ) -> None:
        """Where the system lets users link files that they cannot write."""
        precious = plant(machine.cache_directory.parent / "home" / "precious", b"precious", 0o600, victim)
        os.utime(precious, (1, 1))
        os.link(precious, machine.store.path / "pruned")
        with acting_as(victim):
            prune_opportunistically(machine.store.path, 1.5, 10 * MIB, NOW_S)

        assert (precious.stat().st_mtime, precious.read_bytes(), mode_of(precious)) == (1, b"precious", 0o600)
        assert [path.exists() for path in own] == [False, True]


class TestExchangedFiles:
    def test_a_directory_of_ours_that_is_put_in_the_place_of_the_new_store_is_not_opened_for_others(
        self, victim: int, machine: Machine
    ) -> None:
        """Field report 5.2: a home became writable for a group."""
        private = machine.cache_directory / "private"
        private.mkdir()
        os.chown(private, victim, victim)
        private.chmod(0o700)
        os.utime(private, (1, 1))
        opened = os.open(private, os.O_RDONLY)
        share_cache(machine, victim, 0o2777)
        with attacking(swap_for_directory, machine.store.path, private) as attack, acting_as(victim):
            end_s = time.monotonic() + 2
            while time.monotonic() < end_s:
                with closing(Store(machine.cache_directory, "")) as store, contextlib.suppress(OSError, StoreUnusable):
                    store._make_directory()
                for place in (machine.store.path, machine.store.path.with_name("away")):
                    with contextlib.suppress(OSError):
                        if place.lstat().st_mtime != 1:
                            place.rmdir()
            mode = stat.S_IMODE(os.fstat(opened).st_mode)
        os.close(opened)
        assert mode == 0o700
        assert attack.number > 0


class TestPaths:
    @pytest.mark.parametrize(("owner", "is_used"), [(ATTACKER, False), (None, True), (0, True)])
    def test_a_symlink_of_a_different_user_leads_to_no_store(
        self,
        owner: int | None,
        is_used: bool,
        victim: int,
        shared: Path,
        imported: None,  # noqa: ARG002 - imports
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """It may lead to any closed directory of the victim, or to a file system that does not answer."""
        pips = shared / "pip"
        elsewhere = shared / "elsewhere" / store.DIRECTORY
        for directory, mode in ((pips, 0o1777), (elsewhere.parent, 0o755), (elsewhere, 0o700)):
            directory.mkdir()
            os.chown(directory, victim, GROUP)
            directory.chmod(mode)
        artifact = artifact_of(Link("https://index.test/a-1.whl#sha256=" + "a" * 64))
        plant(elsewhere / f"{artifact.key}.part", CONTENT[:HELD], 0o600, owner=victim)
        (pips / "http").symlink_to(elsewhere.parent)
        os.chown(pips / "http", victim if owner is None else owner, GROUP, follow_symlinks=False)

        looked: set[Path] = set()
        real = os.lstat

        def look(path: Path) -> os.stat_result:
            looked.add(path)
            return real(path)

        with acting_as(victim), closing(store.Store(pips / "http-v2", "boot")) as opened:
            with monkeypatch.context() as patched:
                patched.setattr(os, "lstat", look)
                assert opened.holds(artifact) is is_used
            assert (pips / "http" / store.DIRECTORY in looked) is is_used
            assert bool(housekeeping.directories(pips)) is is_used
            assert bool(housekeeping.entries(opened.paths[1])) is is_used

    @pytest.mark.parametrize(
        ("mode", "owner", "is_closed"),
        [
            pytest.param(0o755, None, True, id="nobody else may rename it"),
            pytest.param(0o1777, None, True, id="sticky: only its owner may"),
            pytest.param(0o1777, 0, True, id="sticky, of root"),
            pytest.param(0o2775, None, False, id="the group may"),
            pytest.param(0o777, 0, False, id="everybody may"),
            pytest.param(0o755, ATTACKER, False, id="a different user may"),
        ],
    )
    def test_a_directory_is_closed_only_if_nobody_can_put_a_different_one_in_its_place(
        self, mode: int, owner: int | None, is_closed: bool, victim: int, shared: Path
    ) -> None:
        upper = shared / "upper"
        path = upper / "http-v2" / store.DIRECTORY
        path.mkdir(parents=True)
        for each in (path, path.parent):
            os.chown(each, victim, victim)
        path.chmod(0o700)
        path.parent.chmod(0o755)
        os.chown(upper, victim if owner is None else owner, GROUP)
        upper.chmod(mode)

        with acting_as(victim), Directory.opened(path) as directory:
            assert directory.is_closed is is_closed

    def test_a_link_of_a_closed_directory_is_judged_by_both_paths(self, victim: int, shared: Path) -> None:
        path = shared / "moved" / "pip-resume"
        path.mkdir(parents=True)
        for each in (path, path.parent):
            os.chown(each, victim, victim)
        path.chmod(0o700)
        link = shared / "http"
        link.symlink_to(path.parent)
        for owner, is_closed in ((victim, True), (ATTACKER, False)):
            os.chown(link, owner, GROUP, follow_symlinks=False)
            with acting_as(victim), Directory.opened(link / "pip-resume") as directory:
                assert directory.is_closed is is_closed

    def test_a_record_of_a_different_user_gives_no_text_for_a_file_of_ours(
        self, victim: int, machine: Machine, http_server: FaultServer
    ) -> None:
        link = downloaded_partly(machine, http_server, victim)
        machine.record_path(link).unlink()
        plant(machine.record_path(link), encode_checkpoint(Checkpoint("run this command")), 0o644)

        with acting_as(victim):
            (entry,) = own_entries(machine.store.path)

        assert entry.filename == ""


class TestPipsCache:
    def test_the_permissions_of_a_cached_body_are_never_more_than_reading_and_writing(
        self, victim: int, machine: Machine, http_server: FaultServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A different user exchanges the entry by which pip's cache shows them."""
        from pip._internal.network.cache import SafeFileCache

        real = SafeFileCache.set

        def exchanged(cache: SafeFileCache, key: str, value: bytes, *rest: object) -> None:
            real(cache, key, value)
            if key.startswith("pip-resume:"):
                path = Path(cache._get_cache_path(key))
                path.unlink()
                path.write_bytes(b"")
                path.chmod(0o6777)

        monkeypatch.setattr(SafeFileCache, "set", exchanged)
        http_server.plays(PATH, CUT, FILE)
        with acting_as(victim):
            assert machine.download(link_with_hash(http_server)).content == CONTENT

        modes = {mode_of(path) for path in machine.cache_directory.rglob("*.body")}
        assert modes
        assert all(mode & ~0o666 == 0 for mode in modes)

    @pytest.mark.parametrize("kind", ["FIFO", "symlink"])
    def test_what_is_put_in_the_place_of_a_new_body_is_neither_opened_nor_waited_for(
        self, kind: str, victim: int, machine: Machine, http_server: FaultServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        opened = machine.cache_directory.parent / "opened"
        real = StoredPartial.copy_to

        def exchanged(partial: StoredPartial, target: Path, mode: int) -> bool:
            done = real(partial, target, mode)
            target.unlink()
            if kind == "FIFO":
                os.mkfifo(target)
            else:
                target.symlink_to(opened)
            return done

        monkeypatch.setattr(StoredPartial, "copy_to", exchanged)
        http_server.plays(PATH, CUT, FILE)
        os.mkfifo(opened)
        with acting_as(victim):
            outcome = machine.download(link_with_hash(http_server))

        assert outcome.content == CONTENT


def test_leftovers_of_a_different_user_do_no_harm(victim: int, machine: Machine) -> None:
    make_store(machine, ATTACKER, 0o1777)
    for kind in ("part", "json", "7-1-0123abcd.tmp", "7-1-0123abcd.new"):
        os.mkfifo(machine.store.path / f"{'a' * 64}.{kind}")
        (machine.store.path / f"{'b' * 64}.{kind}").symlink_to("/etc/passwd")
        (machine.store.path / f"{'c' * 64}.{kind}").mkdir()
    before = {path.name for path in machine.store.path.iterdir()}
    with acting_as(victim):
        prune(machine.store.path, 0, 0, time.time() + 400 * DAY_S)
        remove_leftovers(machine.store.path, time.time() + 400 * DAY_S)

    assert {path.name for path in machine.store.path.iterdir()} == before
