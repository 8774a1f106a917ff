"""The directory for the files of a measurement: on a RAM disk if there is one, so that no disk is measured."""

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


def find_directory(needed_bytes: int) -> Path:
    """Return a directory on a RAM disk with this much space; the temporary directory if there is none."""
    for directory in candidates():
        usable = directory.is_dir() and os.access(directory, os.W_OK)
        if usable and file_system(directory) in IN_MEMORY and shutil.disk_usage(directory).free >= needed_bytes:
            return directory
    return Path(tempfile.gettempdir())


@contextlib.contextmanager
def work_directory(chosen: Path | None, needed_bytes: int) -> Iterator[Path]:
    """Make a new directory in the chosen one, or in the best one found; remove it afterwards."""
    with tempfile.TemporaryDirectory(
        prefix="pip-resume-bench-", dir=chosen or find_directory(needed_bytes)
    ) as directory:
        yield Path(directory)
