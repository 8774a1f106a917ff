"""What others can do with a file of the store that a pip has open. The same on every system."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from storage.conftest import CONTENT, HALF

from pip_resume.artifact import Artifact
from pip_resume.errors import PartialBusy
from pip_resume.protocol.checkpoint import Checkpoint
from pip_resume.storage.file_lock import try_lock
from pip_resume.storage.part_file import PartFile
from pip_resume.storage.sharing import CAN_LINK
from pip_resume.storage.store import Store
from pip_resume.storage.stored_partial import StoredPartial

IS_PYPY = sys.implementation.name == "pypy"


def names_in(store: Store) -> list[str]:
    """Return the endings of the names in the store's directory, sorted."""
    return sorted(path.suffix for path in store.path.iterdir())


def test_a_part_file_can_be_removed_while_a_pip_writes_it(partial: StoredPartial, tmp_path: Path) -> None:
    partial.path.unlink()

    partial.append(CONTENT[HALF:])
    partial.place(tmp_path / "file.whl")

    assert partial.is_stored == partial.path.exists(), "Windows may keep the name until the file is closed"
    assert partial.has_right_digest()
    assert (tmp_path / "file.whl").read_bytes() == CONTENT


def test_a_purge_removes_the_record_and_the_part_file_while_a_pip_writes_them(
    partial: StoredPartial, store: Store
) -> None:
    for path in store.path.iterdir():
        path.unlink()
    partial.append(CONTENT[HALF:])
    partial.close()

    assert names_in(store) == []


def test_a_part_file_can_be_read_and_renamed_while_a_pip_writes_it(partial: StoredPartial, tmp_path: Path) -> None:
    assert partial.path.read_bytes() == CONTENT[:HALF]

    moved = partial.path.rename(tmp_path / "moved")
    partial.append(CONTENT[HALF:])

    assert moved.read_bytes() == CONTENT


def test_a_part_file_that_is_replaced_stays_locked(partial: StoredPartial, store: Store, artifact: Artifact) -> None:
    partial.take_over(partial.beside(1000, Checkpoint(complete_length=len(CONTENT))))

    with pytest.raises(PartialBusy):
        store.claim(artifact)
    assert partial.is_stored
    assert partial.path.read_bytes() == CONTENT[:1000]
    assert names_in(store) == [".json", ".part"]


def test_a_name_that_is_free_again_can_be_used_at_once(
    partial: StoredPartial, store: Store, artifact: Artifact
) -> None:
    partial.discard()

    claimed = store.claim(artifact)

    assert claimed.is_stored
    claimed.close()


def test_an_earlier_part_file_is_continued_in_place(partial: StoredPartial, store: Store, artifact: Artifact) -> None:
    before = partial.path.stat().st_ino
    partial.close()

    claimed = store.claim(artifact)

    assert (claimed.offset, claimed.path.stat().st_ino) == (HALF, before)
    claimed.close()


@pytest.mark.skipif(not CAN_LINK, reason="Windows does not remove a link of a file that is open")
@pytest.mark.skipif(IS_PYPY, reason="os.link of PyPy fails with a directory and follow_symlinks=False: a copy is made")
def test_a_complete_file_is_given_to_pip_as_a_hard_link(partial: StoredPartial, tmp_path: Path) -> None:
    partial.append(CONTENT[HALF:])

    partial.place(tmp_path / "file.whl")

    assert (tmp_path / "file.whl").samefile(partial.path)
    partial.discard()
    assert (tmp_path / "file.whl").read_bytes() == CONTENT


def test_a_copy_takes_the_place_of_a_file(partial: StoredPartial, store: Store, tmp_path: Path) -> None:
    target = tmp_path / "body"
    target.write_bytes(b"old")

    assert partial.copy_to(target, target.stat().st_mode & 0o777)

    assert target.read_bytes() == CONTENT[:HALF]
    assert names_in(store) == ([".json", ".part"] if CAN_LINK else [])


@pytest.mark.skipif(CAN_LINK, reason="hard links are used here")
def test_without_hard_links_the_stored_file_itself_goes_into_the_cache(
    partial: StoredPartial, store: Store, tmp_path: Path
) -> None:
    partial.append(CONTENT[HALF:])
    partial.place(tmp_path / "file.whl")
    inode = partial.path.stat().st_ino

    assert not partial.link_to(tmp_path / "body", 0o666)
    assert partial.copy_to(tmp_path / "body", 0o666)
    partial.discard()

    assert (tmp_path / "body").stat().st_ino == inode
    assert (tmp_path / "body").read_bytes() == (tmp_path / "file.whl").read_bytes() == CONTENT
    assert names_in(store) == []


@pytest.mark.skipif(os.name == "nt", reason="a directory that is in use cannot be removed on Windows")
def test_a_removed_store_directory_does_not_stop_a_pip(partial: StoredPartial, store: Store) -> None:
    for path in store.path.iterdir():
        path.unlink()
    store.path.rmdir()

    partial.append(CONTENT[HALF:])

    assert partial.has_right_digest()


@contextlib.contextmanager
def new_files_are_looked_at(monkeypatch: pytest.MonkeyPatch, *, for_s: float) -> Iterator[None]:
    """Have another pip find each new part file at once, and hold its lock for so long."""
    create, timers = PartFile.create, list[threading.Timer]()

    def create_and_lock(*args: Any) -> PartFile:
        part = create(*args)
        seen = os.open(part.path, os.O_RDWR | getattr(os, "O_BINARY", 0))
        assert try_lock(seen)
        timers.append(threading.Timer(for_s, os.close, [seen]))
        timers[-1].start()
        return part

    monkeypatch.setattr(PartFile, "create", create_and_lock)
    yield
    for timer in timers:
        timer.join()


def test_another_pip_that_only_looks_at_the_lock_of_a_new_file_does_not_have_it(
    store: Store, artifact: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    with new_files_are_looked_at(monkeypatch, for_s=0.3):
        claimed = store.claim(artifact)

    assert claimed.is_stored
    claimed.close()


def test_another_pip_that_has_locked_a_new_file_first_downloads_it(
    store: Store, artifact: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    with new_files_are_looked_at(monkeypatch, for_s=3.0), pytest.raises(PartialBusy):
        store.claim(artifact)
