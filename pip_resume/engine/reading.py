"""The body of one answer, block by block: no further than it may go, and no longer than it is worth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pip_resume.errors import ConnectionLost
from pip_resume.protocol.retry import Pace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pip_resume.engine.clock import Clock
    from pip_resume.engine.interfaces import Answer
    from pip_resume.protocol.verdicts import Verdict


def blocks(answer: Answer, verdict: Verdict, clock: Clock, patience_s: float) -> Iterator[bytes]:
    """Read the body that a verdict lets us use.

    Raises ConnectionLost when it ends too early, or only trickles for ``patience_s`` seconds.
    """
    pace = Pace(clock.elapsed_s(), patience_s)
    rest = None if verdict.end is None else verdict.end - verdict.first_pos
    while rest is None or rest > 0:
        block = answer.read(pace.block_bytes)
        if not block:
            return
        if rest is not None:
            # A chunked body may be longer than its Content-Range says: what is too much was never asked for.
            block = block[:rest]
            rest -= len(block)
        yield block
        if rest == 0:
            return
        if not pace.after_block(len(block), clock.elapsed_s()):
            raise ConnectionLost("slower than 1 KiB/s")
