"""Paths and files of Windows, with its rules for paths; `tests/storage/test_sharing.py` needs the system itself."""

from __future__ import annotations

import ntpath
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from pip_resume.storage import sharing


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "IS_WINDOWS", True)
    monkeypatch.setattr(sharing, "os", SimpleNamespace(path=ntpath))


@pytest.mark.parametrize(
    ("path", "long"),
    [
        pytest.param(r"C:\cache\http-v2", r"\\?\C:\cache\http-v2", id="drive"),
        pytest.param(r"C:\cache\..\other", r"\\?\C:\other", id="parts that the long form does not allow"),
        pytest.param(r"\\server\share\cache", r"\\?\UNC\server\share\cache", id="share"),
        pytest.param(r"\\?\C:\cache", r"\\?\C:\cache", id="long form"),
    ],
)
def test_a_path_of_windows_has_a_form_without_a_limit(windows: None, path: str, long: str) -> None:
    assert str(sharing.long_path(Path(path))) == long


@pytest.mark.parametrize(
    ("length", "are_long_paths_allowed", "is_too_long"),
    [
        pytest.param(259, False, False, id="the longest"),
        pytest.param(260, False, True, id="one character more"),
        pytest.param(260, True, False, id="one character more, where the user has allowed it"),
    ],
)
def test_a_path_of_windows_has_259_characters_at_most(
    windows: None,
    length: int,
    are_long_paths_allowed: bool,
    is_too_long: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sharing, "_are_long_paths_allowed", lambda: are_long_paths_allowed)
    path = Path("C:\\" + "x" * (length - len("C:\\")))

    assert sharing.is_too_long(path) == is_too_long


def status(inode: int, volume: int) -> os.stat_result:
    return os.stat_result((0o100600, inode, volume, 1, 0, 0, 0, 0, 0, 0))


def test_on_windows_files_are_told_apart_by_the_inode_alone(windows: None) -> None:
    assert sharing.is_same_file(status(5, 1), status(5, 0))
    assert not sharing.is_same_file(status(5, 1), status(6, 1))


@pytest.mark.skipif(os.name == "nt", reason="files are compared in a different way there")
def test_on_posix_files_are_told_apart_by_inode_and_file_system() -> None:
    assert sharing.is_same_file(status(5, 1), status(5, 1))
    assert not sharing.is_same_file(status(5, 1), status(5, 0))
    assert not sharing.is_same_file(status(5, 1), status(6, 1))
