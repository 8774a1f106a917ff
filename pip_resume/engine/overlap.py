"""How much is requested again and compared in each ranged request, without a hash."""

from __future__ import annotations

from pip_resume.protocol.planning import MIN_OVERLAP_BYTES, OVERLAP_BYTES

_OVERLAPS_IN_A_PART = 8
"""How many times larger than the overlap a part has to be, so that most of its bytes are new."""


class Overlap:
    """The overlap of one download without a hash. It only gets smaller, down to MIN_OVERLAP_BYTES."""

    def __init__(self) -> None:
        self.size = OVERLAP_BYTES
        """In bytes."""

    def after_loss(self, brought: int) -> None:
        """Halve it after a body of ``brought`` bytes if it did not fit into that."""
        if brought < self.size:
            self.size = max(self.size // 2, MIN_OVERLAP_BYTES)

    def fit_into(self, part: int) -> None:
        """Make it small beside the parts of ``part`` bytes that the server sends."""
        self.size = max(min(self.size, part) // _OVERLAPS_IN_A_PART, MIN_OVERLAP_BYTES)

    def after_slow_connection(self) -> None:
        """Make it as small as possible: the next connection may be as slow."""
        self.size = MIN_OVERLAP_BYTES
