"""Writes a small file as a whole."""

from __future__ import annotations

import contextlib
import os

from pip_resume.storage.directory import SAFE_FLAGS


def write_whole(path: str, content: bytes, mode: int) -> None:
    """Write a file beside ``path`` and put it there, in place of what is there. Raises OSError."""
    temporary = f"{path}{os.urandom(4).hex()}.tmp"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | SAFE_FLAGS, 0o600)
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
            file.flush()  # On a disk that is nearly full a write without a buffer may be cut, and raises nothing.
            os.chmod(descriptor, mode)
            os.fsync(descriptor)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
