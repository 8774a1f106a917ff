"""A shell in a pseudo-terminal, used as people use it: lines are typed, Ctrl-C is pressed, the screen is looked at."""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
import pty
import select
import struct
import subprocess
import termios
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyte

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from pyte.screens import Char

PROMPT = "$ "
BOLD_PROMPT = "\x1b[1;32m$\x1b[0m "
CTRL_C = b"\x03"
ROWS = 40
TIMEOUT_S = 120.0
# A session leader without a terminal gets the first one it opens, and with it Ctrl-C and job control.
TAKE_TERMINAL = 'exec sh -i <"$0" >"$0" 2>&1'


@dataclass(frozen=True)
class Span:
    """Neighbours on the screen that look alike."""

    column: int
    text: str
    colour: str
    """As pyte names it: one of the eight ANSI colours, perhaps with "bright" in front, "default", or six hex digits."""
    is_bold: bool


class Terminal:
    """`sh` with a colour terminal of 40 rows. Raises TimeoutError where what is waited for does not come in 120 s."""

    def __init__(self, variables: Mapping[str, str], directory: Path, columns: int) -> None:
        self._screen = pyte.Screen(columns, ROWS)
        self._stream = pyte.ByteStream(self._screen)
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, columns, 0, 0))
        environment = {**variables, "TERM": "xterm-256color", "PS1": BOLD_PROMPT}
        command = ["sh", "-c", TAKE_TERMINAL, os.ttyname(theirs)]
        self._shell = subprocess.Popen(command, env=environment, cwd=directory, start_new_session=True)
        self._show_until(self._is_at_prompt)
        os.close(theirs)

    def run(self, line: str) -> None:
        """Type the line and wait for the next prompt."""
        self._start(line)
        self._show_until(self._is_at_prompt)

    def run_until(self, line: str, is_time: Callable[[], bool]) -> None:
        """Type the line, press Ctrl-C as soon as it is time, and wait for the next prompt."""
        self._start(line)
        self._show_until(is_time)
        os.write(self._ours, CTRL_C)
        self._show_until(self._is_at_prompt)

    def rows(self) -> list[list[Span]]:
        """What is on the screen, from the top to the row above the last prompt."""
        buffer = self._screen.buffer
        cells = [
            [buffer[row][column] for column in range(self._screen.columns)] for row in range(self._screen.cursor.y)
        ]
        return [list(spans_of(row)) for row in cells]

    def close(self) -> None:
        """Hang up, which ends the shell and what it runs."""
        os.close(self._ours)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._shell.wait(5)
        if self._shell.poll() is None:
            self._shell.kill()
            self._shell.wait()

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(self, line: str) -> None:
        """Type the line; it runs when this returns."""
        os.write(self._ours, line.encode())
        self._show_until(lambda: self._current_row() == f"{PROMPT}{line}")
        os.write(self._ours, b"\n")
        self._show_until(lambda: not self._current_row().startswith(PROMPT))

    def _current_row(self) -> str:
        return self._screen.display[self._screen.cursor.y].rstrip()

    def _is_at_prompt(self) -> bool:
        return self._current_row() == PROMPT.rstrip() and self._screen.cursor.x == len(PROMPT)

    def _show_until(self, condition: Callable[[], bool]) -> None:
        """Keep the screen up to date; a program whose output nobody reads would stand still."""
        deadline_s = time.monotonic() + TIMEOUT_S
        while not condition():
            if time.monotonic() > deadline_s:
                raise TimeoutError("\n".join(self._screen.display))
            if select.select([self._ours], [], [], 0.02)[0]:
                self._stream.feed(os.read(self._ours, 65536))


def spans_of(row: list[Char]) -> Iterator[Span]:
    """The row in runs that look alike, without the blanks around them."""
    for (colour, is_bold), run in itertools.groupby(enumerate(row), lambda cell: (cell[1].fg, cell[1].bold)):
        cells = list(run)
        text = "".join(cell.data for _, cell in cells)
        if text.strip():
            yield Span(cells[0][0] + len(text) - len(text.lstrip()), text.strip(), colour, is_bold)
