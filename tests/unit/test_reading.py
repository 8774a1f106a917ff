"""The blocks in which a body is read: their sizes, their end, and the minimum speed."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pip_resume.engine.reading import MAX_BLOCK_BYTES, MIN_BLOCK_BYTES, SPEED_WINDOW_S, Pace, blocks
from pip_resume.errors import ConnectionLost
from pip_resume.protocol.messages import ResponseHead
from pip_resume.protocol.retry import PROGRESS_BYTES
from pip_resume.protocol.verdicts import Action, Verdict

KIB = 1024


def read_steadily(bytes_per_s: float, for_s: float, pace: Pace, start_s: float = 0.0) -> tuple[list[int], float | None]:
    """Read at a constant speed; return the sizes of the blocks, and when the connection was too slow, or None."""
    sizes, now_s = [], start_s
    while now_s < start_s + for_s:
        sizes.append(pace.block_bytes)
        now_s += pace.block_bytes / bytes_per_s
        if not pace.after_block(sizes[-1], now_s):
            return sizes, now_s
    return sizes, None


@pytest.mark.parametrize(
    ("bytes_per_s", "last_block"),
    [
        pytest.param(2 * KIB, MIN_BLOCK_BYTES, id="2 KiB/s"),
        pytest.param(4 * KIB, MIN_BLOCK_BYTES, id="4 KiB/s"),
        pytest.param(100 * KIB, MAX_BLOCK_BYTES, id="100 KiB/s"),
        pytest.param(10**9, MAX_BLOCK_BYTES, id="1 GB/s"),
    ],
)
def test_a_steady_connection_is_kept_and_its_blocks_fit_its_speed(bytes_per_s: float, last_block: int) -> None:
    sizes, too_slow_at_s = read_steadily(bytes_per_s, 600 if bytes_per_s < 10**6 else 0.5, Pace(0.0))

    assert too_slow_at_s is None
    assert sizes[0] == MIN_BLOCK_BYTES
    # A block that takes about a second may be one size larger or smaller.
    assert sizes[-1] in {last_block, max(last_block // 2, MIN_BLOCK_BYTES), min(last_block * 2, MAX_BLOCK_BYTES)}


def test_the_smallest_block_counts_as_progress() -> None:
    assert PROGRESS_BYTES == MIN_BLOCK_BYTES == 4 * KIB


@pytest.mark.parametrize("bytes_per_s", [10, 100, 900])
def test_a_slow_connection_is_dropped_after_the_first_block_that_ends_after_the_window(bytes_per_s: int) -> None:
    sizes, too_slow_at_s = read_steadily(bytes_per_s, 3600, Pace(0.0))

    assert too_slow_at_s is not None
    assert 30 <= too_slow_at_s < 30 + 2 * MIN_BLOCK_BYTES / bytes_per_s
    assert set(sizes) == {MIN_BLOCK_BYTES}


def test_only_the_last_thirty_seconds_count() -> None:
    pace = Pace(0.0)
    read_steadily(10**6, 31, pace)

    _, too_slow_at_s = read_steadily(500, 3600, pace, start_s=31)

    assert too_slow_at_s is not None
    # The block that is being read when the connection slows down is large. Then come a window and one more block.
    assert too_slow_at_s < 31 + (2 * MAX_BLOCK_BYTES) / 500 + 2 * 30
    assert pace.block_bytes < MAX_BLOCK_BYTES


def test_one_slow_block_does_not_drop_a_connection_that_is_fast_on_average() -> None:
    pace = Pace(0.0)

    assert pace.after_block(64 * KIB, 29.0)
    assert pace.after_block(4 * KIB, 40.0)


def test_a_fast_block_makes_the_next_one_four_times_as_large_and_a_slow_one_half_as_large() -> None:
    pace, sizes = Pace(0.0), []
    for now_s in (0.5, 1.0, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.0):
        sizes.append(pace.block_bytes // KIB)
        pace.after_block(pace.block_bytes, now_s)

    assert sizes == [4, 16, 64, 64, 32, 16, 8, 4, 4]


def test_the_minimum_speed_is_one_kib_per_second_over_each_window_of_thirty_seconds() -> None:
    pace = Pace(0.0)

    assert pace.after_block(0, 29.9)
    assert pace.after_block(30 * KIB, 30.0)
    assert pace.after_block(30 * KIB, 60.0)
    assert not pace.after_block(30 * KIB - 1, 90.0)
    assert not Pace(0.0).after_block(30 * KIB - 1, 30.0)


@given(st.lists(st.tuples(st.integers(0, 2**20), st.floats(0, 100))))
def test_blocks_stay_within_their_limits_at_every_speed(blocks: list[tuple[int, float]]) -> None:
    now_s = 1000.0
    pace = Pace(now_s)
    for size, wait_s in blocks:
        now_s += wait_s
        pace.after_block(size, now_s)
        assert MIN_BLOCK_BYTES <= pace.block_bytes <= MAX_BLOCK_BYTES


class Body:
    """A response whose body arrives at a constant speed, and the clock that measures it."""

    def __init__(self, content: bytes, bytes_per_s: float = 1e9) -> None:
        self.head = ResponseHead(206, {})
        self.unread = content
        self.sizes: list[int] = []
        """The sizes that were requested."""
        self._bytes_per_s = bytes_per_s
        self._elapsed_s = 0.0

    def read(self, size: int) -> bytes:
        self.sizes.append(size)
        block, self.unread = self.unread[:size], self.unread[size:]
        self._elapsed_s += len(block) / self._bytes_per_s
        return block

    def close(self) -> None: ...

    def elapsed_s(self) -> float:
        return self._elapsed_s

    def now_s(self) -> float:
        raise NotImplementedError

    def sleep_s(self, delay_s: float) -> None:
        raise NotImplementedError

    def chance(self) -> float:
        raise NotImplementedError


def verdict_until(end: int | None, first_pos: int = 0) -> Verdict:
    return Verdict(Action.APPEND, "a row", first_pos=first_pos, end=end)


@pytest.mark.parametrize(
    ("verdict", "length"),
    [
        pytest.param(verdict_until(None), 200_000, id="up to the end of the body"),
        pytest.param(verdict_until(200_000), 200_000, id="up to the end of the range"),
        pytest.param(verdict_until(150_000, first_pos=50_000), 100_000, id="without the surplus"),
        pytest.param(verdict_until(50_001, first_pos=50_000), 1, id="one byte"),
        pytest.param(verdict_until(50_000, first_pos=50_000), 0, id="no byte"),
        pytest.param(verdict_until(300_000), 200_000, id="a body that ends early"),
    ],
)
def test_the_blocks_of_a_body_end_where_the_verdict_says(verdict: Verdict, length: int) -> None:
    content = random.Random(1).randbytes(200_000)
    body = Body(content)

    assert b"".join(blocks(body, verdict, body, SPEED_WINDOW_S)) == content[:length]
    assert set(body.sizes) <= {MIN_BLOCK_BYTES, 4 * MIN_BLOCK_BYTES, MAX_BLOCK_BYTES}
    assert bool(body.sizes) == (length > 0)


def test_a_body_below_the_minimum_speed_counts_as_a_lost_connection() -> None:
    body = Body(bytes(100 * KIB), bytes_per_s=1000)
    received: list[bytes] = []

    with pytest.raises(ConnectionLost, match="much slower than before"):
        received.extend(blocks(body, verdict_until(None), body, SPEED_WINDOW_S))
    assert sum(map(len, received)) == 32 * KIB


def test_the_last_block_may_be_slow() -> None:
    body = Body(bytes(100 * KIB), bytes_per_s=1000)

    received = list(blocks(body, verdict_until(32 * KIB), body, SPEED_WINDOW_S))

    assert sum(map(len, received)) == 32 * KIB


def test_an_infinite_window_keeps_every_connection() -> None:
    body = Body(bytes(100 * KIB), bytes_per_s=1000)

    received = list(blocks(body, verdict_until(None), body, math.inf))

    assert sum(map(len, received)) == 100 * KIB
