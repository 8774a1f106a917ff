"""Count the system calls that change or read the files below a directory, and kill the process before one of them.

Imports only the standard library, because a pip under test loads this module too: see `arm_from_environment`.
"""

from __future__ import annotations

import functools
import mmap
import os
import signal
import socket
import ssl
from pathlib import Path
from typing import Any, Callable

CHANGING = (
    *("chmod", "copy_file_range", "fsync", "ftruncate", "link", "mkdir", "open", "pwrite", "remove", "rename"),
    *("replace", "unlink", "utime"),
)
READING = ("pread",)
# The sets of `os` that tell which functions take which arguments.
FEATURES = (os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks)
# The argument that is the directory of the first path, and that of the second.
DIRECTORIES = (("dir_fd", "src_dir_fd"), ("dir_fd", "dst_dir_fd"))
Before = Callable[[str, int], None]
"""Gets the name of a call that is about to be made, and its number, from 1."""


class CountedCalls:
    """Counts calls of functions of `os` that concern a directory, and calls `before` before each of them."""

    def __init__(self, directory: str, before: Before, names: tuple[str, ...] = CHANGING) -> None:
        self.made: list[str] = []
        """Names of the calls so far."""
        self._wrappers = {name: self._wrapper(name) for name in names if hasattr(os, name)}
        self._directory = os.path.realpath(directory)
        self._before = before

    def install(self, set_attribute: Callable[[Any, str, Any], object] = setattr) -> None:
        """Count from now on. `set_attribute` puts the wrappers into `os`."""
        for name, wrapper in self._wrappers.items():
            set_attribute(os, name, wrapper)

    def _wrapper(self, name: str) -> Callable[..., Any]:
        real = getattr(os, name)

        @functools.wraps(real)
        def counted(*args: Any, **kwargs: Any) -> Any:
            if self._concerns(name, args, kwargs):
                self.made.append(name)
                self._before(name, len(self.made))
            return real(*args, **kwargs)

        for functions in FEATURES:
            if real in functions:
                functions.add(counted)
        return counted

    def _concerns(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        if name == "open" and not args[1] & os.O_CREAT:
            return False
        return any(
            self._is_below(arg, next((kwargs[key] for key in keys if kwargs.get(key) is not None), None))
            for arg, keys in zip(args, DIRECTORIES)
        )

    def _is_below(self, file: Any, directory: int | None) -> bool:
        """Whether this is a path, or a descriptor, below ours; `directory` is where a relative path starts."""
        if isinstance(file, int):
            return self._is_path_below(path_of(file))
        if not isinstance(file, (str, os.PathLike)):
            return False
        start = Path.cwd() if directory is None else path_of(directory)
        return self._is_path_below(None if start is None else start / file)

    def _is_path_below(self, path: Path | None) -> bool:
        return path is not None and str(path).startswith(self._directory + os.sep)


def path_of(descriptor: int) -> Path | None:
    """Return the path of an open file or directory; None if it has none."""
    try:
        return Path(f"/proc/self/fd/{descriptor}").readlink()
    except OSError:
        return None


def count_calls(directory: str, kill_before: int | None = None) -> CountedCalls:
    """Count the calls below a directory from now on.

    Kill this process before the call with the number `kill_before`, without any warning, as the kernel does when
    memory runs out. None: never.
    """

    def before(_name: str, number: int) -> None:
        if number == kill_before:
            os.kill(os.getpid(), signal.SIGKILL)

    calls = CountedCalls(directory, before)
    calls.install()
    return calls


def count_received(into: Path) -> None:
    """Write the number of bytes that this process reads from sockets into a file, which survives a kill.

    A server cannot know this number: the kernel may have received bytes that the process never read.
    """
    into.write_bytes(bytes(8))
    with into.open("r+b") as file:
        counter = mmap.mmap(file.fileno(), 8)

    def count(owner: Any) -> None:
        real = owner.recv_into

        @functools.wraps(real)
        def recv_into(self: Any, *args: Any, **kwargs: Any) -> int:
            size: int = real(self, *args, **kwargs)
            counter[:] = (int.from_bytes(counter[:], "little") + size).to_bytes(8, "little")
            return size

        owner.recv_into = recv_into

    # Each method of reading ends in one of these two.
    count(ssl.SSLSocket)
    count(socket.socket)


def received(into: Path) -> int:
    """Return the number in such a file; 0 without a file."""
    return int.from_bytes(into.read_bytes(), "little") if into.exists() else 0


@functools.cache  # In a virtual environment Python executes its .pth files twice.
def arm_from_environment() -> None:
    """Start counting as these environment variables say; do nothing without them.

    RECEIVED: the file for `count_received`. KILL_BEFORE: the number of the call before which this process is killed,
    out of the calls below the directory KILL_BELOW.
    """
    if "RECEIVED" in os.environ:
        count_received(Path(os.environ["RECEIVED"]))
    if "KILL_BEFORE" in os.environ:
        count_calls(os.environ["KILL_BELOW"], int(os.environ["KILL_BEFORE"]))
