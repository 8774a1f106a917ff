"""What holds for every series of failed attempts."""

from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st

from pip_resume.protocol.retry import MAX_DELAY_S, PROGRESS_BYTES, Budget

RETRIES = st.integers(0, 20)


@given(RETRIES, st.lists(st.integers(-10, PROGRESS_BYTES // 32), min_size=21))
def test_a_download_without_progress_ends_after_the_retries(retries: int, gains: list[int]) -> None:
    budget, attempts = Budget(retries), 0
    assume(sum(gain for gain in gains[: retries + 1] if gain > 0) < PROGRESS_BYTES)

    while not budget.is_spent:
        budget = budget.after(gains[attempts])
        attempts += 1

    assert attempts == retries + 1 == budget.attempts


@given(st.integers(1, 20), st.lists(st.integers(PROGRESS_BYTES, 2**62), max_size=50))
def test_a_download_with_progress_never_ends(retries: int, gains: list[int]) -> None:
    budget = Budget(retries)
    for gain in gains:
        budget = budget.after(gain)
        assert not budget.is_spent
        assert budget.delay_s(chance=0.5) == 0


@given(RETRIES, st.lists(st.integers(0, 2 * PROGRESS_BYTES), max_size=200))
def test_the_number_of_attempts_is_limited_by_the_new_bytes(retries: int, gains: list[int]) -> None:
    budget, attempts = Budget(retries), 0
    for gain in gains:
        if budget.is_spent:
            break
        budget = budget.after(gain)
        attempts += 1

    refills = sum(gains[:attempts]) // PROGRESS_BYTES
    assert attempts <= (refills + 1) * (retries + 1)


@given(st.lists(st.integers(0, 2 * PROGRESS_BYTES)), st.floats(0, 1, exclude_max=True))
def test_a_wait_has_a_maximum_and_grows_until_there_is_progress(gains: list[int], chance: float) -> None:
    budget = Budget(retries=10**6)
    for gain in gains:
        before, budget = budget, budget.after(gain)
        assert 0 <= budget.delay_s(chance) <= MAX_DELAY_S
        assert budget.barren == 0 or budget.delay_s(chance) >= before.delay_s(chance)
