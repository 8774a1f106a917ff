"""What this run still believes of the server, as a value, and what follows for the next request. No I/O.

Some gateways refuse every request that carries Range, with a status, a reset, silence, or a page. A request that fails
once says nothing: the network may be down for a moment. So the next request is planned in this order:

RANGE   --second barren one in a row-->  PROBE   a plain request: does the host answer at all?
RANGE   --no response in pip's timeout--> PROBE  at once: a second silence would cost as much time again
PROBE   --answered-->                    RETRY   its body is not read; Range once more, the network may be back
PROBE   --not answered-->                RANGE   it says nothing about Range
PROBE   --no file-->                     RANGE   a portal, or an overloaded server: it says nothing either
RETRY   --brought bytes-->               RANGE   Range works
RETRY   --barren-->                      PLAIN   the host answers, but not to Range: read a plain response
PLAIN   --body lost-->                   RANGE   unless this run has given up Range MOST_REFUSALS times
PLAIN   --no response-->                 PLAIN   it says nothing about Range
PLAIN   --lost without a new byte-->     RETRY   after so many refusals: Range costs less than one more such body
PLAIN   --a long wait before it-->       RETRY   while Range costs no body: it may work before that wait is over
any     --second different body-->        PLAIN   it came in the place of a range, and was lost: they may be parts
any     --response not usable-->         PLAIN   if the plain response is not usable either, it counts as a wrong file
any     --MOST_WRONG wrong files-->      PLAIN   to the end; pip judges (see `Trust.is_spent`)
"""

from __future__ import annotations

import enum
from typing import NamedTuple

MOST_WRONG = 2
"""After this many wrong files pip gets the last one and judges it. A second download rules out an accident."""
MOST_REFUSALS = 2
"""After this many refusals of Range this run sends no more of them.

One may come from a single proxy of several. Two make it likely that every further one is wasted.
"""
MOST_DIFFERENT = 2
"""After this many lost bodies that differ from what is held, instead of a range, the next request is plain."""
MOST_BARREN = 2
"""After this many ranged requests in a row that came to nothing, a plain one shows whether the host answers."""


SHARE_AFTER_SILENCE = 1 / 3
"""The least share of pip's ``--timeout`` that a range gets after a silent one, if the host has answered meanwhile."""
MOST_SHORT = 2
"""After this many silent ranges in a row with that share, the next one has all of pip's ``--timeout`` again.

The host may need longer for ranges than for complete files.
"""
TIMES_OF_PROBE = 3
"""If the host took long to answer, the range gets this many times as long, up to pip's ``--timeout``."""

HAS_FILE = (200, 203)
"""The statuses of a complete response (RFC 9110 sections 15.3.1 and 15.3.4)."""


class Asking(enum.Enum):
    """What the next request is."""

    RANGE = "request the missing bytes"
    PROBE = "a plain request whose response is closed after its head"
    RETRY = "request the missing bytes once more"
    PLAIN = "a plain request whose body is used"


class Costs(enum.Enum):
    """What an attempt costs if it fails."""

    A_BODY = "a body, as far as anybody knows"
    NO_BODY = "no body"
    A_BODY_OR_NONE = "a body; but one that costs none may take its place"


class Trust(NamedTuple):
    """What this run still believes of the server."""

    wrong: int = 0
    """Number of wrong files."""
    refusals: int = 0
    """How often Range was given up for one plain request."""
    barren: int = 0
    """Ranged requests in a row that brought nothing."""
    asking: Asking = Asking.RANGE
    forgave_date: bool = False
    """Whether this run started over because of a different Last-Modified with an equal ETag. It does so once."""
    is_container_checked: bool = False
    """Whether this run started over because a joined file was damaged. It does so once."""
    silent: int = 0
    """Ranged requests in a row without a response within pip's ``--timeout``, while the host answered plain ones."""
    probe_s: float = 0.0
    """Seconds that the host took to answer the last probe."""
    was_costly: bool = False
    """Whether the last ranged request that came to nothing cost a body: its own, as from a server without ranges, or
    that of a plain request right after it."""
    different: int = 0
    """Lost bodies that came in the place of a range, and differed from what was held."""

    @property
    def allows_range(self) -> bool:
        """Whether the next request may carry Range."""
        return self.asking in (Asking.RANGE, Asking.RETRY)

    @property
    def costs(self) -> Costs:
        """What the next request costs if it comes to nothing. One with Range costs what the last one did."""
        if self.was_costly or self.is_spent or not (self.refusals or self.is_range_tried_again):
            return Costs.A_BODY
        if self.is_range_tried_again:
            return Costs.NO_BODY
        return Costs.A_BODY_OR_NONE if self.asking is Asking.PLAIN else Costs.A_BODY

    @property
    def is_range_in_doubt(self) -> bool:
        """Whether the last ranged request brought nothing."""
        return self.barren > 0 or not self.allows_range

    @property
    def is_probing(self) -> bool:
        """Whether the next response is closed after its head."""
        return self.asking is Asking.PROBE

    @property
    def is_range_tried_again(self) -> bool:
        """Whether the next request shows if the host that answers a plain request answers Range, too."""
        return self.asking is Asking.RETRY

    def timeout_s(self, pips_s: float) -> float:
        """Return how long the next request waits for its response, in seconds; ``pips_s`` is pip's ``--timeout``."""
        if not self.allows_range or self.silent % (1 + MOST_SHORT) == 0:
            return pips_s
        return min(max(SHARE_AFTER_SILENCE * pips_s, TIMES_OF_PROBE * self.probe_s), pips_s)

    @property
    def is_spent(self) -> bool:
        """Whether pip judges: the file that was found wrong, or the next one if that had bytes of an earlier run."""
        return self.wrong >= MOST_WRONG

    @property
    def expects_parts(self) -> bool:
        """Whether bodies that come in the place of a range seem to be parts: none of them would ever be the file."""
        return self.different >= MOST_DIFFERENT

    @property
    def doubts_caches(self) -> bool:
        """Whether requests carry ``Cache-Control: no-cache``: a cache on the way may have the wrong file."""
        return self.wrong > 0

    def after_refusal(self, *, is_ranged: bool) -> Trust:
        """After a response that could not be used. If the request was plain, that counts as a wrong file."""
        wrong = self.wrong + (not is_ranged)
        was_costly = self.was_costly or is_ranged
        refused = self._replace(wrong=wrong, refusals=self.refusals + 1, asking=Asking.PLAIN, barren=0)
        return refused._replace(was_costly=was_costly)

    def after_different_body(self) -> Trust:
        """After a lost body in the place of a range that differs from what is held.

        The first one is a new file: its rest can be requested.
        """
        return self._replace(different=self.different + 1)

    def after_wrong(self) -> Trust:
        """After a complete file whose digest, or whose container, is wrong."""
        wrong = self.wrong + 1
        return self._replace(wrong=wrong, asking=Asking.PLAIN if wrong >= MOST_WRONG else self.asking)

    def after_barren_range(self, *, was_silent: bool = False, was_costly: bool = False) -> Trust:
        """After a ranged request that brought nothing: no response, a status that says "later", no body, or a page."""
        failed = self._replace(silent=self.silent + 1 if was_silent else 0, was_costly=was_costly)
        if self.asking is Asking.RETRY:
            return failed._replace(refusals=self.refusals + 1, asking=Asking.PLAIN, barren=0)
        barren = self.barren + 1
        asking = Asking.PROBE if barren >= MOST_BARREN or was_silent else self.asking
        return failed._replace(barren=barren, asking=asking)

    def after_probe(self, status: int, took_s: float) -> Trust:
        """After a response to the probe. A status in HAS_FILE counts as the file, whatever the body is."""
        if status in HAS_FILE:
            return self._replace(asking=Asking.RETRY, probe_s=took_s)
        return self._replace(asking=Asking.RANGE, silent=0)

    def after_no_response(self, *, is_ranged: bool, was_silent: bool = False) -> Trust:
        """After a request without a usable response. A plain one says nothing about Range."""
        if is_ranged:
            return self.after_barren_range(was_silent=was_silent)
        return self._replace(asking=Asking.RANGE, silent=0) if self.is_probing else self

    def after_putting_off_plain(self) -> Trust:
        """After a wait that was made shorter than the one before a plain request: Range once more."""
        return self._replace(asking=Asking.RETRY)

    def after_lost_body(self, *, is_ranged: bool, has_brought: bool) -> Trust:
        """After a body that ended early, or that was not the file; ``has_brought`` tells whether any byte was of use.

        After a plain one try Range again, since without it every further loss starts at 0.
        """
        if is_ranged:
            if not has_brought:
                return self.after_barren_range(was_costly=True)
            return self._replace(barren=0, asking=Asking.RANGE, silent=0)
        if self.is_spent:
            return self
        if self.refusals < MOST_REFUSALS:
            return self._replace(asking=Asking.RANGE)
        return self if has_brought else self._replace(asking=Asking.RETRY)


FULL = Trust()
"""What a run believes at its start."""
