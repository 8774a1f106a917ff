"""Commands in processes of their own: run to the end, or started and ended by the test, with pipes or in a terminal."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if sys.platform != "win32":
    import fcntl
    import pty
    import struct
    import termios

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

ESCAPE_SEQUENCES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07|\r")
TERMINAL_ROWS = 40
TERMINAL_COLUMNS = 120


class CommandFailed(Exception):
    """A command that has to succeed did not; the text has the command and its output."""


def run_checked(
    *command: str | Path, variables: Mapping[str, str] | None = None, timeout_s: float | None = None
) -> str:
    """Run a command that has to succeed; return its output, standard error included.

    Without `variables` it has those of this process, and so the settings of this machine. Raises CommandFailed, also
    after `timeout_s` seconds, and OSError if there is no such program.
    """
    arguments = [str(part) for part in command]
    shown = " ".join(arguments)
    try:
        finished = subprocess.run(
            arguments,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise CommandFailed(f"{shown}\nstill running after {timeout_s} s") from None
    if finished.returncode:
        raise CommandFailed(f"{shown}\n{finished.stdout}")
    return finished.stdout


@dataclass(frozen=True)
class Result:
    """How a command ended."""

    returncode: int
    """Negative: the number of the signal that ended it."""
    stdout: str
    """In a terminal: all output, with escape sequences."""
    stderr: str
    """Empty in a terminal."""
    seconds: float

    @property
    def text(self) -> str:
        """Both outputs, without escape sequences and carriage returns."""
        return ESCAPE_SEQUENCES.sub("", self.stdout + self.stderr)


class OutputReader:
    """Reads a file descriptor to its end, on a thread of its own, and closes it."""

    def __init__(self, descriptor: int, changed: threading.Condition) -> None:
        self._descriptor = descriptor
        self._changed = changed
        self._received = b""
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def text(self) -> str:
        """Return what has been read so far."""
        return self._received.decode("utf-8", "replace")

    def finish(self) -> str:
        """Wait for the end of the output; return all of it."""
        self._thread.join()
        return self.text()

    def _read(self) -> None:
        # Reading from a terminal fails with EIO when the last process has closed it.
        with contextlib.suppress(OSError):
            while data := os.read(self._descriptor, 65536):
                with self._changed:
                    self._received += data
                    self._changed.notify_all()
        os.close(self._descriptor)
        with self._changed:
            self._changed.notify_all()


class RunningProcess:
    """A started command in a session of its own, so that signals reach only it and its children."""

    def __init__(self, process: subprocess.Popen[bytes], out: int, err: int | None) -> None:
        self._process = process
        self._started_s = time.monotonic()
        self._changed = threading.Condition()
        self._out = OutputReader(out, self._changed)
        self._err = None if err is None else OutputReader(err, self._changed)

    @property
    def pid(self) -> int:
        return self._process.pid

    def kill(self) -> None:
        """Send SIGKILL to it and its children."""
        self._signal(signal.SIGKILL)

    def interrupt(self) -> None:
        """Send SIGINT to it and its children, as Ctrl-C in a terminal does."""
        self._signal(signal.SIGINT)

    def terminate(self) -> None:
        """Send SIGTERM to it and its children."""
        self._signal(signal.SIGTERM)

    def is_running(self) -> bool:
        return self._process.poll() is None

    def text(self) -> str:
        """Return its output so far, without escape sequences."""
        return ESCAPE_SEQUENCES.sub("", self._out.text() + (self._err.text() if self._err else ""))

    def wait_for_output(self, wanted: str, timeout_s: float = 30.0) -> None:
        """Block until this text is in its output; raise TimeoutError if the time is up or the process ends first."""
        deadline_s = time.monotonic() + timeout_s
        with self._changed:
            while wanted not in self.text():
                if time.monotonic() > deadline_s or not self.is_running():
                    break
                self._changed.wait(0.1)
        if wanted not in self.text():
            raise TimeoutError(f"{wanted!r} is not in the output:\n{self.text()}")

    def wait(self, timeout_s: float = 50.0) -> Result:
        """Wait for its end; kill it and raise TimeoutError when the time is up."""
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            self._process.wait()
            raise TimeoutError(f"still running after {timeout_s} s; its output:\n{self.text()}") from None
        seconds = time.monotonic() - self._started_s
        return Result(self._process.returncode, self._out.finish(), self._err.finish() if self._err else "", seconds)

    def kill_and_wait(self) -> Result:
        """Send SIGKILL to it and its children, and wait for its end."""
        self.kill()
        return self.wait()

    def _signal(self, number: signal.Signals) -> None:
        if self.is_running():
            os.killpg(self._process.pid, number)


def start_with_pipes(command: Sequence[str], variables: Mapping[str, str], directory: Path) -> RunningProcess:
    """Start a command with empty standard input, standard output and standard error separate."""
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
    return RunningProcess(process, out, err)


def start_in_terminal(command: Sequence[str], variables: Mapping[str, str], directory: Path) -> RunningProcess:
    """Start a command in a terminal of 40 rows and 120 columns, where pip draws its progress bar."""
    ours, terminal = open_terminal(TERMINAL_COLUMNS)
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
    return RunningProcess(process, ours, None)


def open_terminal(columns: int) -> tuple[int, int]:
    """Open a pseudo-terminal of 40 rows; return the descriptors of the test's side and of the command's side."""
    ours, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", TERMINAL_ROWS, columns, 0, 0))
    return ours, terminal
