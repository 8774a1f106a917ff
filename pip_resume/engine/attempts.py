"""The attempts of one download: what is left of its limits, the waits, and the history for the final message."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pip_resume.errors import ConnectionLost, FailedAttempt, GaveUp, NoResponse, Report, ServerBusy
from pip_resume.protocol.retry import (
    SHORT_DELAY_S,
    Budget,
    Limits,
    Options,
    Reached,
    larger,
    limits,
    limits_before_response,
    limits_of_pip,
)
from pip_resume.protocol.trust import Costs

if TYPE_CHECKING:
    from pip_resume.engine.clock import Clock, Stopwatch
    from pip_resume.engine.interfaces import Display
    from pip_resume.protocol.messages import Held

_STEP_S = 1.0
"""How often the user sees how long a wait still takes."""
_MOST_FRESH_STARTS = 3
"""How often the count of new bytes may begin at 0 again. So files that never end cannot keep a download going."""


class Attempts:
    """The attempts of one download, or of one request."""

    def __init__(
        self, first_limits: Limits, options: Options, display: Display, clock: Clock, watch: Stopwatch
    ) -> None:
        """``first_limits`` hold until the host has answered."""
        self._limits = first_limits
        self._before = (False, first_limits)
        """What held before the last response: whether the host had a useful one, and the limits."""
        self._unverified = limits_before_response(options, Reached.NONE)
        """What holds for a host without a right certificate so far."""
        self._options = options
        self._budget = Budget()
        self._display = display
        self._clock = clock
        self._watch = watch
        self._highest = 0
        self._body_bytes: int | None = None
        self._compared = 0
        self._fresh_starts = 0
        self._plain_due_s: float | None = None
        """When a plain request is due that was put off. None without one."""
        self._byte_s = self._progress_s = self._attempt_s = watch.elapsed_s
        self._failed: list[FailedAttempt] = []
        self.has_response = False
        """Whether the host has answered."""
        self.has_useful_response = False
        """Whether one of its responses had bytes of the file, or said that none are missing."""

    @property
    def are_allowed(self) -> bool:
        """Whether a connection that has brought something may be followed by a new one."""
        return self._options.retries > 0

    @property
    def small(self) -> int:
        """How many connections have brought something, but little, since one that brought more."""
        return self._budget.small

    @property
    def steps(self) -> int:
        """How many attempts have failed since the last progress, with the one that made it."""
        return self._budget.steps

    def host_answered(self, *, is_useful: bool) -> None:
        """Take note that the host has answered. As long as it is only busy, or refuses Range, plain pip would retry."""
        later = limits(self._options)
        self._before = (self.has_useful_response, self._limits)
        self.has_response = True
        self.has_useful_response |= is_useful
        self._limits = later if self.has_useful_response else larger(self._limits, later)

    def response_was_useless(self) -> None:
        """Take note that the last response was no part of the file, as a page in the place of a range."""
        self.has_useful_response, before = self._before
        self._limits = self._limits if self.has_useful_response else larger(before, limits(self._options))

    def pip_has_retried(self) -> None:
        """Take note that the request that has just failed had pip's own ``--retries``."""
        self._budget = self._budget.after_retries(self._options.connect_waits_s)

    def cache_was_cut(self) -> None:
        """Take note that pip's cache had only a part of the file: plain pip requests the rest with --resume-retries."""
        pips = limits_of_pip(self._options)
        self._limits, self._unverified = larger(self._limits, pips), larger(self._unverified, pips)

    def allow_plain(self, failures: int) -> None:
        """Allow as many plain requests as pip would send, less the ``failures`` that there were; at least one."""
        left = max(1 + len(self._options.connect_waits_s) - failures, 1)
        self._budget = self._budget._replace(failed=min(self._budget.failed, self._limits.attempts + 1 - left))

    def is_further(self, offset: int) -> bool:
        """Whether no earlier attempt has come as far."""
        return offset > self._highest

    def begin_at(self, offset: int) -> None:
        """Count only bytes beyond this offset as new."""
        if offset >= self._highest or self._fresh_starts < _MOST_FRESH_STARTS:
            self._fresh_starts += offset < self._highest
            self._highest = offset

    def bytes_arrived(self) -> None:
        """Take note that a byte has arrived just now."""
        self._byte_s = self._watch.elapsed_s

    def body_ended(self, size: int, compared: int) -> None:
        """Take note of a body that has ended too early, after ``size`` bytes.

        Those of an earlier run that were found equal for the first time, ``compared``, count as new.
        """
        self._body_bytes = size
        if compared:
            self._compared += compared
            self.bytes_arrived()

    def pause(self) -> None:
        """Wait a second before a request that need not wait for anything, so that there are not too many of them."""
        self._wait(SHORT_DELAY_S, self._watch.elapsed_s - self._progress_s)

    def wait_as_asked(self, lost: ConnectionLost, held: Held) -> None:
        """Wait as long as the server has asked for, before the one request that follows when the limits are spent."""
        delay_s = min(_asked_s(lost), self._options.retry_after_cap_s)
        if delay_s:
            failure, length = self._failed[-1], held.checkpoint.complete_length
            self._display.attempt_failed(failure, length, self._budget, self._limits, delay_s)
        self._wait(delay_s, self._watch.elapsed_s - self._progress_s)
        self._attempt_s = self._watch.elapsed_s

    def wait_after(self, lost: ConnectionLost, held: Held, *, costs: Costs = Costs.A_BODY) -> bool:
        """Record a failed attempt and wait until the next one is due. Raises GaveUp if there is none.

        ``costs`` tells what the next attempt costs if it fails. Return True if one that costs no body takes its place.
        """
        new_bytes = max(held.offset - self._highest, 0)
        self._highest += new_bytes
        after_s = self._watch.lap(0.0)
        failure = FailedAttempt(str(lost), held.offset, new_bytes, after_s, lost.stage, held.can_continue)
        self._failed.append(failure)
        # Without Range each of pip's --resume-retries is one body. Only its request has pip's --retries.
        waits_s = self._options.connect_waits_s
        self._budget = self._budget.after(new_bytes + self._compared, self._body_bytes, waits_s)
        self._compared, self._body_bytes = 0, None
        if self._budget.without_progress == 0:
            self._progress_s = self._byte_s
        idle_s = self._watch.elapsed_s - self._progress_s
        asked_s = _asked_s(lost)
        is_asked_too_long = asked_s > self._options.longest_retry_after_s
        allowed = self._limits_after(lost)
        if is_asked_too_long or self._budget.is_spent(allowed, idle_s):
            raise GaveUp(self._report(held, asked_s if is_asked_too_long else None))
        asked_s = min(asked_s, self._options.retry_after_cap_s)
        attempt_s = self._watch.elapsed_s - self._attempt_s
        chance = self._clock.chance()
        is_cheap = costs is Costs.NO_BODY
        delay_s = self._budget.delay_s(allowed, idle_s, chance, attempt_s, is_cheap=is_cheap)
        is_put_off = False
        if costs is Costs.A_BODY_OR_NONE and idle_s < allowed.idle_s:
            cheap_s = self._budget.delay_s(allowed, idle_s, chance, attempt_s, is_cheap=True)
            delay_s, is_put_off = self._put_off(delay_s, cheap_s, attempt_s)
        delay_s = max(delay_s, asked_s)
        self._budget = self._budget.after_wait(delay_s)
        self._display.attempt_failed(failure, held.checkpoint.complete_length, self._budget, allowed, delay_s)
        self._wait(delay_s, idle_s)
        self._attempt_s = self._watch.elapsed_s
        return is_put_off

    def _put_off(self, delay_s: float, cheap_s: float, attempt_s: float) -> tuple[float, bool]:
        """Return the wait before the next attempt, and whether that is one without a body, after ``cheap_s`` seconds.

        It is if such an attempt, which took ``attempt_s`` the last time, ends before the other one is due: ``delay_s``
        seconds after it was put off for the first time.
        """
        now_s = self._watch.elapsed_s
        due_s = now_s + delay_s if self._plain_due_s is None else self._plain_due_s
        is_put_off = now_s + cheap_s + attempt_s < due_s
        self._plain_due_s = due_s if is_put_off else None
        return (cheap_s if is_put_off else max(due_s - now_s, 0.0)), is_put_off

    def _limits_after(self, lost: ConnectionLost) -> Limits:
        """Return the limits after this failure. A host that was never verified may always have a wrong certificate."""
        if isinstance(lost, NoResponse) and lost.is_unverified:
            return self._unverified
        return self._limits

    def _wait(self, delay_s: float, idle_s: float) -> None:
        left_s = delay_s
        while left_s > 0:
            self._display.waiting(left_s, idle_s + delay_s - left_s)
            step_s = min(left_s, _STEP_S)
            self._clock.sleep_s(step_s)
            self._watch.lap(step_s)
            left_s -= step_s

    def _report(self, held: Held, retry_after_s: float | None) -> Report:
        known = held.checkpoint
        return Report(known.filename, held.offset, known.complete_length, tuple(self._failed), retry_after_s)


def _asked_s(lost: ConnectionLost) -> float:
    """Return the seconds that the server has asked to wait for; 0 if it has asked for none."""
    return (lost.retry_after_s if isinstance(lost, ServerBusy) else None) or 0.0
