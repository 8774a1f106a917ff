"""Reads the body of one response in blocks, up to its end, and watches its speed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable

from pip_resume.errors import ConnectionLost

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pip_resume.engine.clock import Stopwatch
    from pip_resume.engine.interfaces import Block, Response
    from pip_resume.protocol.verdicts import Verdict

BLOCK_BYTES = 256 * 1024
"""The largest block: what a kill costs at most, and the size of pip's own blocks since 24.2."""
BLOCK_S = 0.1
"""How long bytes that have arrived may wait for more of them before they are a block."""
MIN_BYTES_PER_S = 1024
"""The minimum speed. librepo gives up below 1000 B/s over 30 s (``librepo/downloader.c``)."""
SPEED_WINDOW_S = 30.0
"""The time over which a speed is measured: twice pip's own ``--timeout``."""
SLOW_SHARE = 4
"""A connection below MIN_BYTES_PER_S is slow if this run has had one that was this many times faster."""
CRAWLING_SHARE = 128
"""A connection is slow in any case if this run has had one that was this many times faster."""
_MEASURED_S = 0.5
"""The least time of a measurement: what arrives faster may have waited in a buffer on the way."""


class Speeds:
    """The fastest connection that this run of pip has had, in bytes per second; 0 if none was measured."""

    def __init__(self) -> None:
        self.fastest = 0.0

    @property
    def slow(self) -> float:
        """The speed below which a connection is too slow, in bytes per second."""
        return max(min(MIN_BYTES_PER_S, self.fastest / SLOW_SHARE), self.fastest / CRAWLING_SHARE)

    def note(self, size: int, seconds: float) -> None:
        """Take a measurement of ``size`` bytes into account."""
        self.fastest = max(self.fastest, size / max(seconds, _MEASURED_S))

    def expect_less(self) -> None:
        """Divide the fastest speed by 16 after a connection that was too slow: a network may stay slow."""
        self.fastest /= SLOW_SHARE**2


class SpeedWatch:
    """The speed of one connection, over one window after the other."""

    def __init__(self, speeds: Speeds, watch: Stopwatch, can_resume: Callable[[], bool]) -> None:
        """``can_resume`` tells whether a new connection would continue. It is called when this one is too slow.

        If not, this one is kept, however slow it is.
        """
        self._speeds = speeds
        self._watch = watch
        self._can_resume = can_resume
        self._is_kept = False
        self._window_s = watch.elapsed_s
        self._bytes = 0

    def add(self, size: int) -> None:
        """Count bytes that have arrived. Raises ConnectionLost at the end of a window that was too slow.

        Too slow is far below the fastest connection of this run. A new one may be faster, too, and costs nothing, since
        the bytes are kept.
        """
        self._bytes += size
        window_s = self._watch.elapsed_s - self._window_s
        if window_s < SPEED_WINDOW_S:
            return
        self._speeds.note(self._bytes, window_s)
        speed = self._bytes / window_s
        self._window_s, self._bytes = self._watch.elapsed_s, 0
        if self._is_kept or speed >= self._speeds.slow:
            return
        self._is_kept = not self._can_resume()
        if not self._is_kept:
            self._speeds.expect_less()
            raise ConnectionLost("much slower than before")

    def close(self) -> None:
        """Take the last window, which was not a full one, into account."""
        self._speeds.note(self._bytes, self._watch.elapsed_s - self._window_s)


def blocks(
    response: Response, verdict: Verdict, watch: Stopwatch, speed: SpeedWatch, compared: int = 0
) -> Iterator[Block]:
    """Yield the bytes of the body that ``verdict`` lets us use.

    ``compared`` bytes at its start are compared with those held. They end a block, so that a different file is noticed
    before more of it has been read.

    What arrives is collected up to BLOCK_BYTES or for BLOCK_S, whichever comes first. Raises ConnectionLost if the body
    ends too early or is too slow, after all bytes that have arrived.
    """
    # A chunked body may be longer than its Content-Range says. Nobody requested what is beyond it.
    rest = None if verdict.end is None else verdict.end - verdict.first_pos
    while rest is None or rest > 0:
        limit = min(compared or BLOCK_BYTES, BLOCK_BYTES, BLOCK_BYTES if rest is None else rest)
        block, lost = _block(response, limit, watch)
        compared = max(compared - len(block), 0)
        if block:
            if rest is not None:
                rest -= len(block)
            yield block
            speed.add(len(block))
        if lost is not None:
            raise lost
        if not block:
            break
    speed.close()


def _block(response: Response, limit: int, watch: Stopwatch) -> tuple[Block, ConnectionLost | None]:
    """Return the next block of up to ``limit`` bytes, and what ended the connection, if it has ended.

    The block is empty at the end of the body.
    """
    pieces: list[Block] = []
    size = 0
    deadline_s = 0.0
    while size < limit:
        if pieces:
            left_s = deadline_s - watch.lap(BLOCK_S)
            if left_s <= 0 or not response.has_more(left_s):
                break
            pieces[-1] = bytes(pieces[-1])  # The next read may use the same memory.
        try:
            piece = response.read(limit - size)
        except ConnectionLost as lost:
            return _joined(pieces), lost
        finally:
            watch.lap(response.timeout_s)
        if not piece:
            break
        if not pieces:
            deadline_s = watch.elapsed_s + BLOCK_S
        pieces.append(piece)
        size += len(piece)
    return _joined(pieces), None


def _joined(pieces: Sequence[Block]) -> Block:
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)
