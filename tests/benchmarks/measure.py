"""Measures one run of a command: time, memory, and bytes written."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LAUNCHER = Path(__file__).with_name("launch.py")
TIMEOUT_S = 600.0


@dataclass(frozen=True)
class Figures:
    """The figures of one process, from its start to its end."""

    wall_s: float
    cpu_s: float
    """User time and system time together."""
    peak_bytes: int
    """The largest resident set."""
    written_bytes: int
    """Bytes of all write calls (`wchar`): to files, pipes and sockets, and of copies within the kernel."""
    exit_code: int = 0
    reached_s: float | None = None
    """Seconds until the watched file was larger than the limit; None if nothing was watched."""
    wire_bytes: int = 0
    """Bytes of all bodies that the server sent."""
    requests: int = 0


@dataclass(frozen=True)
class Watch:
    """Ends a run as soon as any file below these directories is longer than `beyond` bytes."""

    directories: tuple[Path, ...]
    beyond: int
    then_signal: int = signal.SIGKILL


@dataclass(frozen=True)
class Command:
    """A command to run. It inherits nothing: `environment` has all its variables."""

    arguments: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    directory: Path = Path()
    watch: Watch | None = None
    cpus: frozenset[int] = frozenset()
    """The processors that it may use; empty for all."""


class RunFailed(Exception):
    """A run that had to succeed did not; the text is its output."""


def measure(command: Command, output: Path) -> Figures:
    """Run a command to its end, whether it succeeds or not; its output is appended to a file."""
    watch = command.watch or Watch((), 0)
    order = {
        "arguments": list(command.arguments),
        "environment": dict(command.environment),
        "directory": str(command.directory),
        "output": str(output),
        "timeout_s": TIMEOUT_S,
        "watched": [str(directory) for directory in watch.directories],
        "beyond": watch.beyond,
        "then_signal": int(watch.then_signal),
        "cpus": sorted(command.cpus),
    }
    launched = subprocess.run(
        [sys.executable, "-I", "-S", str(LAUNCHER)],
        input=json.dumps(order).encode(),
        stdout=subprocess.PIPE,
        check=True,
    )
    return Figures(**json.loads(launched.stdout))


def measure_success(command: Command, output: Path) -> Figures:
    """Run a command that has to succeed, or to be ended by its watch. Raises RunFailed."""
    figures = measure(command, output)
    has_reached = figures.reached_s is not None
    if not has_reached and (figures.exit_code != 0 or command.watch is not None):
        raise RunFailed(f"exit code {figures.exit_code}: {' '.join(command.arguments)}\n{output.read_text()}")
    return figures
