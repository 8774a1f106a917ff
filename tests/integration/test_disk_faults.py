"""A disk that fails below pip's cache directory, at each single call; pip's temporary directory is on another one."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import pytest
from integration.counted_calls import CHANGING, READING, CountedCalls
from integration.machine import FakeClock, Machine, artifact_of, hashed
from integration.processes import Listening, fetch
from integration.samples import CONTENT, CUT, FILE, OTHER, PATH, SIZE
from pip._internal.models.link import Link
from servers.fault_server import FaultServer, FileAnswer

from pip_resume.protocol.checkpoint import Checkpoint
from pip_resume.protocol.verdicts import OVERLAP_BYTES
from pip_resume.storage.store import SPARE_BYTES, Store

NEEDS_SPACE = ("copy_file_range", "link", "mkdir", "open", "pwrite")
"""What a full disk refuses; it still renames and removes."""


class DiskUsage(NamedTuple):
    """In bytes."""

    total: int
    used: int
    free: int


@dataclass(frozen=True)
class Fault:
    """What a disk says, and to what."""

    number: int
    calls: tuple[str, ...]
    lasts: bool
    """Whether all such calls fail from then on, or only one."""


FULL = Fault(errno.ENOSPC, NEEDS_SPACE, lasts=True)
USED_UP = Fault(errno.EDQUOT, NEEDS_SPACE, lasts=True)
READ_ONLY = Fault(errno.EROFS, CHANGING, lasts=True)
BAD_SECTOR = Fault(errno.EIO, CHANGING, lasts=False)
GONE = Fault(errno.EIO, CHANGING, lasts=True)
RESTARTED = Fault(errno.ESTALE, CHANGING, lasts=False)


@dataclass(frozen=True)
class Run:
    """What there is before the run, what the server answers in it, and what it may cost."""

    before: FileAnswer | None
    then: FileAnswer
    sent_at_most: int = SIZE + OVERLAP_BYTES


FIRST = Run(None, FILE)
GOES_ON = Run(CUT, FILE)
# Nobody can say which of the two files is the right one while neither can be written on.
REPLACES = Run(replace(CUT, content=OTHER), replace(FILE, ranges=False), sent_at_most=2 * SIZE)
CASES = [
    pytest.param(FIRST, FULL, id="the first run: ENOSPC, the disk is full"),
    pytest.param(FIRST, USED_UP, id="the first run: EDQUOT, the user's quota is used up"),
    pytest.param(FIRST, READ_ONLY, id="the first run: EROFS, remounted read-only after a fault"),
    pytest.param(FIRST, BAD_SECTOR, id="the first run: EIO once, a bad sector or a cable"),
    pytest.param(FIRST, GONE, id="the first run: EIO, the disk has gone"),
    pytest.param(FIRST, RESTARTED, id="the first run: ESTALE once, a file server that was restarted"),
    pytest.param(GOES_ON, FULL, id="a run that goes on: ENOSPC, the disk is full"),
    pytest.param(GOES_ON, READ_ONLY, id="a run that goes on: EROFS, remounted read-only after a fault"),
    pytest.param(GOES_ON, BAD_SECTOR, id="a run that goes on: EIO once, a bad sector or a cable"),
    pytest.param(GOES_ON, GONE, id="a run that goes on: EIO, the disk has gone"),
    pytest.param(REPLACES, FULL, id="a run that replaces wrong bytes: ENOSPC, the disk is full"),
    pytest.param(REPLACES, BAD_SECTOR, id="a run that replaces wrong bytes: EIO once, a bad sector or a cable"),
]


@contextlib.contextmanager
def failing(machine: Machine, fault: Fault, first: int) -> Iterator[CountedCalls]:
    """Let the call with this number below the cache directory fail."""

    def before(name: str, now: int) -> None:
        if now == first or (fault.lasts and now > first):
            raise OSError(fault.number, os.strerror(fault.number))

    calls = CountedCalls(str(machine.cache_directory), before, fault.calls)
    with pytest.MonkeyPatch.context() as patch:
        for name, stand_in in calls.stand_ins.items():
            patch.setattr(os, name, stand_in)
        yield calls


def check_what_is_left(machine: Machine, link: Link) -> None:
    """No hole, no wrong offset: what is left is the beginning of the file, and the next run makes it whole."""
    held = machine.kept(link) or b""
    assert held in (CONTENT[: len(held)], OTHER[: len(held)])
    assert machine.download(link).content == CONTENT


def thinned(calls: int) -> Iterator[int]:
    """The first and the last of so many calls, and some of those between."""
    return (number for number in range(1, calls + 1) if number <= 8 or number > calls - 6 or number % 7 == 0)


@pytest.mark.parametrize(("run", "fault"), CASES)
def test_a_disk_that_fails_costs_the_store_and_not_the_download(
    run: Run, fault: Fault, tmp_path: Path, http_server: FaultServer
) -> None:
    link = hashed(http_server.url(PATH), CONTENT)

    def prepared(name: object) -> Machine:
        (tmp_path / str(name)).mkdir()
        machine = Machine(tmp_path / str(name))
        if run.before is not None:
            http_server.plays(PATH, run.before)
            machine.interrupted(link)
        http_server.plays(PATH, run.then)
        return machine

    unharmed = prepared("unharmed")
    with failing(unharmed, replace(fault, lasts=False), 0) as calls:
        fetch(unharmed, link, Listening(), FakeClock())
    # How many blocks come in is the line's affair; that the first and the last calls are different ones is ours.
    assert len(calls.made) > 14
    assert {"open", "pwrite"} <= set(calls.made)

    for first in thinned(len(calls.made)):
        machine, told = prepared(first), Listening()
        http_server.forget()
        with failing(machine, fault, first) as harmed:
            content = fetch(machine, link, told, FakeClock())

        assert content == CONTENT, harmed.made[first - 1 :]
        assert len(told.unusable) <= 1
        assert http_server.sent(PATH) <= run.sent_at_most, harmed.made[first - 1 :]
        check_what_is_left(machine, link)


@pytest.mark.parametrize("lasts", [pytest.param(False, id="one sector"), pytest.param(True, id="the whole disk")])
def test_bytes_that_cannot_be_read_back_are_fetched_again(
    lasts: bool, tmp_path: Path, http_server: FaultServer
) -> None:
    """EIO: a partial of an earlier run on a disk that has gone bad since."""
    link = hashed(http_server.url(PATH), CONTENT)
    for first in (1, 2):
        (tmp_path / str(first)).mkdir()
        machine, told = Machine(tmp_path / str(first)), Listening()
        http_server.plays(PATH, CUT, FILE)
        machine.interrupted(link)
        with failing(machine, Fault(errno.EIO, READING, lasts=lasts), first) as calls:
            content = fetch(machine, link, told, FakeClock())

        assert len(calls.made) >= first
        assert content == CONTENT
        assert len(told.unusable) <= 1
        check_what_is_left(machine, link)


def test_a_write_that_is_cut_short_by_a_full_disk_counts_as_far_as_it_went(
    machine: Machine, http_server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ENOSPC in the middle of a block: a file system writes what still fits, and refuses the next byte."""
    http_server.plays(PATH, CUT, FILE)
    link = hashed(http_server.url(PATH), CONTENT)
    pwrite, room = os.pwrite, 700_000

    def pwrite_as_far_as_it_goes(descriptor: int, block: bytes, position: int) -> int:
        fits = memoryview(block)[: max(0, room - position)]
        if not fits:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return pwrite(descriptor, fits, position)

    partial = machine.store.claim(artifact_of(link))
    partial.note(Checkpoint(complete_length=SIZE))
    monkeypatch.setattr(os, "pwrite", pwrite_as_far_as_it_goes)
    for start in range(0, 655_360, 65_536):
        partial.append(CONTENT[start : start + 65_536])
    with pytest.raises(OSError, match="No space left"):
        partial.append(CONTENT[655_360:720_896])

    assert partial.offset == room
    partial.close()
    assert machine.kept(link) == CONTENT[:room]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MiB."""
    mounted = tmp_path / "small"
    mounted.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", mounted], check=False, capture_output=True)
    if made.returncode:
        pytest.skip("only root may mount a file system")
    yield mounted
    subprocess.run(["umount", "--lazy", mounted], check=True)


class TestSmallDisk:
    def test_a_real_disk_that_is_full_costs_one_warning_and_no_byte(
        self, small_disk: Path, http_server: FaultServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Store, "has_room", lambda *_: True)  # another process takes the room that there was
        (small_disk / "other").write_bytes(bytes(1_000_000))
        http_server.plays(PATH, FILE)
        machine, told = Machine(small_disk), Listening()
        link = hashed(http_server.url(PATH), CONTENT)

        content = fetch(machine, link, told, FakeClock())

        assert content == CONTENT
        assert [str(error.args[0]) for error in told.unusable] == [str(errno.ENOSPC)]
        assert (http_server.asked_ranges(PATH), http_server.sent(PATH)) == ([None], SIZE)
        assert machine.left_in_store() == []

    def test_what_has_no_room_is_not_begun(self, small_disk: Path, http_server: FaultServer) -> None:
        http_server.plays(PATH, FILE)
        machine, told = Machine(small_disk), Listening()

        content = fetch(machine, hashed(http_server.url(PATH), CONTENT), told, FakeClock())

        assert content == CONTENT
        assert ["not enough free space" in str(error) for error in told.unusable] == [True]
        assert http_server.sent(PATH) == SIZE
        assert machine.left_in_store() == []

    def test_a_disk_that_is_read_only_costs_one_warning(self, small_disk: Path, http_server: FaultServer) -> None:
        machine, told = Machine(small_disk), Listening()
        machine.cache_directory.mkdir()
        subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
        http_server.plays(PATH, FILE)

        content = fetch(machine, hashed(http_server.url(PATH), CONTENT), told, FakeClock())

        assert content == CONTENT
        assert len(told.unusable) == 1
        assert http_server.sent(PATH) == SIZE


def test_free_space_is_looked_at_before_a_large_download(
    machine: Machine, http_server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    http_server.plays(PATH, FILE)
    almost = SIZE + SPARE_BYTES - 1
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: DiskUsage(almost * 2, almost, almost))
    told = Listening()

    assert fetch(machine, hashed(http_server.url(PATH), CONTENT), told, FakeClock()) == CONTENT

    assert ["not enough free space" in str(error) for error in told.unusable] == [True]
    assert not machine.store.directory.exists()
