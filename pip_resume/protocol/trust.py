"""What this run still believes of the server, as a value: how often it was wrong, whether to send Range. No I/O."""

from __future__ import annotations

from typing import NamedTuple

MOST_WRONG = 2
"""After this many wrong files pip gets the last one and judges it. A second download rules out an accident."""
MOST_REFUSALS = 2
"""After this many unusable responses to Range this run sends no more of them.

One may come from a single proxy of several. Two make it likely that every further one is wasted.
"""


class Trust(NamedTuple):
    """What this run still believes of the server."""

    wrong: int = 0
    """Number of wrong files, and of parts whose bytes did not fit."""
    refusals: int = 0
    """Number of responses that could not be used at all."""
    ranges: bool = True
    """Whether the next request may carry Range."""

    def after_refusal(self) -> Trust:
        """After a response that could not be used. If even the request was plain, that counts as a wrong file."""
        return Trust(self.wrong + (not self.ranges), self.refusals + 1, ranges=False)

    def after_wrong(self) -> Trust:
        """After wrong bytes."""
        return self._replace(wrong=self.wrong + 1)

    def after_restart(self) -> Trust:
        """After all bytes held were dropped: a server that was wrong too often gets a plain request."""
        return self._replace(ranges=False) if self.is_spent else self

    def after_loss(self) -> Trust:
        """After a lost connection: try Range again, since without it every further loss starts at 0."""
        is_settled = self.is_spent or self.refusals >= MOST_REFUSALS
        return self if is_settled else self._replace(ranges=True)

    @property
    def is_spent(self) -> bool:
        """Whether pip judges the next wrong file."""
        return self.wrong >= MOST_WRONG
