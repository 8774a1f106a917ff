"""The retry budget of one download, as a value. No I/O: time and chance are arguments."""

from __future__ import annotations

from typing import NamedTuple

DEFAULT_RETRIES = 5
"""The default of pip's own --resume-retries since 25.2."""
PROGRESS_BYTES = 4 * 1024
"""New bytes that refill the budget: the smallest block. A server that sends one byte an attempt does not refill it."""
FIRST_DELAY_S = 0.5
"""The first wait. It doubles each time, as that of urllib3 does."""
MAX_DELAY_S = 15.0
"""The longest wait of our own: pip's default ``--timeout``."""
MAX_RETRY_AFTER_S = 60.0
"""The longest Retry-After (RFC 9110 section 10.2.3) that is waited out. Beyond it the user is told when to return."""


class Budget(NamedTuple):
    """How many attempts without new bytes are still allowed for one artifact."""

    retries: int = DEFAULT_RETRIES
    """Further attempts after one that failed. 0 gives up at the first lost connection."""
    failed: int = 0
    """Attempts since the last progress, including the one that made it."""
    barren: int = 0
    """Attempts in a row that brought nothing new."""
    gained: int = 0
    """New bytes since the last refill, in attempts too small to count as progress."""

    def after(self, new_bytes: int) -> Budget:
        """Return the budget after a failed attempt that brought ``new_bytes`` beyond the highest offset before it."""
        gained = self.gained + max(new_bytes, 0)
        if gained >= PROGRESS_BYTES:
            return self._replace(failed=1, barren=0, gained=0)
        return self._replace(failed=self.failed + 1, barren=self.barren + 1, gained=gained)

    @property
    def is_spent(self) -> bool:
        """Whether no further attempt is allowed."""
        return self.failed > self.retries

    @property
    def next_attempt(self) -> int:
        """The number of the next attempt, counted from the last progress. The first is 1."""
        return self.failed + 1

    @property
    def attempts(self) -> int:
        """The number of the last attempt that is allowed."""
        return self.retries + 1

    def delay_s(self, chance: float) -> float:
        """Return the seconds before the next attempt: none after progress, else doubling up to MAX_DELAY_S.

        ``chance`` in [0, 1) is a jitter of 25 % both ways, so that many clients do not retry at the same moment.
        """
        if self.barren == 0:
            return 0.0
        base = FIRST_DELAY_S * 2.0 ** min(self.barren - 1, 10)
        return min(base * (0.75 + chance / 2), MAX_DELAY_S)
