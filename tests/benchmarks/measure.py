"""What one run of a command costs."""

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
    """Of one process, from its start to its end."""

    wall_s: float
    cpu_s: float
    """User and system together."""
    peak_bytes: int
    """The largest resident set."""
    written_bytes: int
    """Handed to write calls of any kind (`wchar`): files, pipes, sockets. Copies within the kernel count as well."""
    exit_code: int = 0
    reached_s: float | None = None
    """Seconds until the watched file was long enough; None where nothing was watched."""
    wire_bytes: int = 0
    """Of all bodies that the server sent."""
    requests: int = 0


@dataclass(frozen=True)
class Watch:
    """Ends a run as soon as any file below these directories is longer than `beyond` bytes."""

    directories: tuple[Path, ...]
    beyond: int
    then_signal: int = signal.SIGKILL


@dataclass(frozen=True)
class Command:
    """What to run; nothing is inherited but what stands here."""

    arguments: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    directory: Path = Path()
    watch: Watch | None = None


class RunFailed(Exception):
    """A run that should have ended well did not; the text is what it printed."""


def measure(command: Command, output: Path) -> Figures:
    """Run a command to its end, whatever that is, with its output appended to a file."""
    watch = command.watch or Watch((), 0)
    asked = {
        "arguments": list(command.arguments),
        "environment": dict(command.environment),
        "directory": str(command.directory),
        "output": str(output),
        "timeout_s": TIMEOUT_S,
        "watched": [str(directory) for directory in watch.directories],
        "beyond": watch.beyond,
        "then_signal": int(watch.then_signal),
    }
    launched = subprocess.run(
        [sys.executable, "-I", "-S", str(LAUNCHER)],
        input=json.dumps(asked).encode(),
        stdout=subprocess.PIPE,
        check=True,
    )
    return Figures(**json.loads(launched.stdout))


def measure_success(command: Command, output: Path) -> Figures:
    """The same for a command that has to succeed, or to be ended by its watch. Raises RunFailed."""
    figures = measure(command, output)
    has_reached = figures.reached_s is not None
    if not has_reached and (figures.exit_code != 0 or command.watch is not None):
        raise RunFailed(f"exit code {figures.exit_code}: {' '.join(command.arguments)}\n{output.read_text()}")
    return figures
