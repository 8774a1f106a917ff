"""The retry budget, the backoff and the pace by example; what holds for all of them is in test_retry_laws."""

from __future__ import annotations

import pytest

from pip_resume.engine.reading import MAX_BLOCK_BYTES, MIN_BLOCK_BYTES, Pace
from pip_resume.protocol.retry import PROGRESS_BYTES, Budget

KIB = 1024


def spend(retries: int, *gains: int) -> Budget:
    budget = Budget(retries)
    for gain in gains:
        budget = budget.after(gain)
    return budget


@pytest.mark.parametrize(
    ("retries", "gains", "is_spent"),
    [
        pytest.param(5, [0] * 5, False, id="five attempts without a byte leave one"),
        pytest.param(5, [0] * 6, True, id="the sixth attempt without a byte is the last"),
        pytest.param(5, [PROGRESS_BYTES] + [0] * 4, False, id="the attempt that made progress is the first of six"),
        pytest.param(5, [PROGRESS_BYTES] + [0] * 5, True, id="so five more without a byte spend the budget"),
        pytest.param(5, [0] * 5 + [PROGRESS_BYTES] + [0] * 4, False, id="progress refills the budget"),
        pytest.param(5, [PROGRESS_BYTES] * 200, False, id="no number of breaks spends it while bytes arrive"),
        pytest.param(0, [0], True, id="no retries: the first break is the end"),
        pytest.param(0, [PROGRESS_BYTES * 100], True, id="no retries: also after progress"),
        pytest.param(1, [PROGRESS_BYTES, 0], True, id="one retry: one more attempt after progress"),
        pytest.param(5, [1] * 6, True, id="one byte per attempt is no progress"),
        pytest.param(5, [-64 * KIB] * 6, True, id="an offset that went back is no progress"),
        pytest.param(5, [PROGRESS_BYTES // 4] * 40, False, id="a quarter of a block per attempt is, every fourth time"),
    ],
)
def test_budget_counts_attempts_without_new_bytes(retries: int, gains: list[int], is_spent: bool) -> None:
    assert spend(retries, *gains).is_spent is is_spent


def test_user_is_told_which_attempt_comes_next() -> None:
    assert [(spend(5, *[0] * failed).next_attempt, Budget(5).attempts) for failed in range(1, 6)] == [
        (2, 6),
        (3, 6),
        (4, 6),
        (5, 6),
        (6, 6),
    ]
    assert spend(5, 0, 0, PROGRESS_BYTES).next_attempt == 2


@pytest.mark.parametrize(
    ("gains", "delays_s"),
    [
        pytest.param([PROGRESS_BYTES], (0, 0, 0), id="none after progress"),
        pytest.param([0], (0.375, 0.5, 0.625), id="half a second, a quarter more or less"),
        pytest.param([0, 0], (0.75, 1.0, 1.25), id="doubled"),
        pytest.param([0, 0, 0], (1.5, 2.0, 2.5), id="and doubled again"),
        pytest.param([0] * 7, (15, 15, 15), id="15 s is the most"),
        pytest.param([0] * 5000, (15, 15, 15), id="however often"),
        pytest.param([0] * 7 + [PROGRESS_BYTES], (0, 0, 0), id="progress ends it"),
        pytest.param([0] * 7 + [PROGRESS_BYTES, 0], (0.375, 0.5, 0.625), id="then it begins anew"),
        pytest.param([1], (0.375, 0.5, 0.625), id="one byte does not end it"),
    ],
)
def test_backoff_doubles_until_there_is_progress(gains: list[int], delays_s: tuple[float, float, float]) -> None:
    budget = spend(10**6, *gains)

    assert tuple(budget.delay_s(chance) for chance in (0.0, 0.5, 1.0)) == delays_s


def test_dead_server_costs_less_than_ten_seconds_of_waiting() -> None:
    waits_s = [spend(5, PROGRESS_BYTES, *[0] * barren).delay_s(chance=1.0) for barren in range(5)]

    assert waits_s == [0, 0.625, 1.25, 2.5, 5.0]


def blocks_at(bytes_per_s: float, for_s: float, pace: Pace, start_s: float = 0.0) -> tuple[list[int], float | None]:
    """Read at a steady rate: the sizes of the blocks, and when the line was judged too slow, or None."""
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
def test_steady_line_is_left_alone_with_blocks_that_fit_it(bytes_per_s: float, last_block: int) -> None:
    sizes, dropped_s = blocks_at(bytes_per_s, 600 if bytes_per_s < 10**6 else 0.5, Pace(0.0))

    assert dropped_s is None
    assert sizes[0] == MIN_BLOCK_BYTES
    # A block that takes about a second may be one size up or down.
    assert sizes[-1] in {last_block, max(last_block // 2, MIN_BLOCK_BYTES), min(last_block * 2, MAX_BLOCK_BYTES)}


@pytest.mark.parametrize("bytes_per_s", [10, 100, 900])
def test_trickle_is_dropped_at_the_first_block_end_after_the_window(bytes_per_s: int) -> None:
    sizes, dropped_s = blocks_at(bytes_per_s, 3600, Pace(0.0))

    assert dropped_s is not None
    assert 30 <= dropped_s < 30 + 2 * MIN_BLOCK_BYTES / bytes_per_s
    assert set(sizes) == {MIN_BLOCK_BYTES}


def test_line_that_was_fast_is_judged_by_the_last_thirty_seconds_alone() -> None:
    pace = Pace(0.0)
    blocks_at(10**6, 31, pace)

    _, dropped_s = blocks_at(500, 3600, pace, start_s=31)

    assert dropped_s is not None
    # The block in flight when the line slowed down is large; then come a window and a block more.
    assert dropped_s < 31 + (2 * MAX_BLOCK_BYTES) / 500 + 2 * 30
    assert pace.block_bytes < MAX_BLOCK_BYTES


def test_one_slow_block_does_not_drop_a_line_that_is_fast_on_the_whole() -> None:
    pace = Pace(0.0)

    assert pace.after_block(64 * KIB, 29.0)
    assert pace.after_block(4 * KIB, 40.0)
