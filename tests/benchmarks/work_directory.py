"""Where the files of a measurement lie: in memory if this machine has such a place, so that no disk is measured."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

IN_MEMORY = ("tmpfs", "ramfs")


def candidates() -> list[Path]:
    """Directories that usually are on a RAM disk."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    return [Path("/dev/shm"), *([Path(runtime)] if runtime else []), Path(tempfile.gettempdir())]


def file_system(directory: Path) -> str:
    """The type of the file system that a directory is on; empty where the system does not tell."""
    try:
        mounts = [line.split(" ") for line in Path("/proc/mounts").read_text().splitlines()]
    except OSError:
        return ""
    above = {str(directory.resolve()), *map(str, directory.resolve().parents)}
    fitting = [mount for mount in mounts if mount[1] in above]
    return max(fitting, key=lambda mount: len(mount[1]))[2] if fitting else ""


def find_place(needed_bytes: int) -> Path:
    """A directory with so much space: on a RAM disk if there is one, else the temporary directory."""
    for directory in candidates():
        usable = directory.is_dir() and os.access(directory, os.W_OK)
        if usable and file_system(directory) in IN_MEMORY and shutil.disk_usage(directory).free >= needed_bytes:
            return directory
    return Path(tempfile.gettempdir())


@contextlib.contextmanager
def place_of_work(chosen: Path | None, needed_bytes: int) -> Iterator[Path]:
    """A new directory, gone afterwards, in the chosen place or in the best one."""
    with tempfile.TemporaryDirectory(prefix="pip-resume-bench-", dir=chosen or find_place(needed_bytes)) as directory:
        yield Path(directory)
