"""Caches and temporary directories on other drives, with long paths, and on a full disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e.broken_downloads import BIG, OVERLAP_BYTES, files_of_the_plugin, half, index_options
from e2e.single_file import COMPLETE, STALLED, cached_completely, download_big, publish_scripted
from environments.processes import CommandFailed, run_checked
from servers.certificates import Certificates
from servers.fault_server import FaultServer
from windows.downloads import CUT, kill_at_half
from windows.environment import WindowsEnvironment, WindowsEnvironments

pytestmark = pytest.mark.timeout(600)
LONGEST_PATH = 259
"""MAX_PATH of Windows without the zero at its end."""
PIPS_NAME = len("/http-v2/1/2/3/4/5/") + 56 + len(".body12345678.tmp")
"""Characters that pip's cache adds to the path of its directory, with its longest name of a temporary file."""


@pytest.fixture
def drive(windows: WindowsEnvironments, tmp_path: Path) -> Iterator[str]:
    """A drive of its own, which is removed at the end."""
    folder = tmp_path / "drive"
    folder.mkdir()
    # Each drive of wine is a link in this directory.
    device = next(
        path for letter in "klmnopqrst" if not (path := windows.prefix / "dosdevices" / f"{letter}:").is_symlink()
    )
    device.symlink_to(folder)
    yield f"{device.name.upper()}\\"
    device.unlink()


def test_a_temporary_directory_on_a_different_drive_than_the_cache(
    windows: WindowsEnvironments, http_server: FaultServer, drive: str
) -> None:
    publish_scripted(http_server, STALLED, COMPLETE)
    pip = windows.with_plugin("26.3")
    pip.variables.update(TEMP=drive, TMP=drive)
    kill_at_half(pip, *index_options(http_server))

    ended = download_big(pip, *index_options(http_server))

    assert (ended.result.returncode, ended.sha256) == (0, BIG.sha256)
    assert http_server.fetched_twice(BIG.path) == OVERLAP_BYTES
    assert "WARNING" not in ended.result.text


def in_deep_cache(pip: WindowsEnvironment, length: int) -> WindowsEnvironment:
    """Give pip a cache directory whose path has this many characters."""
    start = f"Z:{pip.folder}/"
    name = "".join("deep cache/"[index % 11] for index in range(length - len(start) - 1)) + "c"
    pip.cache_dir = Path(f"{pip.folder}/{name}")
    pip.variables["PIP_CACHE_DIR"] = f"{start}{name}"
    return pip


@pytest.mark.parametrize(
    "length",
    [
        pytest.param(LONGEST_PATH - PIPS_NAME, id="pip's files have paths of up to MAX_PATH"),
        pytest.param(LONGEST_PATH - 12, id="only the directory has"),
    ],
)
def test_a_cache_directory_with_a_long_path_works_as_with_plain_pip(
    windows: WindowsEnvironments,
    https_server: FaultServer,
    certificates: Certificates,
    length: int,
) -> None:
    """wine has longer paths as well, and so has Windows where they were enabled."""
    plain = in_deep_cache(windows.without_plugin("26.3"), length)
    pip = in_deep_cache(windows.with_plugin("26.3"), length)
    options = index_options(https_server, certificates)  # pip caches nothing that comes over http.
    publish_scripted(https_server, COMPLETE, CUT, COMPLETE)

    by_plain_pip = download_big(plain, *options)
    ended = download_big(pip, *options)

    assert by_plain_pip.result.returncode == 0
    assert (ended.result.returncode, ended.sha256) == (0, BIG.sha256), ended.result.text
    assert https_server.asked_ranges(BIG.path) == [None, None, f"bytes={half(BIG)}-"]
    assert "pip-resume" not in ended.result.text
    assert cached_completely(pip.cache_dir) == cached_completely(plain.cache_dir)


def test_the_next_run_continues_where_the_files_of_pips_cache_have_paths_of_up_to_max_path(
    windows: WindowsEnvironments, http_server: FaultServer
) -> None:
    publish_scripted(http_server, STALLED, COMPLETE)
    pip = in_deep_cache(windows.with_plugin("26.3"), LONGEST_PATH - PIPS_NAME)
    kill_at_half(pip, *index_options(http_server))

    ended = download_big(pip, *index_options(http_server))

    assert http_server.asked_ranges(BIG.path) == [None, f"bytes={half(BIG) - OVERLAP_BYTES}-"]
    assert (ended.result.returncode, ended.sha256) == (0, BIG.sha256)


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A directory with room for a third of the file."""
    directory = tmp_path / "full"
    directory.mkdir()
    try:
        run_checked("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", directory)
    except (CommandFailed, OSError) as error:
        pytest.skip(f"a file system cannot be mounted: {error}")
    yield directory
    run_checked("umount", "--lazy", directory)


def test_a_cache_on_a_full_disk(windows: WindowsEnvironments, http_server: FaultServer, full_disk: Path) -> None:
    publish_scripted(http_server, CUT, COMPLETE)
    pip = windows.with_plugin("26.3")
    pip.cache_dir = full_disk / "cache"
    pip.variables["PIP_CACHE_DIR"] = str(pip.cache_dir)

    ended = download_big(pip, *index_options(http_server))

    assert (ended.result.returncode, ended.sha256) == (0, BIG.sha256), ended.result.text
    assert http_server.asked_ranges(BIG.path) == [None, f"bytes={half(BIG)}-"]
    assert not [path for path in files_of_the_plugin(pip.cache_dir) if path.suffix in {".new", ".tmp"}]
