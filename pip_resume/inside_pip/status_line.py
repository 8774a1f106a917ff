"""Lines of a terminal that are rewritten: one while the user waits, and one for many lost connections."""

from __future__ import annotations

import contextlib
import shutil
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from pip_resume.inside_pip import compat
from pip_resume.wording import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator

_EMPTY = ""
_BAR_COLUMNS = 80
"""pip's bar fits into so many columns."""
_TICK_S = 0.5
_SILENT_S = 1.0
"""What takes less time than this need not be shown."""


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
        text = _in_one_row(text)
        self._write(stream, f"\r{text.ljust(len(self._shown))}")
        self._shown = text

    @property
    def is_possible(self) -> bool:
        """Whether there is a terminal, and the line is wanted."""
        return self._stream() is not None

    @contextlib.contextmanager
    def ticking(self, text: str) -> Iterator[None]:
        """Show a text with the seconds so far, while this thread is busy and cannot show anything itself."""
        if not self.is_possible:
            yield
            return
        ended = threading.Event()
        ticker = threading.Thread(target=self._tick, args=(text, ended), daemon=True)
        is_ticking = False
        try:
            with contextlib.suppress(RuntimeError):  # The system allows no more threads.
                ticker.start()
                is_ticking = True
            yield
        finally:
            ended.set()
            if is_ticking:
                ticker.join()
            self.clear()

    def _tick(self, text: str, ended: threading.Event) -> None:
        start_s = time.monotonic()
        while not ended.wait(_TICK_S):
            busy_s = time.monotonic() - start_s
            line = f"  {text}, {format_duration(round(busy_s))}"
            if busy_s >= _SILENT_S and line != self._shown:
                self.show(line)

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


class SharedRow:
    """A row that many lost connections share, above pip's progress bar. The bar of each is erased with it.

    Without a terminal it writes nothing. Raises nothing: stderr may be closed.
    """

    def __init__(self, *, is_wanted: bool) -> None:
        self._is_wanted = is_wanted
        self._rows = 0
        """How many rows above the cursor are the shared one, or the bar below it."""

    @property
    def is_possible(self) -> bool:
        """Whether rows can be erased, and pip's bar has one row: in a narrow terminal it has two."""
        return self._is_wanted and shutil.get_terminal_size().columns >= _BAR_COLUMNS and compat.erase_rows(0)

    def bar_ended(self) -> None:
        """Take note that pip's bar has left its row, since its connection was lost or the file is complete."""
        self._rows += 1

    def forget(self) -> None:
        """Leave all rows as they are: something else is about to be written."""
        self._rows = 0

    def write(self, text: str) -> None:
        """Write the row in place of what it was, and of the bar below it."""
        compat.erase_rows(self._rows)
        try:
            sys.stderr.write(f"{_in_one_row(text)}\n")
            sys.stderr.flush()
        except (OSError, ValueError):
            self._is_wanted = False
        self._rows = 1


def _in_one_row(text: str) -> str:
    return text[: max(shutil.get_terminal_size().columns - 1, 0)]
