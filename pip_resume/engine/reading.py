"""Reads the body of one response, block by block, up to its end and not below a minimum speed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pip_resume.errors import ConnectionLost

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pip_resume.engine.clock import Clock
    from pip_resume.engine.interfaces import Response
    from pip_resume.protocol.verdicts import Verdict

MIN_BLOCK_BYTES = 4 * 1024
"""The size of a block on a slow connection: one page of memory, well below a second even at 8 KiB/s."""
MAX_BLOCK_BYTES = 64 * 1024
"""The largest block: what a kill costs at most. Four TLS records, so that few calls are needed."""
MIN_BYTES_PER_S = 1024
"""The minimum speed. librepo gives up below 1000 B/s over 30 s (``librepo/downloader.c``)."""
SPEED_WINDOW_S = 30.0
"""The time over which the speed is measured: twice pip's own ``--timeout``."""
_SLOW_BLOCK_S = 1.0
"""A block that takes longer makes the next one smaller: bytes are on disk within seconds."""


def blocks(response: Response, verdict: Verdict, clock: Clock, window_s: float) -> Iterator[bytes]:
    """Yield the bytes of the body that ``verdict`` lets us use.

    Raises ConnectionLost if the body ends too early, or falls below the minimum speed over ``window_s`` seconds.
    """
    pace = Pace(clock.elapsed_s(), window_s)
    rest = None if verdict.end is None else verdict.end - verdict.first_pos
    while rest is None or rest > 0:
        block = response.read(pace.block_bytes)
        if not block:
            return
        if rest is not None:
            # A chunked body may be longer than its Content-Range says. Nobody requested what is beyond it.
            block = block[:rest]
            rest -= len(block)
        yield block
        if rest == 0:
            return
        if not pace.after_block(len(block), clock.elapsed_s()):
            raise ConnectionLost("slower than 1 KiB/s")


@dataclass
class Pace:
    """How fast the blocks of one response arrive.

    It is measured between blocks, so blocks are small while the connection is slow.
    """

    window_start_s: float
    """Time on a clock that never goes back."""
    window_s: float = SPEED_WINDOW_S
    """Infinite if the connection is to be kept however slow it is."""
    block_start_s: float = 0.0
    window_bytes: int = 0
    block_bytes: int = MIN_BLOCK_BYTES
    """How many bytes to read next."""

    def __post_init__(self) -> None:
        self.block_start_s = self.window_start_s

    def after_block(self, size: int, now_s: float) -> bool:
        """Tell whether the connection is worth keeping, after a block of ``size`` bytes has arrived at ``now_s``.

        False if fewer than MIN_BYTES_PER_S arrived over the last full window. A new connection may be faster, and
        costs nothing, since the bytes are kept.
        """
        self.window_bytes += size
        is_quick = now_s - self.block_start_s < _SLOW_BLOCK_S
        self.block_start_s = now_s
        self.block_bytes = (
            min(self.block_bytes * 4, MAX_BLOCK_BYTES) if is_quick else max(self.block_bytes // 2, MIN_BLOCK_BYTES)
        )
        window_s = now_s - self.window_start_s
        if window_s < self.window_s:
            return True
        is_fast_enough = self.window_bytes >= MIN_BYTES_PER_S * window_s
        self.window_start_s, self.window_bytes = now_s, 0
        return is_fast_enough
