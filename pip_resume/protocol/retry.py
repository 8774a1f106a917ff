"""The retry budget and the pace of a line, as values; time and chance are arguments. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

DEFAULT_RETRIES = 5
"""As many as pip's own --resume-retries since 25.2."""
PROGRESS_BYTES = 4 * 1024
"""New bytes that refill the budget: the smallest block. Less is what a server gives that sends one byte per attempt."""
FIRST_DELAY_S = 0.5
MAX_DELAY_S = 15.0
MAX_RETRY_AFTER_S = 60.0
"""The longest Retry-After (RFC 9110 section 10.2.3) that is waited out.

Beyond it the user is told when to come back.
"""


class Budget(NamedTuple):
    """How many attempts without new bytes are still allowed for one artifact."""

    retries: int = DEFAULT_RETRIES
    """Further attempts after one that failed; 0 gives up at the first break."""
    failed: int = 0
    """Attempts since the last progress, the one that made it included."""
    barren: int = 0
    """Attempts in a row that brought nothing new."""
    gained: int = 0
    """New bytes since the last refill, in attempts too small to count as progress."""

    def after(self, new_bytes: int) -> Budget:
        """The budget after a failed attempt that passed the highest offset so far by ``new_bytes``."""
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
        """The number of the attempt to come, counted from the last progress; the first is 1."""
        return self.failed + 1

    @property
    def attempts(self) -> int:
        """The number of the last attempt that is allowed."""
        return self.retries + 1

    def delay_s(self, chance: float) -> float:
        """Seconds before the next attempt: none after progress, else doubling.

        ``chance`` in [0, 1) spreads it by a quarter: the machines of a classroom must not ask again in step.
        """
        if self.barren == 0:
            return 0.0
        base = FIRST_DELAY_S * 2.0 ** min(self.barren - 1, 10)
        return min(base * (0.75 + chance / 2), MAX_DELAY_S)


MIN_BLOCK_BYTES = 4 * 1024
MAX_BLOCK_BYTES = 64 * 1024
TRICKLE_BYTES_PER_S = 1024
TRICKLE_WINDOW_S = 30.0
_SLOW_BLOCK_S = 1.0


@dataclass
class Pace:
    """How fast the blocks of one answer come in; judged at block ends, so blocks stay small while the line is slow."""

    window_start_s: float
    """Time on a clock that never goes back."""
    window_s: float = TRICKLE_WINDOW_S
    """Infinite where a line is not to be given up, however slow."""
    block_start_s: float = 0.0
    window_bytes: int = 0
    block_bytes: int = MIN_BLOCK_BYTES
    """What to read next."""

    def __post_init__(self) -> None:
        self.block_start_s = self.window_start_s

    def after_block(self, size: int, now_s: float) -> bool:
        """Whether the line is worth keeping, after a block of ``size`` bytes has arrived at ``now_s``.

        False when less than TRICKLE_BYTES_PER_S came in over the last full TRICKLE_WINDOW_S: a new connection may do
        better, and costs nothing since the bytes are kept.
        """
        self.window_bytes += size
        quick = now_s - self.block_start_s < _SLOW_BLOCK_S
        self.block_start_s = now_s
        self.block_bytes = (
            min(self.block_bytes * 4, MAX_BLOCK_BYTES) if quick else max(self.block_bytes // 2, MIN_BLOCK_BYTES)
        )
        window_s = now_s - self.window_start_s
        if window_s < self.window_s:
            return True
        fast_enough = self.window_bytes >= TRICKLE_BYTES_PER_S * window_s
        self.window_start_s, self.window_bytes = now_s, 0
        return fast_enough
