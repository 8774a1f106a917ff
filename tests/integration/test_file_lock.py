"""The lock of a file, with the real operating system."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from integration.processes import ChildProcess

from pip_resume.storage.file_lock import try_lock


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[tuple[int, int]]:
    """Open the same file twice; yield both descriptors."""
    path = tmp_path / "file"
    descriptors = (os.open(path, os.O_RDWR | os.O_CREAT), os.open(path, os.O_RDWR))
    yield descriptors
    for descriptor in descriptors:
        os.close(descriptor)


def test_only_one_of_two_open_files_gets_the_lock_even_within_one_process(opened: tuple[int, int]) -> None:
    first, second = opened

    assert (try_lock(first), try_lock(second), try_lock(first)) == (True, False, True)


def test_the_lock_ends_when_the_file_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "file"
    first = os.open(path, os.O_RDWR | os.O_CREAT)
    second = os.open(path, os.O_RDWR)
    assert try_lock(first)

    os.close(first)

    assert try_lock(second)
    os.close(second)


def lock_and_wait(path: Path, sender: Connection) -> None:
    """Lock a file in this child process, send whether that succeeded, and hold the lock until the process is killed."""
    sender.send(try_lock(os.open(path, os.O_RDWR)))
    threading.Event().wait(60)


def test_the_lock_ends_with_its_process(opened: tuple[int, int], tmp_path: Path) -> None:
    holder = ChildProcess(tmp_path / "file", lock_and_wait)
    assert holder.early_result()
    assert not try_lock(opened[0])

    holder.kill()

    assert try_lock(opened[0])
