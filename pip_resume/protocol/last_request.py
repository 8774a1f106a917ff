"""Whether one plain request follows although the limits are spent: one table, first match first. No I/O.

Plain pip would not have sent Range. If Range may be the reason for the failures, its request must not be missing.
"""

from __future__ import annotations

from typing import Callable, NamedTuple

from pip_resume.protocol.trust import Asking, Trust


class PlainRequests(NamedTuple):
    """The plain requests of one download so far. A probe is one whose body is not used."""

    is_sent: bool = False
    """Whether one was sent whose body would be used."""
    failed: int = 0
    """How many in a row had no usable response, probes included, since a body brought something."""
    was_last: bool = False
    """Whether one has followed although the limits were spent."""

    def after_sent(self, *, is_probe: bool) -> PlainRequests:
        """After a plain request was sent."""
        return self._replace(is_sent=self.is_sent or not is_probe)

    def after_failure(self) -> PlainRequests:
        """After one without a usable response."""
        return self._replace(failed=self.failed + 1)

    def after_body(self) -> PlainRequests:
        """After a body, of any request, that brought something."""
        return self._replace(failed=0)


class Spent(NamedTuple):
    """A download whose limits are spent."""

    trust: Trust
    plain: PlainRequests
    was_ranged: bool
    """Whether the last request carried Range, and was not answered as if it did not."""
    is_status: bool
    """Whether its response was a status that says "later", without a Retry-After that is too long."""
    attempts: int
    """Attempts since the last progress, without the one that made it."""
    are_allowed: bool
    """Whether there are --resume-retries."""

    @property
    def has_other_attempts(self) -> bool:
        """Whether the ranged requests of the end are not all of the attempts: an outage has spent the others."""
        return self.attempts > self.trust.barren


class LastRequest(NamedTuple):
    """One row of the table: the first whose ``applies`` is true decides."""

    name: str
    applies: Callable[[Spent], bool]
    is_sent: bool
    """Whether a plain request follows."""


LAST_REQUESTS: tuple[LastRequest, ...] = (
    LastRequest(
        "Range in doubt, and no plain request so far",
        lambda spent: not spent.plain.is_sent and spent.trust.is_range_in_doubt,
        is_sent=True,
    ),
    LastRequest("Range works", lambda spent: not spent.plain.is_sent, is_sent=False),
    LastRequest("one has followed before", lambda spent: spent.plain.was_last, is_sent=False),
    LastRequest("no --resume-retries", lambda spent: not spent.are_allowed, is_sent=False),
    LastRequest(
        # The host has just answered a plain request.
        "Range given up",
        lambda spent: spent.was_ranged and spent.trust.asking is Asking.PLAIN,
        is_sent=True,
    ),
    LastRequest(
        # With a failed plain request the host refuses everything, as with a status 500 to each request.
        "Range refused twice after an outage",
        lambda spent: (
            spent.trust.is_probing and spent.is_status and spent.plain.failed == 0 and spent.has_other_attempts
        ),
        is_sent=True,
    ),
    LastRequest("nothing points to Range", lambda _spent: True, is_sent=False),
)


def last_request(spent: Spent) -> LastRequest:
    """Tell whether a plain request follows: the first row of LAST_REQUESTS that applies."""
    return next(row for row in LAST_REQUESTS if row.applies(spent))
