"""A shell in a pseudo-terminal: commands are typed, Ctrl-C is pressed, and the screen can be read."""

from __future__ import annotations

import contextlib
import itertools
import os
import select
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyte
from environments.processes import TERMINAL_ROWS, open_terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from pyte.screens import Char

PROMPT = "$ "
BOLD_PROMPT = "\x1b[1;32m$\x1b[0m "
CTRL_C = b"\x03"
TIMEOUT_S = 120.0
# A session leader without a terminal gets the first one that it opens, and so Ctrl-C and job control work.
TAKE_TERMINAL = 'exec sh -i <"$0" >"$0" 2>&1'


@dataclass(frozen=True)
class Span:
    """Characters side by side on the screen, in the same colour and weight."""

    column: int
    text: str
    colour: str
    """pyte's name: an ANSI colour, perhaps with the prefix "bright", or "default", or six hexadecimal digits."""
    is_bold: bool


class Terminal:
    """`sh` in a colour terminal of 40 rows. Its methods raise TimeoutError after 120 s."""

    def __init__(self, variables: Mapping[str, str], directory: Path, columns: int) -> None:
        self._screen = pyte.Screen(columns, TERMINAL_ROWS)
        self._stream = pyte.ByteStream(self._screen)
        self._ours, terminal = open_terminal(columns)
        environment = {**variables, "TERM": "xterm-256color", "PS1": BOLD_PROMPT}
        command = ["sh", "-c", TAKE_TERMINAL, os.ttyname(terminal)]
        self._shell = subprocess.Popen(command, env=environment, cwd=directory, start_new_session=True)
        self._show_until(self._is_at_prompt)
        os.close(terminal)

    def run(self, line: str) -> None:
        """Type a command and wait for the next prompt."""
        self._start(line)
        self._show_until(self._is_at_prompt)

    def run_until(self, line: str, is_time: Callable[[], bool]) -> None:
        """Type a command, press Ctrl-C as soon as `is_time` is true, and wait for the next prompt."""
        self._start(line)
        self._show_until(is_time)
        os.write(self._ours, CTRL_C)
        self._show_until(self._is_at_prompt)

    def rows(self) -> list[list[Span]]:
        """Return the rows of the screen above the last prompt."""
        buffer = self._screen.buffer
        cells = [
            [buffer[row][column] for column in range(self._screen.columns)] for row in range(self._screen.cursor.y)
        ]
        return [list(spans_of(row)) for row in cells]

    def close(self) -> None:
        """Close the terminal, which ends the shell and what it runs."""
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
        """Type a command and start it."""
        os.write(self._ours, line.encode())
        self._show_until(lambda: self._current_row() == f"{PROMPT}{line}")
        os.write(self._ours, b"\n")
        self._show_until(lambda: not self._current_row().startswith(PROMPT))

    def _current_row(self) -> str:
        return self._screen.display[self._screen.cursor.y].rstrip()

    def _is_at_prompt(self) -> bool:
        return self._current_row() == PROMPT.rstrip() and self._screen.cursor.x == len(PROMPT)

    def _show_until(self, condition: Callable[[], bool]) -> None:
        """Read output onto the screen until the condition is true; a program whose output is not read would block."""
        deadline_s = time.monotonic() + TIMEOUT_S
        while not condition():
            if time.monotonic() > deadline_s:
                raise TimeoutError("\n".join(self._screen.display))
            if select.select([self._ours], [], [], 0.02)[0]:
                self._stream.feed(os.read(self._ours, 65536))


def spans_of(row: list[Char]) -> Iterator[Span]:
    """Yield the spans of a row, without spaces at their ends."""
    for (colour, is_bold), run in itertools.groupby(enumerate(row), lambda cell: (cell[1].fg, cell[1].bold)):
        cells = list(run)
        text = "".join(cell.data for _, cell in cells)
        if text.strip():
            yield Span(cells[0][0] + len(text) - len(text.lstrip()), text.strip(), colour, is_bold)
