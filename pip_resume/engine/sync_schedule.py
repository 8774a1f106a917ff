"""When the bytes that the next run finds are synced while more of them arrive."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pip_resume.engine.clock import Clock

SYNC_S = 30.0
"""While bytes arrive they are synced this often: what a power cut, or a copy of the cache taken meanwhile, costs."""
SYNC_BYTES = 32 * 1024 * 1024
"""They are also synced after this many. pip waits for the last sync of a file, which then has little left to write."""


class SyncSchedule:
    """The last sync of one download."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._at_s = clock.elapsed_s()
        self._offset = 0

    def begin_at(self, offset: int) -> None:
        """Count only bytes beyond this offset, which an earlier run has stored."""
        self._offset = offset

    def is_due(self, offset: int) -> bool:
        """Whether the last sync was long ago, or many bytes below this offset."""
        self._offset = min(self._offset, offset)  # Bytes may have been taken away.
        return self._clock.elapsed_s() - self._at_s >= SYNC_S or offset - self._offset >= SYNC_BYTES

    def has_begun(self, offset: int) -> None:
        """Take note that a sync of the bytes below this offset has begun."""
        self._at_s, self._offset = self._clock.elapsed_s(), offset
