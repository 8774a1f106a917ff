"""How long a download goes on without progress, and how long it waits between attempts, as values. No I/O.

The limits hold together: a download is given up when the attempts *and* the time without progress are both spent.
Time and chance are arguments.
"""

from __future__ import annotations

import enum
import functools
from typing import NamedTuple

DEFAULT_RETRIES = 5
"""The default of pip's own --resume-retries since 25.2."""
DEFAULT_PATIENCE_S = 300.0
"""The default of PIP_RESUME_PATIENCE. BITS of Windows counts the time without progress, too, and not attempts."""
OTHER_HOST_PATIENCE_S = 60.0
"""The patience with a host that has not answered in this run, while a different one has: the network works."""
PROGRESS_BYTES = 4 * 1024
"""New bytes that count as progress: one page. A server that sends one byte an attempt makes none."""
QUICK_BYTES = 64 * 1024
"""A connection that brought this much is followed by the next without a wait."""
SHORT_DELAY_S = 1.25
"""The wait after a connection that brought something, but less, if it was not one of the first such ones.

So connections that all do so cause at most 30 requests in any 30 s, those of MOST_QUICK included.
"""
FIRST_DELAY_S = 0.5
"""The wait after an attempt that brought nothing, plus SHARE_OF_OUTAGE of the time since the last progress."""
SHARE_OF_OUTAGE = 0.1
"""So the end of an outage is noticed after a tenth of its length."""
DELAY_AFTER_SILENCE_S = 1.5
"""In an outage: the longest wait after an attempt that itself took longer than the wait computed for it.

The mean of pip's own waits is 1.25 s. With many --retries it is longer, and the waits grow up to it, as pip's own do.
"""
MAX_DELAY_S = 15.0
"""The longest wait of our own: pip's default ``--timeout``."""
REPEAT_DELAY_S = 0.2
"""The wait after one of the first MOST_QUICK bodies of a download that brought nothing new. Together it is a second."""
MOST_QUICK = DEFAULT_RETRIES
"""Plain pip follows a body that was cut at once, up to this often."""
MOST_QUICK_LARGE = 2
"""The same for bodies of at least QUICK_BYTES without anything new: each of them may cost as much as the file."""
MAX_USELESS_DELAY_S = 60.0
"""The longest wait after bodies that arrived and brought nothing new. So they cost about ten times their bytes."""
JITTER = 0.25
"""Waits are up to this share shorter, so that many clients do not retry at the same moment."""


class Reached(enum.Enum):
    """Which hosts have answered in this run of pip."""

    THIS_HOST = "the host of the link"
    OTHER_HOST = "a different host only"
    NONE = "no host at all"


class Options(NamedTuple):
    """What pip's options and our variables say about patience."""

    retries: int = DEFAULT_RETRIES
    """pip's --resume-retries. 0 gives up at the first lost connection."""
    patience_s: float = DEFAULT_PATIENCE_S
    """PIP_RESUME_PATIENCE: seconds since the last progress. 0 means that the attempts alone count."""
    connect_waits_s: tuple[float, ...] = (0.0, 0.5, 1.0, 2.0, 4.0)
    """pip's own wait before each of its ``--retries``."""
    longest_retry_after_s: float = float("inf")
    """A longer Retry-After ends the download: a PIP_RESUME_PATIENCE that was set, else no limit."""
    retry_after_cap_s: float = float("inf")
    """No Retry-After is waited for longer than this, as in this pip's urllib3."""


class Limits(NamedTuple):
    """How long a download goes on without progress: until attempts, time and waits are all spent."""

    attempts: int
    """Number of attempts without progress that have to fail."""
    idle_s: float
    """Seconds since the last progress that have to pass."""
    waits_s: tuple[float, ...] | None = None
    """The wait before each attempt, again and again; None for waits that grow with the outage."""
    waited_s: float = 0.0
    """Seconds of waits that have to pass, as in plain pip: its requests take time as well."""

    @property
    def mean_wait_s(self) -> float:
        """The mean of plain pip's waits, in seconds; 1.25 with its defaults."""
        return self.waited_s / self.attempts if self.attempts else 0.0


@functools.lru_cache(maxsize=8)
def limits(options: Options) -> Limits:
    """Return the limits of a download. They are never shorter than those of plain pip with the same options.

    Each of pip's --resume-retries is one request and up to ``--retries`` further ones: as many attempts have to fail.
    Fewer than pip's default are the user's wish to wait less: then the waits are those of plain pip.
    """
    retries, connect_waits_s = options.retries, options.connect_waits_s
    if retries == 0 or options.patience_s == 0:
        return Limits(retries, 0.0)
    attempts = retries * (1 + len(connect_waits_s))
    waited_s = retries * sum(connect_waits_s)
    if retries < DEFAULT_RETRIES:
        return limits_of_pip(options)
    return Limits(attempts, max(options.patience_s, waited_s), waited_s=waited_s)


def limits_of_pip(options: Options) -> Limits:
    """Return limits with the attempts and the waits of plain pip: all ``--retries`` of each of its --resume-retries."""
    retries, connect_waits_s = options.retries, options.connect_waits_s
    # Waits of minutes, which plain pip has with many --retries, would notice the end of an outage that much later.
    waits_s = (0.0, *(min(wait_s, MAX_DELAY_S) for wait_s in connect_waits_s))
    waited_s = retries * sum(connect_waits_s) if waits_s[1:] != connect_waits_s else 0.0
    return Limits(retries * (1 + len(connect_waits_s)), 0.0, waits_s, waited_s)


@functools.lru_cache(maxsize=8)
def limits_before_response(options: Options, reached: Reached) -> Limits:
    """Return the limits while the link's host has not answered this download: at least those of pip's ``--retries``.

    A host that has answered in this run is worth the same patience as in the middle of a file. One that has not may not
    exist: it is worth some patience only if a different host shows that the network works.
    """
    later, waits_s = limits(options), options.connect_waits_s
    if reached is Reached.NONE or later.idle_s == 0:
        return Limits(len(waits_s), 0.0, waits_s or (0.0,))
    if reached is Reached.OTHER_HOST:
        patience_s = min(OTHER_HOST_PATIENCE_S, options.patience_s)
        return Limits(len(waits_s), max(patience_s, sum(waits_s)), waited_s=sum(waits_s))
    return later


def larger(first: Limits, second: Limits) -> Limits:
    """Return the limits that allow more attempts; the second if both allow as many."""
    return first if first.attempts > second.attempts else second


class Budget(NamedTuple):
    """What one download has used up of its limits."""

    failed: int = 0
    """Attempts since the last progress, including the one that made it."""
    without_progress: int = 0
    """Attempts in a row that were too small to count as progress."""
    gained: int = 0
    """New bytes since the last progress, in attempts too small to count as progress."""
    last_gain: int = 0
    """New bytes in the last attempt."""
    useless: int = 0
    """Bodies of at least QUICK_BYTES since the last progress that brought too little, but for the first MOST_QUICK."""
    waited_s: float = 0.0
    """Seconds of waits since the last progress."""
    small: int = 0
    """Connections that brought something, but less than QUICK_BYTES, since one that brought more."""
    cut: int = 0
    """Bodies since the start of the download that brought less than QUICK_BYTES of new ones."""
    is_quick: bool = False
    """Whether the last attempt was one of the first MOST_QUICK of them."""
    steps: int = 0
    """As ``failed``, but a large body without anything new counts once."""

    def after(self, new_bytes: int, body_bytes: int | None = None, waits_s: tuple[float, ...] = ()) -> Budget:
        """Return the budget after a failed attempt: ``new_bytes`` of the ``body_bytes`` that arrived were new.

        ``body_bytes`` is None if there was no body. A large body without anything new counts as one request that has
        failed, and one more after each of pip's own waits before its ``--retries``, ``waits_s``.
        """
        new_bytes = max(new_bytes, 0)
        gained = self.gained + new_bytes
        is_cut = body_bytes is not None and new_bytes < QUICK_BYTES
        is_useless = (body_bytes or 0) >= QUICK_BYTES
        most_quick = MOST_QUICK_LARGE if is_useless and new_bytes == 0 else MOST_QUICK
        is_quick = is_cut and self.cut < most_quick
        cut = self.cut + is_cut
        if gained >= PROGRESS_BYTES:
            small = self._small(new_bytes)
            return Budget(failed=1, steps=1, last_gain=new_bytes, small=small, cut=cut, is_quick=is_quick)
        return self._replace(
            failed=self.failed + (1 + len(waits_s) if is_useless else 1),
            steps=self.steps + 1,
            waited_s=self.waited_s + (sum(waits_s) if is_useless else 0.0),
            without_progress=self.without_progress + 1,
            gained=gained,
            last_gain=new_bytes,
            small=self._small(new_bytes),
            useless=self.useless + (is_useless and not is_quick),
            cut=cut,
            is_quick=is_quick,
        )

    def _small(self, new_bytes: int) -> int:
        if new_bytes >= QUICK_BYTES:
            return 0
        return self.small + (new_bytes > 0)

    def after_wait(self, delay_s: float) -> Budget:
        """Return the budget after a wait for the next attempt."""
        return self._replace(waited_s=self.waited_s + delay_s)

    def after_retries(self, waits_s: tuple[float, ...]) -> Budget:
        """Return the budget after pip's own ``--retries`` of one request, each with the wait before it."""
        number = len(waits_s)
        return self._replace(
            failed=self.failed + number, steps=self.steps + number, waited_s=self.waited_s + sum(waits_s)
        )

    def is_spent(self, limits: Limits, idle_s: float) -> bool:
        """Whether no further attempt is allowed, ``idle_s`` seconds after the last progress."""
        return self.failed > limits.attempts and idle_s >= limits.idle_s and self.waited_s >= limits.waited_s

    def delay_s(
        self, limits: Limits, idle_s: float, chance: float, attempt_s: float = 0.0, *, is_cheap: bool = False
    ) -> float:
        """Return the seconds before the next attempt. ``chance`` in [0, 1) shortens it.

        ``is_cheap`` is whether the attempt costs no body if it fails: useless bodies before it do not count then.

        In an outage the wait is at most DELAY_AFTER_SILENCE_S, or in the long run plain pip's mean wait, if the attempt
        itself took longer, ``attempt_s`` seconds: a server that was silent for that long has been waited for already.
        """
        if self.last_gain >= QUICK_BYTES:
            return 0.0
        if self.last_gain > 0:
            return SHORT_DELAY_S if self.small > 1 and not self.is_quick else 0.0
        if self.is_quick:
            return REPEAT_DELAY_S
        if limits.waits_s is not None:
            return limits.waits_s[(self.steps - 1) % len(limits.waits_s)]
        # With many --retries plain pip waits longer. Shorter waits would be thousands, until as much has been waited.
        outage_delay_s = min(FIRST_DELAY_S + SHARE_OF_OUTAGE * idle_s, max(MAX_DELAY_S, limits.mean_wait_s))
        if attempt_s > outage_delay_s:
            longest_s = min(limits.mean_wait_s, DELAY_AFTER_SILENCE_S * (self.failed - 1))
            outage_delay_s = min(outage_delay_s, max(DELAY_AFTER_SILENCE_S, longest_s))
        useless = 0 if is_cheap else min(self.useless, 10)
        useless_delay_s = min(2.0**useless, MAX_USELESS_DELAY_S) if useless else 0.0
        return max(outage_delay_s, useless_delay_s) * (1 - JITTER * chance)


@functools.lru_cache(maxsize=8)
def connect_waits_s(retries: int, factor: float, longest_s: float) -> tuple[float, ...]:
    """Return the waits of urllib3's Retry before each of ``retries`` further connections (``get_backoff_time``).

    The first one follows at once, the others after ``factor`` seconds times 2, 4, 8 and so on, up to ``longest_s``.
    """
    return tuple(0.0 if n <= 1 else min(factor * 2.0 ** min(n - 1, 60), longest_s) for n in range(1, retries + 1))
