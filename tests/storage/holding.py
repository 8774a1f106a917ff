"""A program that opens files of the store on Windows, as one that scans files does."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

SHARE_NOTHING = 0
SHARE_READ_AND_WRITE = 3
"""What Python's `open` shares: others may not rename or remove the file."""


class Holder:
    """Has files open until it is told to release them."""

    def __init__(self) -> None:
        self._handles: list[int] = []
        self._timer: threading.Timer | None = None

    def hold(self, path: Path, shared: int = SHARE_NOTHING) -> None:
        """Open a file, which must exist. Windows only."""
        if sys.platform == "win32":
            import _winapi

            handle = _winapi.CreateFile(str(path), _winapi.GENERIC_READ, shared, 0, _winapi.OPEN_EXISTING, 0, 0)
            self._handles.append(handle)

    def release_after(self, delay_s: float) -> None:
        """Close the files after this time."""
        self._timer = threading.Timer(delay_s, self.release)
        self._timer.start()

    def release(self) -> None:
        """Close the files."""
        if sys.platform == "win32":
            import _winapi

            while self._handles:
                _winapi.CloseHandle(self._handles.pop())
