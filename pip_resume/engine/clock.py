"""Time and chance as one argument, so that tests need not wait."""

from __future__ import annotations

import random
import time
from typing import Protocol


class Clock(Protocol):
    """What the engine needs to know about time."""

    def now_s(self) -> float:
        """Return seconds since the epoch, UTC."""

    def elapsed_s(self) -> float:
        """Return seconds on a clock that never goes back."""

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
