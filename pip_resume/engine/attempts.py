"""The attempts of one download: the retry budget, the waits, and the history for the final message."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pip_resume.errors import ConnectionLost, FailedAttempt, GaveUp, Report, ServerBusy
from pip_resume.protocol.retry import MAX_RETRY_AFTER_S, Budget

if TYPE_CHECKING:
    from pip_resume.engine.clock import Clock
    from pip_resume.engine.interfaces import Display
    from pip_resume.protocol.messages import Held


class Attempts:
    """The attempts of one download."""

    def __init__(self, filename: str, budget: Budget, display: Display, clock: Clock) -> None:
        self._filename = filename
        self._budget = budget
        self._display = display
        self._clock = clock
        self._started_s = clock.elapsed_s()
        self._highest = 0
        self._failed: list[FailedAttempt] = []

    def begin_at(self, offset: int) -> None:
        """Count only bytes beyond this offset as progress."""
        self._highest = offset

    def wait_after(self, lost: ConnectionLost, held: Held, *, is_stored: bool) -> None:
        """Record a failed attempt and wait until the next one is due. Raises GaveUp if there is none."""
        new_bytes = max(held.offset - self._highest, 0)
        after_s = self._clock.elapsed_s() - self._started_s
        failure = FailedAttempt(str(lost), held.offset, new_bytes, after_s, lost.stage)
        self._failed.append(failure)
        self._highest += new_bytes
        self._budget = self._budget.after(new_bytes)
        asked_s = (lost.retry_after_s if isinstance(lost, ServerBusy) else None) or 0.0
        if self._budget.is_spent or asked_s > MAX_RETRY_AFTER_S:
            raise GaveUp(self._report(held, asked_s if asked_s > MAX_RETRY_AFTER_S else None, is_stored=is_stored))
        delay_s = max(self._budget.delay_s(self._clock.chance()), asked_s)
        self._display.connection_lost(failure, held.checkpoint.complete_length, self._budget, delay_s)
        self._clock.sleep_s(delay_s)

    def _report(self, held: Held, retry_after_s: float | None, *, is_stored: bool) -> Report:
        name = held.checkpoint.filename or self._filename
        complete_length = held.checkpoint.complete_length
        return Report(name, held.offset, complete_length, is_stored, tuple(self._failed), retry_after_s)
