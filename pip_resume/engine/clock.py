"""Time and chance as one argument, so that tests need not wait."""

from __future__ import annotations

import random
import time
from typing import Protocol

SLACK_S = 5.0
"""How much longer than its own limit a wait or a read may count: a busy machine is late, but not by more than this."""


class Clock(Protocol):
    """What the engine needs to know about time."""

    def now_s(self) -> float:
        """Return seconds since the epoch, UTC."""

    def elapsed_s(self) -> float:
        """Return seconds on a clock that never goes back. It may go on while the computer sleeps (Windows)."""

    def sleep_s(self, delay_s: float) -> None:
        """Wait. Ctrl-C ends the wait at once."""

    def chance(self) -> float:
        """Return a random number in [0, 1)."""


class SystemClock:
    """The clock of this machine."""

    def now_s(self) -> float:
        return time.time()

    def elapsed_s(self) -> float:
        return time.monotonic()

    def sleep_s(self, delay_s: float) -> None:
        time.sleep(delay_s)

    def chance(self) -> float:
        return random.random()


class Stopwatch:
    """Seconds since it was made, without those in which the computer slept."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last_s = clock.elapsed_s()
        self.elapsed_s = 0.0
        """At the last lap."""

    def lap(self, longest_s: float) -> float:
        """Add the time since the last lap, and return the sum.

        It counts as ``longest_s`` and SLACK_S at most: what was done meanwhile could not take longer.
        """
        now_s = self._clock.elapsed_s()
        self.elapsed_s += min(now_s - self._last_s, longest_s + SLACK_S)
        self._last_s = now_s
        return self.elapsed_s
