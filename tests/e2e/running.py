"""A started pip: its output as it comes, its end, and the ways to bring that about."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07|\r")
ROWS_AND_COLUMNS = struct.pack("HHHH", 40, 120, 0, 0)


@dataclass(frozen=True)
class Result:
    """How a run ended."""

    returncode: int
    """Negative: the number of the signal that ended it."""
    stdout: str
    """In a terminal: everything, with escape sequences."""
    stderr: str
    seconds: float

    @property
    def text(self) -> str:
        """All that was said, without escape sequences and carriage returns."""
        return ESCAPES.sub("", self.stdout + self.stderr)


class Stream:
    """Collects what comes out of a file descriptor, on a thread of its own."""

    def __init__(self, descriptor: int, heard: threading.Condition) -> None:
        self._descriptor = descriptor
        self._heard = heard
        self._received = b""
        self._thread = threading.Thread(target=self._collect, daemon=True)
        self._thread.start()

    def text(self) -> str:
        return self._received.decode("utf-8", "replace")

    def finish(self) -> str:
        """Wait for the end of the stream."""
        self._thread.join()
        return self.text()

    def _collect(self) -> None:
        # A terminal ends with an error (EIO) when the last process has closed it.
        with contextlib.suppress(OSError):
            while data := os.read(self._descriptor, 65536):
                with self._heard:
                    self._received += data
                    self._heard.notify_all()
        os.close(self._descriptor)
        with self._heard:
            self._heard.notify_all()


class RunningPip:
    """A pip in a session of its own, so that signals reach it and its children alone."""

    def __init__(self, process: subprocess.Popen[bytes], out: int, err: int | None) -> None:
        self._process = process
        self._begun_s = time.monotonic()
        self._heard = threading.Condition()
        self._out = Stream(out, self._heard)
        self._err = None if err is None else Stream(err, self._heard)

    @property
    def pid(self) -> int:
        return self._process.pid

    def kill(self) -> None:
        """SIGKILL, for its children too."""
        self._signal(signal.SIGKILL)

    def interrupt(self) -> None:
        """SIGINT for it and its children, as Ctrl-C in a terminal does."""
        self._signal(signal.SIGINT)

    def terminate(self) -> None:
        """SIGTERM."""
        self._signal(signal.SIGTERM)

    def is_running(self) -> bool:
        return self._process.poll() is None

    def text(self) -> str:
        """What it has said so far, without escape sequences."""
        return ESCAPES.sub("", self._out.text() + (self._err.text() if self._err else ""))

    def wait_for_output(self, wanted: str, timeout: float = 30.0) -> None:
        """Block until it has said this; raise TimeoutError after so many seconds or if it ends without."""
        deadline_s = time.monotonic() + timeout
        with self._heard:
            while wanted not in self.text():
                if time.monotonic() > deadline_s or not self.is_running():
                    break
                self._heard.wait(0.1)
        if wanted not in self.text():
            raise TimeoutError(f"it never said {wanted!r}, but:\n{self.text()}")

    def wait(self, timeout: float = 50.0) -> Result:
        """Wait for its end; after so many seconds kill it and raise TimeoutError."""
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            self._process.wait()
            raise TimeoutError(f"still running after {timeout} s, having said:\n{self.text()}") from None
        seconds = time.monotonic() - self._begun_s
        return Result(self._process.returncode, self._out.finish(), self._err.finish() if self._err else "", seconds)

    def _signal(self, number: signal.Signals) -> None:
        if self.is_running():
            os.killpg(self._process.pid, number)


def start_with_pipes(command: Sequence[str], variables: Mapping[str, str], directory: Path) -> RunningPip:
    """Start it with nothing to read from and its two outputs apart."""
    out, child_out = os.pipe()
    err, child_err = os.pipe()
    process = subprocess.Popen(
        command,
        env=variables,
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=child_out,
        stderr=child_err,
        start_new_session=True,
    )
    os.close(child_out)
    os.close(child_err)
    return RunningPip(process, out, err)


def start_in_terminal(command: Sequence[str], variables: Mapping[str, str], directory: Path) -> RunningPip:
    """Start it in a terminal of 40 rows and 120 columns, where pip draws its progress bar."""
    ours, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, ROWS_AND_COLUMNS)
    process = subprocess.Popen(
        command,
        env={**variables, "TERM": "xterm-256color"},
        cwd=directory,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    )
    os.close(terminal)
    return RunningPip(process, ours, None)
