"""A file of pip's cache is written as a whole, or not at all."""

from __future__ import annotations

import os
import signal
import stat
from typing import TYPE_CHECKING

import pytest

from pip_resume.storage.directory import Directory
from pip_resume.storage.record import write_atomically

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(os.name == "nt", reason="used on POSIX only")


def write(path: Path, content: bytes, mode: int = 0o600) -> None:
    with Directory.opened(path.parent) as directory:
        write_atomically(directory, path.name, content, mode)


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o664])
def test_the_file_has_the_content_and_the_mode(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "entry"
    write(path, b"content", mode)
    assert path.read_bytes() == b"content"
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_it_replaces_what_is_there_and_does_not_write_through_a_symlink(tmp_path: Path) -> None:
    victim, path = tmp_path / "victim", tmp_path / "entry"
    victim.write_bytes(b"victim")
    path.symlink_to(victim)
    write(path, b"content")
    assert (path.read_bytes(), victim.read_bytes()) == (b"content", b"victim")
    assert not path.is_symlink()


def test_nothing_is_left_of_a_file_that_cannot_be_put_in_its_place(tmp_path: Path) -> None:
    path = tmp_path / "entry"
    path.mkdir()
    with pytest.raises(OSError, match="directory"):
        write(path, b"content")
    assert [path] == list(tmp_path.iterdir())


def test_nothing_is_left_of_a_file_that_cannot_be_written_to_its_end(tmp_path: Path) -> None:
    """A disk that becomes full cuts a write, and reports it only for the next one. So does this limit."""
    resource = pytest.importorskip("resource")
    path = tmp_path / "entry"
    path.write_bytes(b"old")
    handler, limits = signal.signal(signal.SIGXFSZ, signal.SIG_IGN), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            write(path, b"content" * 1000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert path.read_bytes() == b"old"
    assert [path] == list(tmp_path.iterdir())
