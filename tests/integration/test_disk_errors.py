"""A disk that fails below pip's cache directory, at each single system call; pip's temporary directory works."""

from __future__ import annotations

import contextlib
import errno
import math
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import pytest
from integration.fakes import RecordingDisplay
from integration.machine import Machine, artifact_of
from integration.samples import (
    CONTENT,
    CUT,
    FILE,
    HELD,
    LOGIN_PAGE,
    OTHER_CONTENT,
    PATH,
    SIZE,
    UNTIL_CLOSE,
    WITHOUT_RANGES,
    link_with_hash,
)
from integration.system_calls import CHANGING, READING, CountedCalls
from pip._internal.models.link import Link
from servers.fault_server import FaultServer, FileAnswer, Framing

from pip_resume.errors import NoSpace, PipError
from pip_resume.inside_pip.transport import PipTransport
from pip_resume.protocol.checkpoint import Checkpoint
from pip_resume.protocol.planning import OVERLAP_BYTES
from pip_resume.storage.part_file import PartFile
from pip_resume.storage.store import SPARE_BYTES, Store
from pip_resume.wording import format_size

pytestmark = pytest.mark.slow

NEEDS_SPACE = ("copy_file_range", "link", "mkdir", "open", "pwrite")
"""The calls that fail on a full disk. It can still rename and remove."""
FEWEST_CALLS = 10
"""Every run makes more calls than this. How many more depends on the blocks in which the body arrives."""


class DiskUsage(NamedTuple):
    """In bytes. See `shutil.disk_usage`."""

    total: int
    used: int
    free: int


@dataclass(frozen=True)
class DiskError:
    """An error that the disk raises, and the calls that raise it."""

    errno: int
    calls: tuple[str, ...]
    lasts: bool
    """Whether all later calls fail as well, or only one fails."""


FULL = DiskError(errno.ENOSPC, NEEDS_SPACE, lasts=True)
QUOTA_EXCEEDED = DiskError(errno.EDQUOT, NEEDS_SPACE, lasts=True)
READ_ONLY = DiskError(errno.EROFS, CHANGING, lasts=True)
BAD_SECTOR = DiskError(errno.EIO, CHANGING, lasts=False)
DISCONNECTED = DiskError(errno.EIO, CHANGING, lasts=True)
RESTARTED = DiskError(errno.ESTALE, CHANGING, lasts=False)
FORBIDDEN = DiskError(errno.EINVAL, CHANGING, lasts=True)
"""What Python makes of the error of Windows for a file that a virus scanner has condemned (ERROR_VIRUS_INFECTED)."""


@dataclass(frozen=True)
class Scenario:
    """What an earlier run has stored, what the server has now, and what the run may cost."""

    before: FileAnswer | None
    """The response of the earlier run, which failed. None: there was no earlier run."""
    response: FileAnswer
    sent_at_most: int = SIZE + OVERLAP_BYTES
    cached_bytes: int | None = None
    """How many bytes from the start of the file pip's cache has, as if they were complete. None: there is no entry."""


FIRST = Scenario(None, FILE)
CONTINUES = Scenario(CUT, FILE)
# While neither of the two files can be written, nobody knows which one is right.
REPLACES = Scenario(replace(CUT, content=OTHER_CONTENT), WITHOUT_RANGES, sent_at_most=2 * SIZE)
TOO_LONG = replace(UNTIL_CLOSE, content=CONTENT + LOGIN_PAGE.body, ranges=False)
"""The file, and after it an error page of a gateway. More bytes are stored then than the file has."""
TOO_LONG_THEN_LENGTH = Scenario(TOO_LONG, WITHOUT_RANGES, sent_at_most=2 * SIZE)
# The first body may be cut where it ends. The second one ends there as well.
TOO_LONG_THEN_NO_LENGTH = Scenario(TOO_LONG, replace(UNTIL_CLOSE, ranges=False), sent_at_most=2 * SIZE + OVERLAP_BYTES)
CACHED_START = Scenario(None, FILE, sent_at_most=SIZE - HELD + OVERLAP_BYTES, cached_bytes=HELD)
CACHED_START_IS_LONGER = replace(CACHED_START, before=replace(CUT, cut_after=HELD // 2))
CASES = [
    pytest.param(FIRST, FULL, id="the first run: ENOSPC, the disk is full"),
    pytest.param(FIRST, QUOTA_EXCEEDED, id="the first run: EDQUOT, the user's quota is exceeded"),
    pytest.param(FIRST, READ_ONLY, id="the first run: EROFS, remounted read-only after an error"),
    pytest.param(FIRST, BAD_SECTOR, id="the first run: EIO once, a bad sector or a cable"),
    pytest.param(FIRST, DISCONNECTED, id="the first run: EIO, the disk was disconnected"),
    pytest.param(FIRST, RESTARTED, id="the first run: ESTALE once, the file server was restarted"),
    pytest.param(
        replace(FIRST, sent_at_most=2 * SIZE), FORBIDDEN, id="the first run: EINVAL, a virus scanner forbids the file"
    ),
    pytest.param(
        replace(CONTINUES, sent_at_most=2 * SIZE),
        FORBIDDEN,
        id="a run that continues: EINVAL, a virus scanner forbids the file",
    ),
    pytest.param(CONTINUES, FULL, id="a run that continues: ENOSPC, the disk is full"),
    pytest.param(CONTINUES, READ_ONLY, id="a run that continues: EROFS, remounted read-only after an error"),
    pytest.param(CONTINUES, BAD_SECTOR, id="a run that continues: EIO once, a bad sector or a cable"),
    pytest.param(CONTINUES, DISCONNECTED, id="a run that continues: EIO, the disk was disconnected"),
    pytest.param(REPLACES, FULL, id="a run that replaces wrong bytes: ENOSPC, the disk is full"),
    pytest.param(REPLACES, READ_ONLY, id="a run that replaces wrong bytes: EROFS, remounted read-only after an error"),
    pytest.param(REPLACES, BAD_SECTOR, id="a run that replaces wrong bytes: EIO once, a bad sector or a cable"),
    pytest.param(REPLACES, DISCONNECTED, id="a run that replaces wrong bytes: EIO, the disk was disconnected"),
    *(
        pytest.param(scenario, error, id=f"{name}: {error_name}")
        for name, scenario in (
            ("too many bytes are stored", TOO_LONG_THEN_LENGTH),
            ("too many bytes are stored, the body has no length", TOO_LONG_THEN_NO_LENGTH),
            ("pip's cache has the start of the file", CACHED_START),
            ("pip's cache has more of the file than the store", CACHED_START_IS_LONGER),
        )
        for error_name, error in (
            ("ENOSPC, the disk is full", FULL),
            ("EROFS, remounted read-only after an error", READ_ONLY),
            ("EIO once, a bad sector or a cable", BAD_SECTOR),
        )
    ),
]


@contextlib.contextmanager
def failing(machine: Machine, error: DiskError, first: int) -> Iterator[CountedCalls]:
    """Let the call number `first` (from 1) below the cache directory fail; 0: none fails."""

    def before(_name: str, number: int) -> None:
        if first and (number == first or (error.lasts and number > first)):
            raise OSError(error.errno, os.strerror(error.errno))

    calls = CountedCalls(str(machine.cache_directory), before, error.calls)
    with pytest.MonkeyPatch.context() as patch:
        calls.install(patch.setattr)
        yield calls


def prepared(scenario: Scenario, directory: Path, server: FaultServer) -> Machine:
    """Return a machine after the earlier run of a scenario. The server has what it has now."""
    machine = Machine(directory)
    if scenario.before is not None:
        server.plays(PATH, scenario.before)
        machine.download_partly(link_with_hash(server))
    if scenario.cached_bytes is not None:
        server.plays(PATH, FILE)
        machine.download_with_plain_pip(server.url(PATH))
        (body,) = machine.cache_directory.rglob("*.body")
        body.write_bytes(CONTENT[: scenario.cached_bytes])
    server.plays(PATH, scenario.response)
    server.forget()
    return machine


def check_next_run(machine: Machine, link: Link, earlier: bytes = CONTENT) -> None:
    """Check that the stored bytes are the start of the file, or of what was sent earlier, with no hole.

    Check that the next run completes it.
    """
    stored = machine.stored(link) or b""
    assert stored in (CONTENT[: len(stored)], earlier[: len(stored)])
    assert machine.download(link).content == CONTENT


def numbers_to_try(calls: int) -> Iterator[int]:
    """Return the numbers of the first and the last of so many calls, and of some between them."""
    return (number for number in range(1, calls + 1) if number <= 8 or number > calls - 6 or number % 7 == 0)


@pytest.mark.parametrize(("scenario", "error"), CASES)
def test_a_failing_disk_costs_the_stored_bytes_and_not_the_download(
    scenario: Scenario, error: DiskError, tmp_path: Path, http_server: FaultServer
) -> None:
    link = link_with_hash(http_server)
    machine = prepared(scenario, tmp_path / "without an error", http_server)
    with failing(machine, error, 0) as calls:
        machine.download(link)
    assert len(calls.made) > FEWEST_CALLS
    assert {"open", "pwrite"} <= set(calls.made)

    warnings = 0
    for first in numbers_to_try(len(calls.made)):
        machine = prepared(scenario, tmp_path / str(first), http_server)
        with failing(machine, error, first) as calls_with_error:
            outcome = machine.download(link)

        assert len(calls_with_error.made) >= min(first, FEWEST_CALLS), "the error did not happen"
        assert outcome.content == CONTENT, calls_with_error.made[first - 1 :]
        assert len(outcome.display.store_errors) <= 1
        assert http_server.sent(PATH) <= scenario.sent_at_most, calls_with_error.made[first - 1 :]
        warnings += len(outcome.display.store_errors)
        check_next_run(machine, link, CONTENT if scenario.before is None else scenario.before.content)
    assert warnings > 0


@pytest.mark.parametrize(
    "scenario",
    [
        pytest.param(TOO_LONG_THEN_LENGTH, id="too many bytes are stored"),
        pytest.param(replace(CACHED_START, sent_at_most=SIZE), id="pip's cache has the start of the file"),
    ],
)
def test_without_room_for_a_copy_of_the_held_bytes_the_file_is_downloaded_again(
    scenario: Scenario, tmp_path: Path, http_server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ENOSPC in pip's cache directory and in its temporary directory, but only for copies."""
    machine = prepared(scenario, tmp_path / "machine", http_server)

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(PartFile, "copy_from", fail)
    outcome = machine.download(link_with_hash(http_server))

    assert outcome.content == CONTENT
    assert http_server.sent(PATH) <= scenario.sent_at_most


@pytest.mark.parametrize("lasts", [pytest.param(False, id="one sector"), pytest.param(True, id="the whole disk")])
def test_stored_bytes_that_cannot_be_read_are_downloaded_again(
    lasts: bool, tmp_path: Path, http_server: FaultServer
) -> None:
    """EIO: the disk has become defective since the earlier run."""
    link = link_with_hash(http_server)
    for first in (1, 2):
        machine = Machine(tmp_path / str(first))
        http_server.plays(PATH, CUT, FILE)
        machine.download_partly(link)
        with failing(machine, DiskError(errno.EIO, READING, lasts=lasts), first) as calls:
            outcome = machine.download(link)

        assert len(calls.made) >= first
        assert outcome.content == CONTENT
        assert len(outcome.display.store_errors) <= 1
        check_next_run(machine, link)


def test_after_a_short_write_on_a_full_disk_the_written_bytes_count(
    machine: Machine, http_server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ENOSPC in the middle of a block: a file system writes what still fits, and then fails."""
    link = link_with_hash(http_server)
    pwrite, room = os.pwrite, 700_000

    def pwrite_what_fits(descriptor: int, block: bytes, position: int) -> int:
        fits = memoryview(block)[: max(0, room - position)]
        if not fits:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return pwrite(descriptor, fits, position)

    partial = machine.store.claim(artifact_of(link))
    partial.note(Checkpoint(complete_length=SIZE))
    monkeypatch.setattr(os, "pwrite", pwrite_what_fits)
    for start in range(0, 655_360, 65_536):
        partial.append(CONTENT[start : start + 65_536])
    with pytest.raises(OSError, match="No space left"):
        partial.append(CONTENT[655_360:720_896])

    assert partial.offset == room
    partial.close()
    assert machine.stored(link) == CONTENT[:room]


@pytest.mark.parametrize(
    ("response", "needed"),
    [
        pytest.param(FILE, SIZE, id="the length is known"),
        pytest.param(replace(FILE, framing=Framing.CHUNKED), 0, id="it is not, and nothing is held"),
    ],
)
def test_if_every_disk_is_full_the_user_is_told_how_much_the_file_needs(
    response: FileAnswer, needed: int, machine: Machine, http_server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    http_server.plays(PATH, response)
    display = RecordingDisplay()
    monkeypatch.setattr(os, "pwrite", fail)

    with pytest.raises(NoSpace):
        machine.download(link_with_hash(http_server), display=display)

    assert [space.needed for space in display.missing_space] == [needed]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of 2 MiB."""
    mounted = tmp_path / "small"
    mounted.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", mounted], check=False, capture_output=True)
    if made.returncode:
        pytest.skip("only root can mount a file system")
    yield mounted
    subprocess.run(["umount", "--lazy", mounted], check=True)


class TestSmallDisk:
    # pip cannot close the temporary file of its cache on a full disk, and Python 3.15 warns of a file left open.
    @pytest.mark.filterwarnings("ignore:Implicitly cleaning up:ResourceWarning")
    def test_a_full_disk_costs_one_warning_and_no_byte(
        self, small_disk: Path, tmp_path: Path, http_server: FaultServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Store, "free_bytes", lambda _: math.inf)  # Another process uses the room afterwards.
        (small_disk / "other").write_bytes(bytes(1_000_000))
        http_server.plays(PATH, FILE)
        machine = Machine(tmp_path, cache_directory=small_disk / "cache")

        outcome = machine.download(link_with_hash(http_server))

        assert outcome.content == CONTENT
        assert [error.args[0] for error in outcome.display.store_errors] == [errno.ENOSPC]
        assert (http_server.asked_ranges(PATH), http_server.sent(PATH)) == ([None], SIZE)
        assert machine.files_in_store() == []

    def test_a_file_that_is_too_large_for_the_disk_is_not_stored(
        self, small_disk: Path, tmp_path: Path, http_server: FaultServer
    ) -> None:
        http_server.plays(PATH, FILE)
        machine = Machine(tmp_path, cache_directory=small_disk / "cache")

        outcome = machine.download(link_with_hash(http_server))

        assert outcome.content == CONTENT
        (error,) = outcome.display.store_errors
        assert str(error) == (
            f"not enough free space in {machine.store.path} (2.1 MB free, {format_size(SIZE + SPARE_BYTES)} needed)"
        )
        assert http_server.sent(PATH) == SIZE
        assert machine.files_in_store() == []

    def test_a_read_only_disk_costs_one_warning(
        self, small_disk: Path, tmp_path: Path, http_server: FaultServer
    ) -> None:
        machine = Machine(tmp_path, cache_directory=small_disk / "cache")
        machine.cache_directory.mkdir()
        subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
        http_server.plays(PATH, FILE)

        outcome = machine.download(link_with_hash(http_server))

        assert outcome.content == CONTENT
        assert len(outcome.display.store_errors) == 1
        assert http_server.sent(PATH) == SIZE


def test_without_enough_free_space_nothing_is_stored(
    machine: Machine, http_server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    http_server.plays(PATH, FILE)
    free = SIZE + SPARE_BYTES - 1
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: DiskUsage(free * 2, free, free))

    outcome = machine.download(link_with_hash(http_server))

    assert outcome.content == CONTENT
    assert ["not enough free space" in str(error) for error in outcome.display.store_errors] == [True]
    assert not machine.store.path.exists()


@pytest.mark.parametrize("name", ["a" * 300, "sample-\ud800-1.0"], ids=["too long", "not in the locale"])
def test_a_file_name_that_the_system_does_not_have_ends_in_pips_own_error_after_one_download(
    machine: Machine, http_server: FaultServer, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """As with LC_ALL=C and a name outside ASCII: plain pip downloads the file and cannot write it."""
    http_server.plays(PATH, FILE)
    monkeypatch.setattr(PipTransport, "filename", lambda *_: f"{name}.whl")

    with pytest.raises(PipError) as caught:
        machine.download(link_with_hash(http_server))

    assert isinstance(caught.value.cause, (OSError, UnicodeEncodeError))
    assert http_server.asked_ranges(PATH) == [None]
