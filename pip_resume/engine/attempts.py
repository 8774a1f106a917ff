"""How long a download goes on although attempts fail: the budget, the waits, and the history for the final message."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pip_resume.engine.interfaces import Break, Display, Report
from pip_resume.errors import ConnectionLost, GaveUp, ServerBusy
from pip_resume.protocol.retry import MAX_RETRY_AFTER_S, Budget

if TYPE_CHECKING:
    from pip_resume.engine.clock import Clock
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
        self._breaks: list[Break] = []

    def begin_at(self, offset: int) -> None:
        """Count only bytes beyond this offset as progress."""
        self._highest = offset

    def wait_after(self, broken: ConnectionLost, held: Held, *, is_kept: bool) -> None:
        """Count a failed attempt and wait until the next one is due. Raises GaveUp when there is none."""
        new_bytes = max(held.offset - self._highest, 0)
        after_s = self._clock.elapsed_s() - self._started_s
        failure = Break(str(broken), held.offset, new_bytes, after_s, broken.stage)
        self._breaks.append(failure)
        self._highest += new_bytes
        self._budget = self._budget.after(new_bytes)
        asked_s = (broken.retry_after_s if isinstance(broken, ServerBusy) else None) or 0.0
        if self._budget.is_spent or asked_s > MAX_RETRY_AFTER_S:
            raise GaveUp(self._report(held, asked_s if asked_s > MAX_RETRY_AFTER_S else None, is_kept=is_kept))
        delay_s = max(self._budget.delay_s(self._clock.chance()), asked_s)
        self._display.lost(failure, held.checkpoint.complete_length, self._budget, delay_s)
        self._clock.sleep_s(delay_s)

    def _report(self, held: Held, come_back_s: float | None, *, is_kept: bool) -> Report:
        name = held.checkpoint.filename or self._filename
        return Report(name, held.offset, held.checkpoint.complete_length, is_kept, tuple(self._breaks), come_back_s)
