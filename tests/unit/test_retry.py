"""How long a download goes on without a new byte, beside plain pip, and the waits between its attempts."""

from __future__ import annotations

import math

import pytest
from unit.plain_pip import BACKOFF_FACTOR, LONGEST_WAIT_S, Tries, tries_of, waits_of

from pip_resume.protocol.retry import (
    MAX_DELAY_S,
    MOST_QUICK,
    MOST_QUICK_LARGE,
    PROGRESS_BYTES,
    QUICK_BYTES,
    REPEAT_DELAY_S,
    Budget,
    Limits,
    Options,
    Reached,
    connect_waits_s,
    larger,
    limits,
    limits_before_response,
)

WITHOUT_LIMITS = Limits(10**6, math.inf)
PIPS_WAITS_S = (0.0, 0.5, 1.0, 2.0, 4.0)
"""The waits of pip's default, --retries 5."""


def spend(*gains: int) -> Budget:
    """Return the budget after one failed attempt for each number of new bytes."""
    budget = Budget()
    for gain in gains:
        budget = budget.after(gain)
    return budget


def tries_until_given_up(limits: Limits, budget: Budget, request_s: float = 0.0, chance: float = 0.0) -> Tries:
    """Play an outage: every request fails after ``request_s`` seconds, and brings nothing."""
    tries, idle_s = Tries(0, 0.0), 0.0
    while not budget.is_spent(limits, idle_s):
        delay_s = budget.delay_s(limits, idle_s, chance)
        tries = Tries(tries.requests + 1, tries.waits_s + delay_s)
        idle_s += delay_s + request_s
        budget = budget.after_wait(delay_s).after(0)
    return tries


def tries_in_mid_file(options: Options, request_s: float = 0.0, chance: float = 0.0) -> Tries:
    """Play an outage that begins with the loss of a connection that brought many bytes."""
    return tries_until_given_up(limits(options), spend(QUICK_BYTES), request_s, chance)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        pytest.param(Options(), Limits(30, 300.0, waited_s=37.5), id="default"),
        pytest.param(
            Options(retries=6), Limits(36, 300.0, waited_s=45.0), id="more retries than pip's default: more attempts"
        ),
        pytest.param(Options(retries=20), Limits(120, 300.0, waited_s=150.0), id="20 retries"),
        pytest.param(
            Options(retries=100), Limits(600, 750.0, waited_s=750.0), id="100 retries: plain pip waits longer"
        ),
        pytest.param(Options(retries=4), Limits(24, 0.0, (0.0, *PIPS_WAITS_S)), id="fewer retries: pip's own waits"),
        pytest.param(Options(retries=1), Limits(6, 0.0, (0.0, *PIPS_WAITS_S)), id="one retry"),
        pytest.param(Options(retries=0), Limits(0, 0.0), id="no retries"),
        pytest.param(Options(patience_s=0.0), Limits(5, 0.0), id="no patience: the retries alone"),
        pytest.param(Options(retries=2, patience_s=0.0), Limits(2, 0.0), id="two retries and no patience"),
        pytest.param(Options(retries=20, patience_s=0.0), Limits(20, 0.0), id="20 retries and no patience"),
        pytest.param(Options(patience_s=7200.0), Limits(30, 7200.0, waited_s=37.5), id="patience of two hours"),
        pytest.param(
            Options(patience_s=1.0),
            Limits(30, 37.5, waited_s=37.5),
            id="patience of one second: plain pip waits longer",
        ),
        pytest.param(Options(connect_waits_s=()), Limits(5, 300.0), id="--retries 0"),
        pytest.param(
            Options(connect_waits_s=waits_of(20)),
            Limits(105, 7237.5, waited_s=7237.5),
            id="--retries 20: waits longer than any of ours",
        ),
        pytest.param(
            Options(retries=1, connect_waits_s=(0.0, 0.5, 15.0, 15.5, 120.0)),
            Limits(6, 0.0, (0.0, 0.0, 0.5, 15.0, 15.0, 15.0), waited_s=151.0),
            id="one retry, long waits: they are divided, since an outage may end between two of them",
        ),
        pytest.param(
            Options(retries=1, connect_waits_s=()), Limits(1, 0.0, (0.0,)), id="--retries 0 --resume-retries 1"
        ),
    ],
)
def test_the_limits_follow_from_the_options(options: Options, expected: Limits) -> None:
    assert limits(options) == expected


@pytest.mark.parametrize(
    ("options", "tries"),
    [
        pytest.param(Options(retries=1), Tries(6, 7.5), id="one retry"),
        pytest.param(Options(retries=2), Tries(12, 15.0), id="two retries"),
        pytest.param(Options(retries=4), Tries(24, 30.0), id="four retries"),
        pytest.param(Options(retries=1, connect_waits_s=()), Tries(1, 0.0), id="one retry without --retries"),
        pytest.param(Options(retries=0), Tries(0, 0.0), id="no retries"),
    ],
)
def test_with_fewer_retries_than_pips_default_an_outage_costs_exactly_what_it_costs_plain_pip(
    options: Options, tries: Tries
) -> None:
    assert tries_in_mid_file(options) == tries == tries_of(options.retries, len(options.connect_waits_s))


def test_by_default_an_outage_is_waited_for_five_minutes_and_longer_than_plain_pip_would() -> None:
    tries = tries_in_mid_file(Options())

    assert tries_of(5) == Tries(30, 37.5)
    assert tries.requests >= 30
    assert 300 <= tries.waits_s < 300 + 15


@pytest.mark.parametrize("retries", range(21))
@pytest.mark.parametrize("resume_retries", [0, 1, 2, 4, 5, 6, 40])
def test_a_download_is_never_given_up_before_plain_pip_would(resume_retries: int, retries: int) -> None:
    options, plain = Options(resume_retries, connect_waits_s=waits_of(retries)), tries_of(resume_retries, retries)

    for request_s in (0.0, 0.1, 1.0, 15.0, 60.0):
        ours = tries_in_mid_file(options, request_s, chance=0.5)
        assert ours.requests >= plain.requests
        assert ours.waits_s >= plain.waits_s


@pytest.mark.parametrize(
    ("options", "requests"),
    [
        pytest.param(Options(patience_s=0.0), 5, id="default"),
        pytest.param(Options(retries=1, patience_s=0.0), 1, id="one retry"),
        pytest.param(Options(retries=20, patience_s=0.0), 20, id="20 retries"),
    ],
)
def test_without_patience_the_attempts_alone_count(options: Options, requests: int) -> None:
    assert tries_in_mid_file(options).requests == requests
    assert tries_in_mid_file(options, request_s=3600).requests == requests


@pytest.mark.parametrize(
    ("options", "reached", "expected"),
    [
        pytest.param(
            Options(), Reached.THIS_HOST, Limits(30, 300.0, waited_s=37.5), id="this host: as in the middle of a file"
        ),
        pytest.param(Options(), Reached.OTHER_HOST, Limits(5, 60.0, waited_s=7.5), id="a different host: one minute"),
        pytest.param(Options(), Reached.NONE, Limits(5, 0.0, PIPS_WAITS_S), id="no host: pip's --retries"),
        pytest.param(
            Options(patience_s=30.0),
            Reached.OTHER_HOST,
            Limits(5, 30.0, waited_s=7.5),
            id="a different host, little patience",
        ),
        pytest.param(
            Options(patience_s=1.0),
            Reached.OTHER_HOST,
            Limits(5, 7.5, waited_s=7.5),
            id="a different host, less than plain pip waits",
        ),
        pytest.param(
            Options(retries=20),
            Reached.OTHER_HOST,
            Limits(5, 60.0, waited_s=7.5),
            id="a different host, more retries in mid-file",
        ),
        *(
            pytest.param(options, reached, Limits(5, 0.0, PIPS_WAITS_S), id=f"{name}, {reached.value}: pip's --retries")
            for name, options in {
                "no patience": Options(patience_s=0.0),
                "no retries": Options(retries=0),
                "fewer retries than pip's default": Options(retries=4),
            }.items()
            for reached in Reached
        ),
        pytest.param(
            Options(connect_waits_s=()), Reached.NONE, Limits(0, 0.0, (0.0,)), id="no host, --retries 0: at once"
        ),
        pytest.param(
            Options(connect_waits_s=()), Reached.OTHER_HOST, Limits(0, 60.0), id="a different host, --retries 0"
        ),
    ],
)
def test_before_the_first_response_the_limits_follow_from_the_hosts_that_have_answered(
    options: Options, reached: Reached, expected: Limits
) -> None:
    assert limits_before_response(options, reached) == expected


@pytest.mark.parametrize("retries", range(21))
@pytest.mark.parametrize("reached", Reached)
def test_before_the_first_response_a_download_is_never_given_up_before_plain_pip_would(
    reached: Reached, retries: int
) -> None:
    for resume_retries in (0, 1, 5, 20):
        options = Options(resume_retries, connect_waits_s=waits_of(retries))
        # The first request was sent, and has failed.
        ours = tries_until_given_up(limits_before_response(options, reached), spend(0))
        assert ours.requests >= retries
        assert ours.waits_s >= sum(waits_of(retries))


@pytest.mark.parametrize("retries", range(21))
def test_the_waits_for_a_connection_are_those_of_pips_urllib3(retries: int) -> None:
    assert connect_waits_s(retries, BACKOFF_FACTOR, LONGEST_WAIT_S) == waits_of(retries)


@pytest.mark.parametrize("factor", [0.0, 0.1, 1.0, 200.0])
def test_the_waits_for_a_connection_have_the_factor_of_pips_urllib3(factor: float) -> None:
    assert connect_waits_s(12, factor, LONGEST_WAIT_S) == waits_of(12, factor)


def test_the_waits_for_a_connection_may_be_many() -> None:
    waits_s = connect_waits_s(5000, BACKOFF_FACTOR, LONGEST_WAIT_S)

    assert (len(waits_s), waits_s[0], waits_s[-1]) == (5000, 0.0, LONGEST_WAIT_S)
    assert sorted(waits_s) == list(waits_s)


def test_the_default_waits_are_those_of_pips_default() -> None:
    assert Options().connect_waits_s == waits_of(5) == PIPS_WAITS_S


@pytest.mark.parametrize(
    ("gains", "budget"),
    [
        pytest.param([], Budget(0, 0, 0, 0), id="no attempt"),
        pytest.param([0], Budget(1, 1, 0, 0), id="nothing"),
        pytest.param([0] * 6, Budget(6, 6, 0, 0), id="six times nothing"),
        pytest.param([PROGRESS_BYTES], Budget(1, 0, 0, PROGRESS_BYTES, small=1), id="progress: the attempt counts"),
        pytest.param([PROGRESS_BYTES, 0, 0], Budget(3, 2, 0, 0, small=1), id="twice nothing after progress"),
        pytest.param([0] * 5 + [PROGRESS_BYTES], Budget(1, 0, 0, PROGRESS_BYTES, small=1), id="progress refills it"),
        pytest.param([PROGRESS_BYTES] * 200, Budget(1, 0, 0, PROGRESS_BYTES, small=200), id="always progress"),
        pytest.param([QUICK_BYTES], Budget(1, 0, 0, QUICK_BYTES), id="much"),
        pytest.param([PROGRESS_BYTES, 0, QUICK_BYTES], Budget(1, 0, 0, QUICK_BYTES), id="much after little"),
        pytest.param(
            [PROGRESS_BYTES - 1], Budget(1, 1, PROGRESS_BYTES - 1, PROGRESS_BYTES - 1, small=1), id="a byte too few"
        ),
        pytest.param([1] * 6, Budget(6, 6, 6, 1, small=6), id="a byte per attempt is no progress"),
        pytest.param(
            [PROGRESS_BYTES // 4] * 4,
            Budget(1, 0, 0, PROGRESS_BYTES // 4, small=4),
            id="small gains add up to progress",
        ),
        pytest.param([PROGRESS_BYTES, 5], Budget(2, 1, 5, 5, small=2), id="progress is counted from 0 again"),
        pytest.param([5, 0], Budget(2, 2, 5, 0, small=1), id="small gains are kept"),
        pytest.param([5, -64 * 1024], Budget(2, 2, 5, 0, small=1), id="an offset that went back is nothing"),
    ],
)
def test_the_budget_counts_attempts_since_the_last_progress(gains: list[int], budget: Budget) -> None:
    # Without large bodies each attempt is one step.
    assert spend(*gains) == budget._replace(steps=budget.failed)


@pytest.mark.parametrize(
    ("failed", "idle_s", "is_spent"),
    [
        pytest.param(5, 60.0, False, id="the attempts are left"),
        pytest.param(6, 59.9, False, id="the time is left"),
        pytest.param(6, 60.0, True, id="both are spent"),
        pytest.param(5, 3600.0, False, id="time alone does not count"),
        pytest.param(1000, 0.0, False, id="attempts alone do not count"),
    ],
)
def test_a_download_is_given_up_when_attempts_and_time_are_both_spent(
    failed: int, idle_s: float, is_spent: bool
) -> None:
    assert Budget(failed).is_spent(Limits(5, 60.0), idle_s) is is_spent


@pytest.mark.parametrize(("waited_s", "is_spent"), [(7.0, False), (7.5, True), (8.0, True)])
def test_a_download_is_not_given_up_before_it_has_waited_as_long_as_plain_pip(waited_s: float, is_spent: bool) -> None:
    budget = Budget(6).after_wait(4.0).after_wait(waited_s - 4.0)

    assert budget.is_spent(Limits(5, 60.0, waited_s=7.5), idle_s=3600.0) is is_spent


def test_waits_are_counted_until_there_is_progress() -> None:
    assert spend(0).after_wait(2.0).after(1).after_wait(1.0).waited_s == 3.0
    assert spend(0).after_wait(2.0).after(PROGRESS_BYTES).waited_s == 0.0


@pytest.mark.parametrize(
    ("body_bytes", "budget"),
    [
        pytest.param(None, Budget(2, 2, cut=5, steps=2), id="no body"),
        pytest.param(0, Budget(2, 2, cut=6, steps=2), id="no byte"),
        pytest.param(QUICK_BYTES - 1, Budget(2, 2, cut=6, steps=2), id="too few bytes to be worth waiting for"),
        pytest.param(
            QUICK_BYTES,
            Budget(7, 2, useless=1, cut=6, steps=2, waited_s=sum(PIPS_WAITS_S)),
            id="many bytes: as many attempts, and waits, as one request of pip's",
        ),
    ],
)
def test_a_large_body_without_anything_new_counts_more_than_once(body_bytes: int | None, budget: Budget) -> None:
    assert spend(0)._replace(cut=MOST_QUICK).after(0, body_bytes, PIPS_WAITS_S) == budget


@pytest.mark.parametrize("retries", [0, 5, 20])
@pytest.mark.parametrize("resume_retries", [1, 4])
def test_with_fewer_retries_than_pips_default_large_bodies_without_anything_new_end_a_download_as_in_plain_pip(
    resume_retries: int, retries: int
) -> None:
    """Each of them is one of plain pip's --resume-retries, and none of its waits for a connection is due."""
    options = Options(resume_retries, connect_waits_s=connect_waits_s(retries, BACKOFF_FACTOR, LONGEST_WAIT_S))
    budget, bodies = Budget(), 0
    while bodies < 100 and not budget.is_spent(limits(options), idle_s=0.0):
        budget = budget.after(0, QUICK_BYTES, options.connect_waits_s)
        budget = budget.after_wait(budget.delay_s(limits(options), 0.0, 0.0))
        bodies += 1

    assert bodies == resume_retries + 1


def test_the_waits_follow_one_another_although_a_large_body_counts_as_many_attempts() -> None:
    allowed = Limits(100, 0.0, (0.0, 1.0, 2.0, 3.0, 4.0, 5.0))
    budget, delays_s = spend(0)._replace(cut=MOST_QUICK), []
    for _ in range(6):
        budget = budget.after(0, QUICK_BYTES, PIPS_WAITS_S)
        delays_s.append(budget.delay_s(allowed, 0.0, 0.0))

    assert delays_s == [1.0, 2.0, 3.0, 4.0, 5.0, 0.0]


def test_large_bodies_without_anything_new_are_counted_until_there_is_progress() -> None:
    budget = (
        spend(0)
        ._replace(cut=MOST_QUICK)
        .after(5, QUICK_BYTES, PIPS_WAITS_S)
        .after(0)
        .after(0, QUICK_BYTES, PIPS_WAITS_S)
    )

    assert (budget.failed, budget.without_progress, budget.gained, budget.useless) == (14, 4, 5, 2)
    assert budget.after(PROGRESS_BYTES, QUICK_BYTES, PIPS_WAITS_S) == Budget(
        1, 0, 0, PROGRESS_BYTES, small=2, cut=8, steps=1
    )


def test_the_first_small_connections_of_a_download_are_followed_at_once_and_a_large_one_does_not_allow_more() -> None:
    budget, delays_s = Budget(), []
    for number in range(9):
        budget = budget.after(QUICK_BYTES if number == 3 else 1, QUICK_BYTES if number == 3 else 1)
        delays_s.append(budget.delay_s(WITHOUT_LIMITS, 0.0, 0.0))

    assert delays_s == [0.0] * 6 + [1.25] * 3


@pytest.mark.parametrize(
    ("body_bytes", "most"),
    [(0, MOST_QUICK), (1, MOST_QUICK), (QUICK_BYTES - 1, MOST_QUICK), (QUICK_BYTES, MOST_QUICK_LARGE)],
)
def test_the_first_bodies_without_anything_new_are_followed_quickly_and_count_as_attempts(
    body_bytes: int, most: int
) -> None:
    budgets = [Budget()]
    for _ in range(most + 1):
        budgets.append(budgets[-1].after(0, body_bytes, PIPS_WAITS_S))

    assert [budget.is_quick for budget in budgets] == [False] + [True] * most + [False]
    assert [budget.delay_s(WITHOUT_LIMITS, 0.0, 0.0) for budget in budgets[1:-1]] == [REPEAT_DELAY_S] * most
    assert budgets[-1].failed == (most + 1) * (6 if body_bytes >= QUICK_BYTES else 1)
    assert budgets[-1].useless == (body_bytes >= QUICK_BYTES)


@pytest.mark.parametrize(
    ("useless", "idle_s", "delay_s"),
    [
        pytest.param(0, 0.0, 0.5, id="none"),
        pytest.param(1, 0.0, 2.0, id="one: two seconds"),
        pytest.param(2, 0.0, 4.0, id="two: doubled"),
        pytest.param(5, 0.0, 32.0, id="five: doubled each time"),
        pytest.param(6, 0.0, 60.0, id="six: a minute at most"),
        pytest.param(5000, 0.0, 60.0, id="5000: still a minute"),
        pytest.param(1, 100.0, 10.5, id="a long outage counts more"),
    ],
)
def test_large_bodies_without_anything_new_are_requested_less_and_less_often(
    useless: int, idle_s: float, delay_s: float
) -> None:
    budget = Budget(failed=1, without_progress=1, useless=useless)

    assert budget.delay_s(WITHOUT_LIMITS, idle_s, chance=0.0) == delay_s
    assert budget.delay_s(WITHOUT_LIMITS, idle_s, chance=1.0) == 0.75 * delay_s


def test_an_attempt_that_costs_no_body_does_not_wait_because_of_useless_bodies() -> None:
    budget = Budget(failed=1, without_progress=1, useless=5)

    assert budget.delay_s(WITHOUT_LIMITS, 10.0, chance=0.0, is_cheap=True) == 1.5
    assert budget.delay_s(WITHOUT_LIMITS, 10.0, chance=0.0) == 32.0


def test_of_two_limits_the_larger_one_allows_more_attempts() -> None:
    few, many, as_many = Limits(5, 300.0), Limits(6, 0.0), Limits(6, 60.0)

    assert larger(few, many) == larger(many, few) == many
    assert larger(many, as_many) == as_many
    assert larger(as_many, many) == many


def test_pips_own_retries_of_a_request_count_as_attempts_with_their_waits() -> None:
    budget = Budget().after_retries(PIPS_WAITS_S)

    assert (budget.failed, budget.waited_s) == (5, 7.5)
    assert budget.after_retries(PIPS_WAITS_S) == Budget(10, waited_s=15.0, steps=10)
    assert budget.after(0).is_spent(limits_before_response(Options(), Reached.NONE), idle_s=0.0)


@pytest.mark.parametrize(
    ("gains", "idle_s", "delays_s"),
    [
        pytest.param([QUICK_BYTES], 0.0, (0, 0, 0), id="no wait after 64 KiB"),
        pytest.param([0, QUICK_BYTES], 1000.0, (0, 0, 0), id="no wait after 64 KiB, however long the outage was"),
        pytest.param([QUICK_BYTES - 1], 0.0, (0, 0, 0), id="no wait after the first one with less"),
        pytest.param([1], 0.0, (0, 0, 0), id="no wait after the first one with one byte"),
        pytest.param([QUICK_BYTES - 1] * 2, 0.0, (1.25, 1.25, 1.25), id="one second after the second one with less"),
        pytest.param([PROGRESS_BYTES] * 2, 0.0, (1.25, 1.25, 1.25), id="one second after little progress"),
        pytest.param([1, 0, 1], 0.0, (1.25, 1.25, 1.25), id="one second after one byte"),
        pytest.param([1, QUICK_BYTES, 1], 0.0, (0, 0, 0), id="much between two with less"),
        pytest.param([1] + [0] * 20 + [1], 1000.0, (1.25, 1.25, 1.25), id="one second, however long the outage was"),
        pytest.param([0], 0.0, (0.5, 0.4375, 0.375), id="half a second after nothing, less with jitter"),
        pytest.param([QUICK_BYTES, 0], 0.0, (0.5, 0.4375, 0.375), id="nothing after much"),
        pytest.param([0, 0], 10.0, (1.5, 1.3125, 1.125), id="and a tenth of the outage"),
        pytest.param([0] * 3, 145.0, (15, 13.125, 11.25), id="at most 15 s"),
        pytest.param([0] * 3, 86_400.0, (15, 13.125, 11.25), id="after a day still 15 s"),
    ],
)
def test_the_wait_follows_from_the_new_bytes_and_from_the_outage(
    gains: list[int], idle_s: float, delays_s: tuple[float, float, float]
) -> None:
    budget = spend(*gains)

    assert tuple(budget.delay_s(WITHOUT_LIMITS, idle_s, chance) for chance in (0.0, 0.5, 1.0)) == delays_s


def test_given_waits_are_used_again_and_again_without_jitter() -> None:
    limits = Limits(100, 0.0, (0.0, 0.5, 4.0))

    waits_s = [spend(*[0] * failed).delay_s(limits, idle_s=1000.0, chance=0.9) for failed in range(1, 8)]

    assert waits_s == [0.0, 0.5, 4.0, 0.0, 0.5, 4.0, 0.0]


def test_new_bytes_count_more_than_given_waits() -> None:
    limits = Limits(100, 0.0, (2.0,))

    assert [spend(*gains).delay_s(limits, 0.0, 0.0) for gains in ([QUICK_BYTES], [1, 1], [1, 0])] == [0.0, 1.25, 2.0]


@pytest.mark.parametrize("brought", [1, 500, PROGRESS_BYTES, QUICK_BYTES - 1])
def test_one_file_causes_at_most_thirty_requests_in_thirty_seconds_if_each_brings_little(brought: int) -> None:
    budget, starts_s, now_s = Budget(), list[float](), 0.0
    while now_s < 120:
        starts_s.append(now_s)
        budget = budget.after(brought)
        now_s += budget.delay_s(limits(Options()), idle_s=0.0, chance=0.99)

    assert max(sum(start <= later < start + 30 for later in starts_s) for start in starts_s) <= 30


def test_the_end_of_an_outage_is_noticed_after_a_tenth_of_its_length_and_half_a_second() -> None:
    budget, idle_s = spend(QUICK_BYTES), 0.0
    while idle_s < 140:
        delay_s = budget.after(0).delay_s(limits(Options()), idle_s, chance=0.0)
        assert delay_s <= 0.1 * idle_s + 0.5
        idle_s += delay_s


def test_after_a_long_silence_the_wait_is_short_however_long_the_outage_is() -> None:
    budget = Budget().after(0)

    assert budget.delay_s(limits(Options()), idle_s=120.0, chance=0.0, attempt_s=15.0) == 1.5
    assert budget.delay_s(limits(Options()), idle_s=120.0, chance=0.0, attempt_s=12.0) == 12.5
    assert budget.delay_s(limits(Options()), idle_s=5.0, chance=0.0, attempt_s=15.0) == 1.0


def test_with_many_retries_the_waits_are_as_long_as_those_of_plain_pip_on_average() -> None:
    """Else a server that is silent is requested thousands of times, until plain pip would give up."""
    options = Options(retries=30, connect_waits_s=connect_waits_s(20, 0.25, 120))
    mean_s = 30 * sum(options.connect_waits_s) / (30 * 21)

    assert mean_s > MAX_DELAY_S
    assert limits(options).mean_wait_s == pytest.approx(mean_s)
    late = spend(*[0] * 100)
    assert late.delay_s(limits(options), 100_000.0, 0.0, attempt_s=16.0) == pytest.approx(mean_s)
    assert late.delay_s(limits(options), 100_000.0, 0.0, attempt_s=100_000.0) == pytest.approx(mean_s)
    assert spend(0).delay_s(limits(options), 10.0, 0.0) == 1.5


@pytest.mark.parametrize(("failed", "delay_s"), [(1, 1.5), (2, 1.5), (3, 3.0), (4, 4.5), (5, 6.0)])
def test_with_many_retries_the_first_waits_after_a_silence_are_short(failed: int, delay_s: float) -> None:
    """A silence of 30 s, --retries 10: plain pip waits for half a second before its third request."""
    options = Options(retries=30, connect_waits_s=connect_waits_s(20, 0.25, 120))

    assert spend(*[0] * failed).delay_s(limits(options), 100.0, 0.0, attempt_s=16.0) == delay_s
