"""A different user exchanges the store's directory for a symlink to a victim's directory, in a tight loop.

The short version is in every run; `-m storm` makes 20,000 calls.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import shutil
import stat
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Callable

import pytest
from integration.machine import artifact_of, hashed_link
from integration.other_users import ATTACKER, GROUP, VICTIM, acting_as, attacking, swap_for_symlink

from pip_resume.errors import PartialBusy, StoreUnusable
from pip_resume.protocol.checkpoint import Checkpoint
from pip_resume.storage import housekeeping
from pip_resume.storage.store import DIRECTORY, Store

pytestmark = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can act as other users"
)
CONTENT = b"x" * 10_000
OLD_S = 400 * housekeeping.DAY_S
LINKS = [hashed_link(f"https://example.com/sample-{number}.whl", CONTENT + bytes([number])) for number in range(5)]
KEYS = [artifact_of(link).key for link in LINKS]
Snapshot = dict[str, tuple[int, int, int, int, int, bytes]]


@pytest.fixture
def places() -> Iterator[Path]:
    """A directory that both users can reach."""
    directory = Path(tempfile.mkdtemp(prefix="pip-resume-swapped-", dir="/tmp"))
    directory.chmod(0o755)
    umask = os.umask(0o022)
    yield directory
    os.umask(umask)
    shutil.rmtree(directory)


def make_victim(path: Path, owner: int) -> Path:
    """Make a directory of the victim's with files that have names like ours, and names that somebody would miss."""
    path.mkdir()
    names = [f"{key}.{ending}" for key in KEYS for ending in ("part", "json", "7-1-0123abcd.tmp", "7-1-0123abcd.new")]
    for name in [*names, "pruned", "settings.json", "package.json", "thesis.part"]:
        file = path / name
        file.write_bytes(b"precious")
        file.chmod(0o600)
        os.utime(file, (1, 1))
    for each in (*path.iterdir(), path):
        os.chown(each, owner, owner)
    path.chmod(0o700)
    return path


def snapshot(directory: Path) -> Snapshot:
    """Return inode, mode, owner, number of links, modification time and content of a directory and of its files."""
    found = {}
    for path in (directory, *directory.iterdir()):
        status = path.lstat()
        content = path.read_bytes() if stat.S_ISREG(status.st_mode) else b""
        found[path.name] = (*status[:2], status.st_uid, status.st_nlink, status.st_mtime_ns, content)
    return found


def download(store: Store, number: int, destination: Path) -> None:
    """Store a file in two steps, as two runs do, and give it to pip."""
    artifact, content = artifact_of(LINKS[number]), CONTENT + bytes([number])
    with closing(store.claim(artifact)) as partial:
        if partial.offset == 0:
            partial.note(Checkpoint(complete_length=len(content)))
        partial.append(content[partial.offset : len(content) // 2])
    with closing(store.claim(artifact)) as partial:
        partial.append(content[partial.offset :])
        partial.sync()
        if partial.has_right_digest():
            partial.place(destination)
            placed = destination.read_bytes()
            destination.unlink()
            assert placed == content
            partial.copy_to(destination, 0o644)
            with contextlib.suppress(FileNotFoundError):
                destination.unlink()
        else:
            partial.take_over(partial.beside(0, Checkpoint()))
            partial.discard()


def steps(cache: Path, home: Path) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield, without end, calls of everything that touches the store, each with a name."""
    path, now_s = cache / DIRECTORY, time.time() + OLD_S
    store = Store(cache, "")
    for number in itertools.count():
        link = number % len(LINKS)
        if number % 3 == 0:
            store.close()
            store = Store(cache, "")
        artifact = artifact_of(LINKS[link])
        yield "download", functools.partial(download, store, link, home / "file")
        yield "progress", functools.partial(store.progress, artifact)
        yield "forget", functools.partial(store.forget, artifact)
        yield "prune", lambda: housekeeping.prune(path, 0, 0, now_s)
        yield "prune now and then", lambda: housekeeping.prune_opportunistically(path, 0, 0, now_s)
        yield "make room", lambda: housekeeping.make_room([path], 1, spare="")
        yield "purge", lambda: [housekeeping.remove(entry) for entry in housekeeping.entries(path)]
        yield "remove leftovers", lambda: housekeeping.remove_leftovers(path, now_s)
        yield "try writing", lambda: housekeeping.try_writing(path)


def storm(cache: Path, home: Path, number: int) -> tuple[Counter[str], Counter[str]]:
    """Make so many calls; return how many of each succeeded, and how many were refused."""
    done: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    for name, call in itertools.islice(steps(cache, home), number):
        try:
            call()
        except (OSError, StoreUnusable, PartialBusy):
            refused[name] += 1
        else:
            done[name] += 1
    return done, refused


@pytest.mark.parametrize("owner", [pytest.param(0, id="root"), pytest.param(VICTIM, id="a normal user")])
@pytest.mark.parametrize(
    "number",
    [
        pytest.param(900, id="900 calls"),
        pytest.param(20_000, id="20,000 calls", marks=[pytest.mark.storm, pytest.mark.timeout(900)]),
    ],
)
def test_nothing_changes_behind_a_symlink_that_takes_the_place_of_the_store(
    number: int, owner: int, places: Path
) -> None:
    """Field report 5.2: a home got the mode 02775, and other programs' files were deleted."""
    cache, home = places / "cache", places / "home"
    precious = make_victim(places / "precious", owner)
    for path, mode in ((cache, 0o777), (home, 0o700), (cache / DIRECTORY, 0o777)):
        path.mkdir()
        os.chown(path, ATTACKER if path.name == DIRECTORY else owner, GROUP)
        path.chmod(mode)
    before = snapshot(precious)
    with attacking(swap_for_symlink, cache / DIRECTORY, precious) as attack, acting_as(owner):
        done, refused = storm(cache, home, number)

    assert snapshot(precious) == before
    assert list(home.iterdir()) == []
    assert done["download"] > 0
    assert attack.number > number / 20
    assert refused["download"] > 0 or number < 10_000  # A short run may never meet the symlink.
    print(f"{number} calls, {attack.number} exchanges; done {dict(done)}; refused {dict(refused)}")
