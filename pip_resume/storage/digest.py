"""The digest that runs along while a file is written. No I/O of its own: what it missed is read through a function."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Callable

if TYPE_CHECKING:
    from pip_resume.artifact import Digest

CATCH_UP_BYTES = 1024 * 1024
"""Read at a time when bytes of an earlier run are hashed: about half a millisecond, so no new byte waits for it."""


class RunningDigest:
    """Hashes a file from its start, as far as it is asked to."""

    def __init__(self, digest: Digest) -> None:
        self._digest = digest
        self._hash = _new_hash(digest.name)
        self.hashed = 0
        """Number of bytes from the start that are hashed."""

    def update(self, position: int, block: bytes | memoryview) -> None:
        """Hash a block that was written at ``position``, if all before it is hashed.

        Else it is left to ``catch_up``.
        """
        if position == self.hashed:
            self._hash.update(block)
            self.hashed += len(block)

    def catch_up(self, read_at: Callable[[int, int], bytes], offset: int) -> bool:
        """Hash up to CATCH_UP_BYTES of what was missed below ``offset``; False when nothing is left to do.

        ``read_at(position, size)`` reads from the file; what it raises passes.
        """
        size = min(offset - self.hashed, CATCH_UP_BYTES)
        block = read_at(self.hashed, size) if size > 0 else b""
        self.update(self.hashed, block)
        return bool(block)

    def matches(self) -> bool:
        """Whether the bytes hashed so far are what the link promises."""
        return self._hash.hexdigest() == self._digest.hexdigest


def _new_hash(name: str) -> hashlib._Hash:
    try:
        # Not a matter of security here: pip itself decides whether it trusts an md5 link (FIPS systems forbid it
        # otherwise).
        return hashlib.new(name, usedforsecurity=False)
    except TypeError:  # hashlib of some distributors knows no such argument
        return hashlib.new(name)
