"""The directories for the files of a measurement: on the disk that people have, and on a RAM disk if there is one."""

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
    """Return directories that are usually on a RAM disk."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    return [Path("/dev/shm"), *([Path(runtime)] if runtime else []), Path(tempfile.gettempdir())]


def file_system(directory: Path) -> str:
    """Return the type of the file system of a directory; empty if the operating system does not have /proc/mounts."""
    try:
        mounts = [line.split(" ") for line in Path("/proc/mounts").read_text().splitlines()]
    except OSError:
        return ""
    above = {str(directory.resolve()), *map(str, directory.resolve().parents)}
    fitting = [mount for mount in mounts if mount[1] in above]
    return max(fitting, key=lambda mount: len(mount[1]))[2] if fitting else ""


def find_directories(needed_bytes: int) -> list[Path]:
    """Return the temporary directory, and a directory on a RAM disk with this much space if there is one."""
    found = [Path(tempfile.gettempdir())]
    for directory in candidates():
        usable = directory.is_dir() and os.access(directory, os.W_OK) and directory not in found
        if usable and is_in_memory(directory) and shutil.disk_usage(directory).free >= needed_bytes:
            return [*found, directory]
    return found


def is_in_memory(directory: Path) -> bool:
    """Whether the files of a directory are in memory only."""
    return file_system(directory) in IN_MEMORY


@contextlib.contextmanager
def work_directory(parent: Path) -> Iterator[Path]:
    """Make a new directory in this one; remove it afterwards."""
    with tempfile.TemporaryDirectory(prefix="pip-resume-bench-", dir=parent) as directory:
        yield Path(directory)
