"""A lock of this operating system, on real files."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from integration.processes import Running

from pip_resume.storage.file_lock import try_lock


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[tuple[int, int]]:
    """The same file, opened twice."""
    path = tmp_path / "file"
    descriptors = (os.open(path, os.O_RDWR | os.O_CREAT), os.open(path, os.O_RDWR))
    yield descriptors
    for descriptor in descriptors:
        os.close(descriptor)


def test_one_of_two_has_it_also_within_one_process(opened: tuple[int, int]) -> None:
    first, second = opened

    assert (try_lock(first), try_lock(second), try_lock(first)) == (True, False, True)


def test_it_ends_when_the_file_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "file"
    first = os.open(path, os.O_RDWR | os.O_CREAT)
    second = os.open(path, os.O_RDWR)
    assert try_lock(first)

    os.close(first)

    assert try_lock(second)
    os.close(second)


def lock_and_wait(path: Path, answer: Connection) -> None:
    """In a process of its own: answer whether the lock was had, and keep it until somebody kills us."""
    answer.send(try_lock(os.open(path, os.O_RDWR)))
    threading.Event().wait(60)


def test_it_ends_with_its_process(opened: tuple[int, int], tmp_path: Path) -> None:
    holder = Running(tmp_path / "file", lock_and_wait)
    assert holder.first_answer()
    assert not try_lock(opened[0])

    holder.kill()

    assert try_lock(opened[0])
