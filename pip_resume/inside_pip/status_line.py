"""One line at the bottom of a terminal that is rewritten while the user waits."""

from __future__ import annotations

import shutil
import sys
from typing import Any

_EMPTY = ""


class StatusLine:
    """A line on stderr. Without a terminal it writes nothing. Raises nothing: stderr may be closed."""

    def __init__(self, *, is_wanted: bool) -> None:
        self._is_wanted = is_wanted
        self._shown = _EMPTY

    def show(self, text: str) -> None:
        """Write the line, in place of what it was."""
        stream = self._stream()
        if stream is None:
            return
        text = text[: max(shutil.get_terminal_size().columns - 1, 0)]
        self._write(stream, f"\r{text.ljust(len(self._shown))}")
        self._shown = text

    def clear(self) -> None:
        """Remove the line, so that something else can be written."""
        stream = self._stream()
        if stream is not None and self._shown:
            self._write(stream, f"\r{' ' * len(self._shown)}\r")
        self._shown = _EMPTY

    def _stream(self) -> Any:
        try:
            return sys.stderr if self._is_wanted and sys.stderr.isatty() else None
        except (AttributeError, ValueError):  # Closed, or None under pythonw.
            return None

    def _write(self, stream: Any, text: str) -> None:
        try:
            stream.write(text)
            stream.flush()
        except (OSError, ValueError):
            self._is_wanted = False
