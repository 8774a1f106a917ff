"""The digest that is computed while a file is written. No I/O: bytes that it missed are read through a function."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Callable

if TYPE_CHECKING:
    from pip_resume.artifact import Digest

CATCH_UP_BYTES = 1024 * 1024
"""How much of an earlier run's bytes is hashed at a time: about 0.5 ms, so that no new byte waits for it."""


class RunningDigest:
    """Hashes a file from its start, as far as it is asked to."""

    def __init__(self, digest: Digest) -> None:
        self._digest = digest
        self._hash = _new_hash(digest.name)
        self.hashed = 0
        """Number of bytes from the start that are hashed."""

    def update(self, position: int, block: bytes | memoryview) -> None:
        """Hash a block written at ``position``, if all bytes before it are hashed; else leave it to ``catch_up``."""
        if position == self.hashed:
            self._hash.update(block)
            self.hashed += len(block)

    def catch_up(self, read_at: Callable[[int, int], bytes], offset: int) -> bool:
        """Hash up to CATCH_UP_BYTES of what was missed below ``offset``; return False if nothing is left to hash.

        ``read_at(position, size)`` reads from the file. What it raises passes through.
        """
        size = min(offset - self.hashed, CATCH_UP_BYTES)
        block = read_at(self.hashed, size) if size > 0 else b""
        self.update(self.hashed, block)
        return bool(block)

    @property
    def hexdigest(self) -> str:
        """The digest of the bytes hashed so far."""
        return self._hash.hexdigest()

    def matches(self) -> bool:
        """Whether the bytes hashed so far match the link's hash."""
        return self._digest.matches(self.hexdigest)


def _new_hash(name: str) -> hashlib._Hash:
    try:
        # pip decides whether it trusts an md5 link. FIPS systems forbid md5 without this argument.
        return hashlib.new(name, usedforsecurity=False)
    except TypeError:  # A Python whose hashlib lacks the argument.
        return hashlib.new(name)
