"""What a run still believes of the server, after everything that can happen."""

from __future__ import annotations

from typing import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pip_resume.protocol.trust import MOST_REFUSALS, MOST_WRONG, Trust

EVENTS: tuple[Callable[[Trust], Trust], ...] = (
    Trust.after_refusal,
    Trust.after_wrong,
    Trust.after_restart,
    Trust.after_loss,
)


@pytest.mark.parametrize(
    ("before", "event", "after"),
    [
        pytest.param(Trust(0, 0, True), Trust.after_refusal, Trust(0, 1, False), id="first refusal: no more Range"),
        pytest.param(Trust(0, 1, True), Trust.after_refusal, Trust(0, 2, False), id="second refusal of a Range"),
        pytest.param(Trust(0, 1, False), Trust.after_refusal, Trust(1, 2, False), id="refused without Range: wrong"),
        pytest.param(Trust(1, 0, True), Trust.after_refusal, Trust(1, 1, False), id="refusal after a wrong file"),
        pytest.param(Trust(0, 0, True), Trust.after_wrong, Trust(1, 0, True), id="first wrong file: Range as before"),
        pytest.param(Trust(1, 1, False), Trust.after_wrong, Trust(2, 1, False), id="second wrong file: no Range"),
        pytest.param(Trust(1, 1, True), Trust.after_restart, Trust(1, 1, True), id="restart: Range as before"),
        pytest.param(Trust(1, 1, False), Trust.after_restart, Trust(1, 1, False), id="restart: no Range as before"),
        pytest.param(Trust(2, 0, True), Trust.after_restart, Trust(2, 0, False), id="restart, trust spent: no Range"),
        pytest.param(Trust(3, 0, True), Trust.after_restart, Trust(3, 0, False), id="restart after three wrong files"),
        pytest.param(Trust(0, 0, True), Trust.after_loss, Trust(0, 0, True), id="loss: Range as before"),
        pytest.param(Trust(0, 1, False), Trust.after_loss, Trust(0, 1, True), id="loss after one refusal: Range again"),
        pytest.param(Trust(1, 1, False), Trust.after_loss, Trust(1, 1, True), id="loss after one wrong file: Range"),
        pytest.param(Trust(0, 2, False), Trust.after_loss, Trust(0, 2, False), id="loss after two refusals: no Range"),
        pytest.param(Trust(0, 3, False), Trust.after_loss, Trust(0, 3, False), id="loss after three refusals"),
        pytest.param(Trust(2, 0, False), Trust.after_loss, Trust(2, 0, False), id="loss, trust spent: no Range"),
        pytest.param(Trust(2, 0, True), Trust.after_loss, Trust(2, 0, True), id="loss, trust spent, still with Range"),
    ],
)
def test_an_event_changes_the_trust(before: Trust, event: Callable[[Trust], Trust], after: Trust) -> None:
    assert event(before) == after


def test_a_run_starts_with_full_trust() -> None:
    assert Trust() == Trust(wrong=0, refusals=0, ranges=True)
    assert not Trust().is_spent


@pytest.mark.parametrize(("wrong", "is_spent"), [(0, False), (1, False), (2, True), (3, True)])
def test_the_trust_is_spent_after_two_wrong_files(wrong: int, is_spent: bool) -> None:
    assert Trust(wrong=wrong).is_spent is is_spent


@given(st.lists(st.sampled_from(EVENTS), max_size=20))
def test_no_event_gives_trust_back_except_one_range_after_a_loss(events: list[Callable[[Trust], Trust]]) -> None:
    trust = Trust()
    for event in events:
        before, trust = trust, event(trust)
        assert trust.wrong >= before.wrong
        assert trust.refusals >= before.refusals
        if trust.ranges and not before.ranges:
            assert event is Trust.after_loss
            assert before.refusals < MOST_REFUSALS
            assert before.wrong < MOST_WRONG


@given(st.lists(st.sampled_from(EVENTS), max_size=20))
def test_refusals_alone_end_a_run(events: list[Callable[[Trust], Trust]]) -> None:
    trust = Trust()
    for event in events:
        trust = event(trust)

    # Whatever came before: one refusal of a Range, and two of plain requests.
    for _ in range(1 + MOST_WRONG):
        trust = trust.after_refusal()
    assert trust.is_spent
