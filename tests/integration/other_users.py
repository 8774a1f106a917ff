"""Real other users of the machine: what a process of theirs does, and how a test works as a normal user.

Only root can start them. Run as a script, this module is one attacker: it imports only the standard library.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

VICTIM, ATTACKER, GROUP = 54_321, 54_322, 54_320
"""Users and a group that nobody has. The victim and the attacker are both in the group."""
_READY = "ready"
_LARGE_BYTES = 100_000
_GARBAGE = b"\0written by a different user\0" * 64


@contextlib.contextmanager
def acting_as(uid: int, gid: int = GROUP) -> Iterator[None]:
    """Do everything as this user. Modules that are not imported yet may be out of reach."""
    if uid != 0:
        os.setegid(gid)
        os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


@contextlib.contextmanager
def attacking(attack: Callable[..., Iterator[int]], *arguments: object) -> Iterator[Attack]:
    """Let a process of the attacker do this until the end of the context. `attack` is a function of this module."""
    command = [sys.executable, "-I", "-S", __file__, attack.__name__, *map(str, arguments)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    running = Attack(process)
    try:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == _READY
        yield running
    finally:
        running.end()


class Attack:
    """A process of the attacker."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.number = 0
        """How often the attack did what it is for. Known at the end."""

    def end(self) -> None:
        """End the attack. A second call does nothing."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            output, _ = self._process.communicate(timeout=30)
            self.number = int(output.split()[-1])


def swap_for_symlink(path: Path, target: Path) -> Iterator[int]:
    """Exchange a directory for a symlink to `target` and back, so that it is there for about a third of the time."""
    away = path.with_name("away")
    while True:
        with contextlib.suppress(OSError):
            path.rename(away)
            path.symlink_to(target)
            yield 1
        with contextlib.suppress(OSError):
            path.unlink()
        with contextlib.suppress(OSError):
            away.rename(path)
        time.sleep(0.0001)
        yield 0


def swap_for_directory(path: Path, other: Path) -> Iterator[int]:
    """Exchange a directory for a different one, which belongs to the victim, as soon as it appears; and back."""
    away = path.with_name("away")
    while True:
        with contextlib.suppress(OSError):
            path.rename(away)
            other.rename(path)
            yield 1
            time.sleep(0.0002)
            path.rename(other)
        with contextlib.suppress(OSError):
            away.rename(path)
        yield 0


def hold_open(directory: Path, start: Path) -> Iterator[int]:
    """Open every file below a directory as soon as it appears, and keep it open.

    Write into it all the time once `start` exists. Small files are left alone: pip itself warns of damaged ones. Each
    file also gets a second link, below "links".
    """
    held: dict[tuple[int, int], int] = {}
    links = directory / "links"
    with contextlib.suppress(OSError):
        links.mkdir()
    while True:
        for place, _names, names in os.walk(directory):
            for name in names:
                with contextlib.suppress(OSError):
                    descriptor = os.open(Path(place) / name, os.O_RDWR | os.O_NONBLOCK)
                    status = os.fstat(descriptor)
                    if status.st_uid == ATTACKER or (status.st_dev, status.st_ino) in held:
                        os.close(descriptor)
                        continue
                    held[status.st_dev, status.st_ino] = descriptor
                    with contextlib.suppress(OSError):
                        os.link(Path(place) / name, links / str(status.st_ino))
                    yield 1
        for descriptor in held.values():
            with contextlib.suppress(OSError):
                if start.exists() and os.fstat(descriptor).st_size > _LARGE_BYTES:
                    os.pwrite(descriptor, _GARBAGE, _LARGE_BYTES // 2)
        yield 0


def keep_locked(path: Path, growth: int) -> Iterator[int]:
    """Make a file, lock it, and let it grow by so many bytes every millisecond, without a byte on the disk."""
    with path.open("wb") as file:
        path.chmod(0o666)
        fcntl.flock(file, fcntl.LOCK_EX)
        while True:
            file.truncate(os.fstat(file.fileno()).st_size + growth)
            yield 1
            time.sleep(0.001)


def lock(path: Path) -> Iterator[int]:
    """Lock a file that this user may write to."""
    with path.open("r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        while True:
            yield 1
            time.sleep(0.01)


def lock_a_link(source: Path, path: Path, growth: int) -> Iterator[int]:
    """Make a second link of a file that this user may write to, lock it, and let it grow as `keep_locked` does."""
    with source.open("r+b") as file:
        os.link(source, path)
        fcntl.flock(file, fcntl.LOCK_EX)
        while True:
            file.truncate(os.fstat(file.fileno()).st_size + growth)
            yield 1
            time.sleep(0.001)


def replace_what_is_new(directory: Path, own: Path) -> Iterator[int]:
    """Put a copy of a file of the attacker's in the place of each temporary file in a directory."""
    content = own.read_bytes()
    seen: set[str] = set()
    while True:
        with contextlib.suppress(OSError):
            for path in directory.iterdir():
                if path.suffix in (".new", ".tmp") and path.name not in seen:
                    seen.add(path.name)
                    copy = directory / f"{len(seen)}.replacement"
                    copy.write_bytes(content)
                    copy.chmod(0o666)
                    copy.rename(path)
                    yield 1
        yield 0


def lock_what_can_be_read(directory: Path) -> Iterator[int]:
    """Lock every file of a directory that can be opened, and keep the locks."""
    held: dict[int, int] = {}
    while True:
        for path in directory.iterdir():
            with contextlib.suppress(OSError):
                descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
                inode = os.fstat(descriptor).st_ino
                if inode in held:
                    os.close(descriptor)
                    continue
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                held[inode] = descriptor
                yield 1
        yield 0


def _main(name: str, *arguments: str) -> None:
    os.setgroups([])
    os.setgid(GROUP)
    os.setuid(ATTACKER)
    os.umask(0)

    # Not an exception: it would escape from a `with` that suppresses it, since CPython 3.13 leaves the jump back at the
    # end of a loop out of the block.
    ended: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: ended.append(number))
    values = [int(argument) if argument.isdigit() else Path(argument) for argument in arguments]
    number, is_ready = 0, False
    for done in globals()[name](*values):
        number += done
        if not is_ready:
            is_ready = True
            print(_READY, flush=True)
        if ended:
            break
    print(number, flush=True)


if __name__ == "__main__":
    _main(*sys.argv[1:])
