"""Counts the system calls that change or read what is below a directory, so that one of them can be made the last.

Knows the standard library only: a pip under test loads it too, see `arm_from_environment`.
"""

from __future__ import annotations

import functools
import mmap
import os
import signal
import socket
from pathlib import Path
from typing import Any, Callable

CHANGING = (
    *("chmod", "copy_file_range", "fsync", "link", "mkdir", "open", "pwrite", "remove", "rename", "replace", "unlink"),
    "utime",
)
READING = ("pread",)
Before = Callable[[str, int], None]
"""Gets the name of a call that is about to be made and its number, from 1."""


class CountedCalls:
    """Stand-ins for functions of `os`; those that concern the directory are counted, and announced to `before`."""

    def __init__(self, directory: str, before: Before, names: tuple[str, ...] = CHANGING) -> None:
        self.made: list[str] = []
        """Names of the calls so far."""
        self.stand_ins = {name: self._stand_in(name) for name in names if hasattr(os, name)}
        self._directory = os.path.realpath(directory)
        self._before = before

    def _stand_in(self, name: str) -> Callable[..., Any]:
        real = getattr(os, name)

        @functools.wraps(real)
        def counted(*args: Any, **kwargs: Any) -> Any:
            if self._concerns(name, args):
                self.made.append(name)
                self._before(name, len(self.made))
            return real(*args, **kwargs)

        return counted

    def _concerns(self, name: str, args: tuple[Any, ...]) -> bool:
        if name == "open" and not args[1] & os.O_CREAT:
            return False
        return any(self._is_below(arg) for arg in args[:2])

    def _is_below(self, file: Any) -> bool:
        if isinstance(file, int):
            try:
                file = Path(f"/proc/self/fd/{file}").readlink()
            except OSError:
                return False
        if not isinstance(file, (str, os.PathLike)):
            return False
        return str(Path(file).absolute()).startswith(self._directory + os.sep)


def kill_before(number: int) -> Before:
    """End this process without any warning before the call of that number, as the kernel does when memory is short."""

    def before(_name: str, now: int) -> None:
        if now == number:
            os.kill(os.getpid(), signal.SIGKILL)

    return before


def count_received(into: Path) -> None:
    """Keep the number of bytes that this process has read from sockets in a file, where it outlives a kill.

    What the kernel has received, and nobody has read, a server cannot tell from that.
    """
    into.write_bytes(bytes(8))
    with into.open("r+b") as file:
        counter = mmap.mmap(file.fileno(), 8)
    real: Callable[[Any, Any], int | None] = socket.SocketIO.readinto

    def readinto(self: Any, buffer: Any) -> int | None:
        size = real(self, buffer)
        counter[:] = (int.from_bytes(counter[:], "little") + (size or 0)).to_bytes(8, "little")
        return size

    vars(socket)["SocketIO"].readinto = readinto


def received(into: Path) -> int:
    """What such a file says; 0 where there is none."""
    return int.from_bytes(into.read_bytes(), "little") if into.exists() else 0


@functools.cache  # in a virtual environment Python executes its .pth files twice
def arm_from_environment() -> None:
    """Count what is received in the file RECEIVED, and be killed before the call with the number KILL_BEFORE.

    Of those below the directory KILL_BELOW. Does nothing of that without these variables.
    """
    if "RECEIVED" in os.environ:
        count_received(Path(os.environ["RECEIVED"]))
    if "KILL_BEFORE" in os.environ:
        calls = CountedCalls(os.environ["KILL_BELOW"], kill_before(int(os.environ["KILL_BEFORE"])))
        for name, stand_in in calls.stand_ins.items():
            setattr(os, name, stand_in)
