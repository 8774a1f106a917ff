"""What a run still believes of the server, after everything that can happen."""

from __future__ import annotations

from functools import partial
from typing import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pip_resume.protocol.trust import FULL, MOST_REFUSALS, MOST_WRONG, Asking, Costs, Trust

Event = Callable[[Trust], Trust]
RANGE, PROBE, RETRY, PLAIN = Asking.RANGE, Asking.PROBE, Asking.RETRY, Asking.PLAIN

range_unanswered: Event = partial(Trust.after_no_response, is_ranged=True)
range_silent: Event = partial(Trust.after_no_response, is_ranged=True, was_silent=True)
range_lost_at_once: Event = partial(Trust.after_lost_body, is_ranged=True, has_brought=False)
range_lost: Event = partial(Trust.after_lost_body, is_ranged=True, has_brought=True)
range_refused: Event = partial(Trust.after_refusal, is_ranged=True)
plain_unanswered: Event = partial(Trust.after_no_response, is_ranged=False)
plain_lost_at_once: Event = partial(Trust.after_lost_body, is_ranged=False, has_brought=False)
plain_lost: Event = partial(Trust.after_lost_body, is_ranged=False, has_brought=True)
plain_refused: Event = partial(Trust.after_refusal, is_ranged=False)
probe_answered: Event = partial(Trust.after_probe, status=200, took_s=0.0)
probe_without_file: Event = partial(Trust.after_probe, status=404, took_s=0.0)
wrong_file: Event = Trust.after_wrong

BARREN: dict[str, Event] = {
    "no response": range_unanswered,
    "a body without a byte": range_lost_at_once,
    "barren": Trust.after_barren_range,
}
"""What a ranged request that brings nothing can end with. All have the same consequence."""


@pytest.mark.parametrize("barren", BARREN.values(), ids=BARREN)
@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(Trust(), Trust(barren=1), id="first: Range again"),
        pytest.param(Trust(barren=1), Trust(barren=2, asking=PROBE), id="second: does the host answer?"),
        pytest.param(Trust(barren=2), Trust(barren=3, asking=PROBE), id="third, after an unanswered probe: ask again"),
        pytest.param(
            Trust(barren=2, asking=RETRY), Trust(refusals=1, asking=PLAIN), id="after an answered probe: plain"
        ),
        pytest.param(
            Trust(wrong=1, refusals=1, barren=2, asking=RETRY),
            Trust(wrong=1, refusals=2, asking=PLAIN),
            id="after an answered probe, for the second time",
        ),
    ],
)
def test_ranged_requests_that_bring_nothing_lead_to_a_plain_one(before: Trust, barren: Event, after: Trust) -> None:
    assert barren(before) == after._replace(was_costly=barren is range_lost_at_once)


def test_a_range_costs_no_body_only_if_the_last_one_that_failed_cost_none() -> None:
    given_up = Trust(asking=RETRY, refusals=2)

    refused, cut = range_unanswered(given_up), range_lost_at_once(given_up)

    assert (plain_lost_at_once(refused).costs, plain_lost_at_once(cut).costs) == (Costs.NO_BODY, Costs.A_BODY)
    assert plain_lost_at_once(range_refused(given_up)).costs is Costs.A_BODY  # A plain request follows at once.
    assert (range_unanswered(FULL).costs, FULL.costs) == (Costs.A_BODY, Costs.A_BODY)


def test_a_plain_request_may_be_put_off_only_if_a_range_costs_no_body() -> None:
    given_up = Trust(asking=RETRY, refusals=2)

    refused, cut = range_unanswered(given_up), range_lost_at_once(given_up)

    assert (refused.asking, refused.costs) == (PLAIN, Costs.A_BODY_OR_NONE)
    assert (cut.asking, cut.costs) == (PLAIN, Costs.A_BODY)
    assert refused._replace(wrong=MOST_WRONG).costs is Costs.A_BODY  # pip judges the next file.
    assert refused.after_putting_off_plain() == refused._replace(asking=RETRY)


@pytest.mark.parametrize(
    ("before", "event", "after"),
    [
        pytest.param(Trust(barren=2, asking=PROBE), probe_answered, Trust(barren=2, asking=RETRY), id="answered"),
        pytest.param(Trust(barren=2, asking=PROBE), plain_unanswered, Trust(barren=2), id="not answered"),
        pytest.param(
            Trust(barren=2, asking=PROBE), plain_refused, Trust(1, 1, asking=PLAIN), id="answered with what is no file"
        ),
    ],
)
def test_a_probe_shows_whether_the_host_answers(before: Trust, event: Event, after: Trust) -> None:
    assert event(before) == after


@pytest.mark.parametrize(
    ("status", "asking"),
    [
        *((status, RETRY) for status in (200, 203)),
        *((status, RANGE) for status in (100, 201, 204, 206, 302, 304, 401, 404, 416, 451, 503, 511)),
    ],
)
def test_only_a_response_with_the_file_shows_that_the_host_answers(status: int, asking: Asking) -> None:
    assert Trust(barren=2, asking=PROBE).after_probe(status, 0.0) == Trust(barren=2, asking=asking)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(Trust(), Trust(), id="Range as before"),
        pytest.param(Trust(barren=1), Trust(), id="after a barren one: counted from 0 again"),
        pytest.param(Trust(1, 1, 2, RETRY), Trust(1, 1), id="after a probe: Range as before"),
    ],
)
def test_a_ranged_request_that_brought_bytes_renews_the_trust_in_range(before: Trust, after: Trust) -> None:
    assert range_lost(before) == after


@pytest.mark.parametrize("lost", [pytest.param(plain_lost, id="bytes"), pytest.param(plain_lost_at_once, id="none")])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(Trust(), Trust(), id="nothing held, or no validator: as before"),
        pytest.param(Trust(refusals=1, asking=PLAIN), Trust(refusals=1), id="after one refusal: Range again"),
        pytest.param(Trust(1, 1, asking=PLAIN), Trust(1, 1), id="after one wrong file: Range again"),
        pytest.param(Trust(2, 0, asking=PLAIN), Trust(2, 0, asking=PLAIN), id="after two wrong files: no Range"),
    ],
)
def test_after_a_plain_body_was_lost_range_is_tried_again_unless_that_is_settled(
    before: Trust, lost: Event, after: Trust
) -> None:
    assert lost(before) == after


@pytest.mark.parametrize("refusals", [2, 3])
def test_after_two_refusals_range_is_tried_again_only_if_a_plain_body_brought_nothing_new(refusals: int) -> None:
    """Field: ranges are refused for 5 s, and no connection lasts for the complete file."""
    before = Trust(refusals=refusals, asking=PLAIN)

    assert plain_lost(before) == before
    assert plain_lost_at_once(before) == before._replace(asking=RETRY)


@pytest.mark.parametrize(
    ("before", "event", "after"),
    [
        pytest.param(Trust(), range_refused, Trust(0, 1, asking=PLAIN), id="a range, for the first time"),
        pytest.param(Trust(0, 1, 1), range_refused, Trust(0, 2, asking=PLAIN), id="a range, for the second time"),
        pytest.param(Trust(0, 0, 2, RETRY), range_refused, Trust(0, 1, asking=PLAIN), id="a range after a probe"),
        pytest.param(Trust(1, 0), range_refused, Trust(1, 1, asking=PLAIN), id="a range after a wrong file"),
        pytest.param(Trust(0, 1, asking=PLAIN), plain_refused, Trust(1, 2, asking=PLAIN), id="plain: a wrong file"),
        pytest.param(Trust(), plain_refused, Trust(1, 1, asking=PLAIN), id="plain because nothing is held"),
    ],
)
def test_a_response_that_cannot_be_used_leads_to_a_plain_request(before: Trust, event: Event, after: Trust) -> None:
    assert event(before) == after._replace(was_costly=event is range_refused)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(Trust(), Trust(1), id="the first: Range as before"),
        pytest.param(Trust(0, 1, asking=PLAIN), Trust(1, 1, asking=PLAIN), id="the first, plain: as before"),
        pytest.param(Trust(0, 0, 2, RETRY), Trust(1, 0, 2, RETRY), id="the first, after a probe: as before"),
        pytest.param(Trust(1), Trust(2, asking=PLAIN), id="the second: no Range"),
        pytest.param(Trust(2, 1, asking=PLAIN), Trust(3, 1, asking=PLAIN), id="the third"),
    ],
)
def test_a_wrong_file_counts(before: Trust, after: Trust) -> None:
    assert wrong_file(before) == after


@pytest.mark.parametrize(
    "before", [pytest.param(Trust(), id="Range allowed"), pytest.param(Trust(0, 1, asking=PLAIN), id="Range given up")]
)
def test_a_plain_request_without_a_response_changes_nothing(before: Trust) -> None:
    assert plain_unanswered(before) == before


def test_a_run_starts_with_full_trust() -> None:
    assert FULL == Trust() == Trust(wrong=0, refusals=0, barren=0, asking=RANGE)
    assert (FULL.forgave_date, FULL.is_container_checked) == (False, False)
    assert (FULL.allows_range, FULL.is_probing, FULL.is_spent, FULL.doubts_caches) == (True, False, False, False)


@pytest.mark.parametrize(
    ("asking", "allows_range", "is_probing"),
    [(RANGE, True, False), (PROBE, False, True), (RETRY, True, False), (PLAIN, False, False)],
)
def test_two_of_four_requests_may_carry_range_and_one_is_a_probe(
    asking: Asking, allows_range: bool, is_probing: bool
) -> None:
    trust = Trust(asking=asking)

    assert (trust.allows_range, trust.is_probing) == (allows_range, is_probing)


@pytest.mark.parametrize(
    ("trust", "is_in_doubt"),
    [
        pytest.param(Trust(), False, id="full trust"),
        pytest.param(range_lost(Trust(barren=1)), False, id="the last one brought bytes"),
        pytest.param(Trust(barren=1), True, id="the last one brought nothing"),
        pytest.param(Trust(barren=2, asking=PROBE), True, id="a probe follows"),
        pytest.param(Trust(barren=2, asking=RETRY), True, id="once more"),
        pytest.param(Trust(refusals=1, asking=PLAIN), True, id="given up"),
        pytest.param(Trust(refusals=1), False, id="given up, and tried again"),
    ],
)
def test_range_is_in_doubt_after_a_ranged_request_that_brought_nothing(trust: Trust, is_in_doubt: bool) -> None:
    assert trust.is_range_in_doubt is is_in_doubt


@pytest.mark.parametrize(
    ("wrong", "doubts_caches", "is_spent"), [(0, False, False), (1, True, False), (2, True, True), (3, True, True)]
)
def test_one_wrong_file_makes_caches_doubtful_and_two_spend_the_trust(
    wrong: int, doubts_caches: bool, is_spent: bool
) -> None:
    trust = Trust(wrong=wrong)

    assert (trust.doubts_caches, trust.is_spent) == (doubts_caches, is_spent)


def test_two_lost_bodies_that_differ_in_the_place_of_a_range_are_taken_for_parts() -> None:
    once = FULL.after_different_body()
    twice = range_unanswered(once).after_different_body()

    assert [trust.expects_parts for trust in (FULL, once, twice, twice.after_different_body())] == [
        False,
        False,
        True,
        True,
    ]
    assert (once.asking, once.wrong, once.refusals) == (RANGE, 0, 0)


def test_a_gateway_that_is_silent_to_ranges_is_asked_plainly_for_good_after_two_rounds() -> None:
    trust, asked = FULL, list[Asking]()
    while len(asked) < 12:
        asked.append(trust.asking)
        # Ranged requests come to nothing. A plain one is answered, and its connection breaks after some bytes.
        answer = probe_answered if trust.is_probing else plain_lost
        trust = range_unanswered(trust) if trust.allows_range else answer(trust)

    assert asked == [RANGE, RANGE, PROBE, RETRY, PLAIN, RANGE, RANGE, PROBE, RETRY, PLAIN, PLAIN, PLAIN]


def test_after_one_silent_range_the_host_is_asked_and_the_next_range_waits_for_less() -> None:
    trust, asked = FULL, list[tuple[Asking, float]]()
    while len(asked) < 9:
        asked.append((trust.asking, trust.timeout_s(15.0)))
        answer = probe_answered if trust.is_probing else plain_lost
        trust = range_silent(trust) if trust.allows_range else answer(trust)

    first_round = [(RANGE, 15.0), (PROBE, 15.0), (RETRY, 5.0), (PLAIN, 15.0)]
    second_round = [(RANGE, 5.0), (PROBE, 15.0), (RETRY, 15.0), (PLAIN, 15.0)]
    assert asked == [*first_round, *second_round, (PLAIN, 15.0)]


@pytest.mark.parametrize(
    ("trust", "timeout_s"),
    [
        pytest.param(Trust(asking=RETRY, silent=1), 5.0, id="after silence, host answers"),
        pytest.param(Trust(asking=RETRY, silent=1, probe_s=1.0), 5.0, id="host answers within 1 s"),
        pytest.param(Trust(asking=RETRY, silent=1, probe_s=3.0), 9.0, id="host answers within 3 s"),
        pytest.param(Trust(asking=RETRY, silent=1, probe_s=12.0), 15.0, id="host is as slow as that"),
        pytest.param(Trust(asking=RANGE, silent=2), 5.0, id="again, after a plain body"),
        pytest.param(Trust(asking=RETRY, silent=3), 15.0, id="ranges may need longer"),
        pytest.param(Trust(asking=PLAIN, silent=2), 15.0, id="a plain request"),
        pytest.param(Trust(asking=RETRY, probe_s=1.0), 15.0, id="after a reset, host answers"),
        pytest.param(plain_unanswered(range_silent(FULL)), 15.0, id="after silence, host does not answer"),
        pytest.param(probe_without_file(range_silent(FULL)), 15.0, id="after silence, host has no file"),
        pytest.param(range_unanswered(range_silent(FULL))._replace(asking=RETRY), 15.0, id="silence, then a reset"),
        pytest.param(range_lost(Trust(asking=RETRY, silent=1))._replace(asking=RETRY), 15.0, id="bytes since"),
    ],
)
def test_only_a_range_after_a_silence_waits_for_less_while_the_host_answers(trust: Trust, timeout_s: float) -> None:
    assert trust.timeout_s(15.0) == timeout_s


def test_silence_to_a_plain_request_says_nothing_about_range() -> None:
    assert FULL.after_no_response(is_ranged=False, was_silent=True) == FULL


def test_while_the_network_is_down_every_second_request_is_a_probe() -> None:
    trust, asked = FULL, list[Asking]()
    while len(asked) < 8:
        asked.append(trust.asking)
        trust = trust.after_no_response(is_ranged=trust.allows_range)

    assert asked == [RANGE, RANGE, PROBE, RANGE, PROBE, RANGE, PROBE, RANGE]
    assert (trust.wrong, trust.refusals) == (0, 0)


RANGED = (range_unanswered, range_silent, range_lost_at_once, range_lost, range_refused)
UNRANGED = (plain_unanswered, plain_lost_at_once, plain_lost, plain_refused)
PROBED = (plain_unanswered, probe_answered, probe_without_file, plain_refused)
WITH_BYTES = (range_lost, plain_lost)


@st.composite
def runs(draw: st.DrawFn, *, without: tuple[Event, ...] = ()) -> list[tuple[Trust, Event]]:
    """Draw what is believed before each request of a run, and what each request ends with."""
    trust, run = FULL, []
    for _ in range(draw(st.integers(1, 30))):
        possible = RANGED if trust.allows_range else PROBED if trust.is_probing else UNRANGED
        # A file can be wrong after any body that is read.
        events = possible if trust.is_probing else (*possible, wrong_file)
        event = draw(st.sampled_from([event for event in events if event not in without]))
        run.append((trust, event))
        trust = event(trust)
    return [*run, (trust, plain_unanswered)]


@given(runs())
def test_wrong_files_and_refusals_are_never_forgotten(run: list[tuple[Trust, Event]]) -> None:
    for (before, _), (after, _) in zip(run, run[1:]):
        assert after.wrong >= before.wrong
        assert after.refusals >= before.refusals


@given(runs())
def test_range_is_tried_again_only_after_a_probe_or_a_lost_body(run: list[tuple[Trust, Event]]) -> None:
    for (before, event), (after, _) in zip(run, run[1:]):
        if after.allows_range and not before.allows_range:
            assert before.is_probing or event in (plain_lost, plain_lost_at_once)
            is_early = before.refusals < MOST_REFUSALS or event is plain_lost_at_once
            assert before.is_probing or (is_early and before.wrong < MOST_WRONG)


@given(runs())
def test_a_probe_follows_silence_or_two_ranged_requests_in_a_row_that_brought_nothing(
    run: list[tuple[Trust, Event]],
) -> None:
    for (_, first), (_, second), (trust, _) in zip(run, run[1:], run[2:]):
        if trust.is_probing:
            assert second in (range_unanswered, range_silent, range_lost_at_once)
            assert first is not range_lost or second is range_silent
    assert not run[0][0].is_probing
    assert not run[1][0].is_probing or run[0][1] is range_silent


@given(runs(without=WITH_BYTES))
def test_without_a_new_byte_at_most_two_probes_are_answered(run: list[tuple[Trust, Event]]) -> None:
    assert sum(event is probe_answered for _, event in run) <= MOST_REFUSALS


@given(runs())
def test_every_answered_probe_without_a_byte_before_the_next_costs_trust_in_range(
    run: list[tuple[Trust, Event]],
) -> None:
    probes = [index for index, (_, event) in enumerate(run) if event is probe_answered]
    for start, end in zip(probes, probes[1:]):
        between = [event for _, event in run[start:end]]
        assert range_lost in between or run[end][0].refusals > run[start][0].refusals


@given(runs(without=(plain_lost, plain_lost_at_once, wrong_file)))
def test_refusals_alone_end_a_run(run: list[tuple[Trust, Event]]) -> None:
    trust, _ = run[-1]

    # Whatever came before: one refusal of a range, and two of plain requests.
    trust = trust.after_refusal(is_ranged=True)
    for _ in range(MOST_WRONG):
        assert not trust.allows_range
        trust = trust.after_refusal(is_ranged=False)
    assert trust.is_spent
