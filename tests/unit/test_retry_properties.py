"""What holds for every series of failed attempts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pip_resume.protocol.retry import (
    MAX_DELAY_S,
    PROGRESS_BYTES,
    QUICK_BYTES,
    Budget,
    Limits,
    Options,
    Reached,
    limits,
    limits_before_response,
)

CHANCES = st.floats(0, 1, exclude_max=True)
PATIENCES_S = st.just(0.0) | st.floats(0, 3600)
OPTIONS = st.builds(
    Options,
    retries=st.integers(0, 20),
    patience_s=PATIENCES_S,
    connect_waits_s=st.lists(st.floats(0, 120), max_size=6).map(tuple),
)
LIMITS = st.builds(limits, OPTIONS) | st.builds(limits_before_response, OPTIONS, st.sampled_from(Reached))


@given(LIMITS, st.lists(st.integers(-10, 0), min_size=1), CHANCES)
def test_a_download_without_progress_ends_with_both_limits(limits: Limits, gains: list[int], chance: float) -> None:
    budget, idle_s, attempts = Budget().after(0), 0.0, 0

    while not budget.is_spent(limits, idle_s):
        delay_s = budget.delay_s(limits, idle_s, chance)
        budget, idle_s = budget.after_wait(delay_s), idle_s + delay_s + 60.0
        budget = budget.after(gains[attempts % len(gains)])
        attempts += 1

    assert attempts >= limits.attempts
    assert idle_s >= limits.idle_s
    assert budget.waited_s >= limits.waited_s
    # None of the limits is passed by more than one attempt.
    longest_s = max(MAX_DELAY_S, limits.mean_wait_s)
    assert (
        attempts == limits.attempts
        or idle_s < limits.idle_s + 60.0 + longest_s
        or budget.waited_s < limits.waited_s + longest_s
    )


@given(st.integers(1, 20), PATIENCES_S, st.lists(st.integers(PROGRESS_BYTES, 2**62), max_size=50))
def test_a_download_with_progress_never_ends(retries: int, patience_s: float, gains: list[int]) -> None:
    budget = Budget()
    for gain in gains:
        budget = budget.after(gain)
        # As if no time were left.
        assert not budget.is_spent(limits(Options(retries, patience_s)), idle_s=10**9)


@given(st.integers(0, 20), st.lists(st.integers(0, 2 * PROGRESS_BYTES), max_size=200))
def test_the_number_of_attempts_is_limited_by_the_new_bytes(retries: int, gains: list[int]) -> None:
    budget, attempts = Budget(), 0
    for gain in gains:
        if budget.is_spent(Limits(retries, 0.0), idle_s=0.0):
            break
        budget = budget.after(gain)
        attempts += 1

    refills = sum(gains[:attempts]) // PROGRESS_BYTES
    assert attempts <= (refills + 1) * (retries + 1)


@given(LIMITS.filter(lambda limits: limits.waits_s is None), st.lists(st.integers(0, 2 * QUICK_BYTES)), CHANCES)
def test_a_wait_has_a_maximum_and_grows_with_the_outage(limits: Limits, gains: list[int], chance: float) -> None:
    budget, idle_s = Budget(), 0.0
    for gain in gains:
        before, budget = budget, budget.after(gain)
        delay_s = budget.delay_s(limits, idle_s, chance)
        assert 0 <= delay_s <= max(MAX_DELAY_S, limits.mean_wait_s)
        assert budget.delay_s(limits, idle_s + 1, chance) >= delay_s
        if gain == 0 == before.last_gain:
            assert delay_s == before.delay_s(limits, idle_s, chance)


@given(OPTIONS, st.sampled_from(Reached))
def test_before_the_first_response_a_host_that_has_answered_is_worth_no_less_than_another(
    options: Options, reached: Reached
) -> None:
    here, there = limits_before_response(options, Reached.THIS_HOST), limits_before_response(options, reached)

    assert here.attempts >= there.attempts
    assert here.idle_s >= there.idle_s
