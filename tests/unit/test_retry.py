"""The retry budget of one download, and the waits between its attempts."""

from __future__ import annotations

import pytest

from pip_resume.protocol.retry import PROGRESS_BYTES, Budget


def spend(retries: int, *gains: int) -> Budget:
    """Return the budget after one failed attempt for each number of new bytes."""
    budget = Budget(retries)
    for gain in gains:
        budget = budget.after(gain)
    return budget


@pytest.mark.parametrize(
    ("retries", "gains", "is_spent"),
    [
        pytest.param(5, [0] * 5, False, id="five attempts without a byte leave one"),
        pytest.param(5, [0] * 6, True, id="six attempts without a byte spend it"),
        pytest.param(5, [PROGRESS_BYTES] + [0] * 4, False, id="an attempt with progress is the first of six"),
        pytest.param(5, [PROGRESS_BYTES] + [0] * 5, True, id="five attempts without a byte after progress spend it"),
        pytest.param(5, [0] * 5 + [PROGRESS_BYTES] + [0] * 4, False, id="progress refills it"),
        pytest.param(5, [PROGRESS_BYTES] * 200, False, id="attempts with progress do not spend it"),
        pytest.param(0, [0], True, id="no retries: the first failure spends it"),
        pytest.param(0, [PROGRESS_BYTES * 100], True, id="no retries: also after progress"),
        pytest.param(1, [PROGRESS_BYTES, 0], True, id="one retry: one more attempt after progress"),
        pytest.param(5, [1] * 6, True, id="one byte per attempt is no progress"),
        pytest.param(5, [-64 * 1024] * 6, True, id="an offset that went back is no progress"),
        pytest.param(5, [PROGRESS_BYTES // 4] * 40, False, id="small gains add up to progress"),
        pytest.param(5, [0, PROGRESS_BYTES - 1, 0, 0, 0, 0], True, id="one byte too few is no progress"),
        pytest.param(5, [PROGRESS_BYTES, PROGRESS_BYTES - 1, 0, 0, 0, 0], True, id="progress is counted from 0 again"),
    ],
)
def test_the_budget_counts_attempts_without_progress(retries: int, gains: list[int], is_spent: bool) -> None:
    assert spend(retries, *gains).is_spent is is_spent


def test_by_default_there_are_as_many_attempts_as_in_pip() -> None:
    assert (Budget().retries, Budget().attempts) == (5, 6)


def test_the_number_of_the_next_attempt_starts_again_after_progress() -> None:
    numbers = [(spend(5, *[0] * failed).next_attempt, Budget(5).attempts) for failed in range(1, 6)]

    assert numbers == [(2, 6), (3, 6), (4, 6), (5, 6), (6, 6)]
    assert spend(5, 0, 0, PROGRESS_BYTES).next_attempt == 2


@pytest.mark.parametrize(
    ("gains", "delays_s"),
    [
        pytest.param([PROGRESS_BYTES], (0, 0, 0), id="no wait after progress"),
        pytest.param([0], (0.375, 0.5, 0.625), id="half a second, with a jitter of 25 %"),
        pytest.param([0, 0], (0.75, 1.0, 1.25), id="second failure: doubled"),
        pytest.param([0, 0, 0], (1.5, 2.0, 2.5), id="third failure: doubled again"),
        pytest.param([0] * 7, (15, 15, 15), id="seventh failure: the maximum of 15 s"),
        pytest.param([0] * 5000, (15, 15, 15), id="after 5000 failures still 15 s"),
        pytest.param([0] * 7 + [PROGRESS_BYTES], (0, 0, 0), id="no wait after late progress"),
        pytest.param([0] * 7 + [PROGRESS_BYTES, 0], (0.375, 0.5, 0.625), id="after progress it starts again"),
        pytest.param([1], (0.375, 0.5, 0.625), id="one byte is no progress"),
    ],
)
def test_the_wait_doubles_until_there_is_progress(gains: list[int], delays_s: tuple[float, float, float]) -> None:
    budget = spend(10**6, *gains)

    assert tuple(budget.delay_s(chance) for chance in (0.0, 0.5, 1.0)) == delays_s


def test_all_waits_for_a_server_that_never_responds_are_below_ten_seconds() -> None:
    waits_s = [spend(5, PROGRESS_BYTES, *[0] * barren).delay_s(chance=1.0) for barren in range(5)]

    assert waits_s == [0, 0.625, 1.25, 2.5, 5.0]
