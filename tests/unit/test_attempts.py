"""The attempts of one download: when they end, what they wait for, and what the user sees of them."""

from __future__ import annotations

from typing import cast

import pytest
from unit.fakes import FakeClock, FakeDisplay
from unit.plain_pip import tries_of

from pip_resume.engine.attempts import Attempts
from pip_resume.engine.clock import Stopwatch
from pip_resume.engine.interfaces import Display, Response
from pip_resume.errors import ConnectionLost, FailedAttempt, GaveUp, NoResponse, ServerBusy, Stage
from pip_resume.protocol.checkpoint import Checkpoint
from pip_resume.protocol.messages import Held, ResponseHead
from pip_resume.protocol.retry import (
    MOST_QUICK_LARGE,
    PROGRESS_BYTES,
    QUICK_BYTES,
    SHORT_DELAY_S,
    Limits,
    Options,
    Reached,
    limits,
    limits_before_response,
    limits_of_pip,
)
from pip_resume.protocol.trust import Costs

NOTHING = Held()
LOST = ConnectionLost("reset by peer")
UNANSWERED = NoResponse("connection refused")
RETRIES_ALONE = Options(patience_s=0.0)


class BusyResponse:
    head = ResponseHead(503, {})


def busy(retry_after_s: float | None) -> ServerBusy:
    return ServerBusy(cast("Response", BusyResponse()), retry_after_s)


class Download:
    """A download that only fails: its attempts, its clock, its display, and how many bytes it has."""

    def __init__(self, options: Options | None = None, first_limits: Limits | None = None) -> None:
        """Without ``first_limits`` the host has answered."""
        options = options or Options()
        self.clock = FakeClock()
        self.watch = Stopwatch(self.clock)
        self.display = FakeDisplay()
        self.offset = 0
        self.attempts = Attempts(
            first_limits or limits(options), options, cast("Display", self.display), self.clock, self.watch
        )

    def fail(
        self, lost: ConnectionLost = LOST, gained: int = 0, after_s: float = 0.0, costs: Costs = Costs.A_BODY
    ) -> bool:
        """Let an attempt fail that took so many seconds, and that brought the last of its bytes at their end."""
        self.clock.advance(after_s)
        self.watch.lap(after_s)
        if gained:
            self.attempts.bytes_arrived()
        self.offset += gained
        held = Held(self.offset, Checkpoint("a-1.whl", complete_length=10**9))
        return self.attempts.wait_after(lost, held, costs=costs)

    def bring_useless_bodies(self, number: int) -> None:
        """Let bodies of the file end that brought nothing new: each doubles the wait before the next one."""
        for _ in range(MOST_QUICK_LARGE + number):
            self.attempts.body_ended(QUICK_BYTES, 0)
            self.fail()

    def fail_until_given_up(self, lost: ConnectionLost = LOST) -> GaveUp:
        """Let attempts fail without a byte until the download is given up."""
        for _ in range(1000):
            try:
                self.fail(lost)
            except GaveUp as gave_up:
                return gave_up
        raise AssertionError("the download was not given up")


def test_by_default_a_download_is_given_up_after_five_minutes_and_thirty_requests() -> None:
    download = Download()
    download.fail(gained=QUICK_BYTES)

    gave_up = download.fail_until_given_up()

    assert 300 <= sum(download.clock.slept_s) < 315
    # The first attempt is the one that brought bytes.
    assert len(gave_up.report.attempts) >= 1 + tries_of(5).requests


def test_with_one_retry_an_outage_costs_what_it_costs_plain_pip() -> None:
    download = Download(Options(retries=1))
    download.fail(gained=QUICK_BYTES)

    gave_up = download.fail_until_given_up(UNANSWERED)

    requests = len(gave_up.report.attempts) - 1
    assert (requests, sum(download.clock.slept_s)) == tries_of(1) == (6, 7.5)


def test_without_patience_and_retries_the_first_loss_ends_the_download() -> None:
    download = Download(Options(retries=0))

    with pytest.raises(GaveUp):
        download.fail(gained=10 * QUICK_BYTES)
    assert download.clock.slept_s == []
    assert download.display.failures == []


def test_a_request_that_takes_long_spends_patience() -> None:
    download = Download()
    download.fail(gained=QUICK_BYTES)

    for _ in range(29):
        download.fail(after_s=60.0)
    with pytest.raises(GaveUp):
        download.fail(after_s=60.0)


def test_a_computer_that_slept_during_a_wait_has_spent_no_patience_on_it() -> None:
    download = Download()
    download.fail(gained=QUICK_BYTES)
    download.clock.overslept_s = 3600.0

    download.fail()

    # One wait of half a second: it counts as five seconds more.
    download.clock.overslept_s = 0.0
    download.fail()
    assert download.display.failures[-1].after_s == 5.5


def test_progress_renews_the_patience() -> None:
    download = Download()
    for _ in range(10):
        download.fail(gained=PROGRESS_BYTES, after_s=100.0)
        for _ in range(20):
            download.fail()

    assert len(download.display.failures) == 210


def test_the_time_counts_from_the_last_byte_and_not_from_the_end_of_its_connection() -> None:
    download = Download(Options(patience_s=100.0))
    download.attempts.bytes_arrived()
    download.offset = QUICK_BYTES
    # 40 s of silence follow the last byte.
    download.fail(after_s=40.0)

    download.fail()

    assert download.display.waits[0][1] == 40.0


def test_small_gains_that_add_up_to_progress_renew_the_patience() -> None:
    download = Download(RETRIES_ALONE)

    for _ in range(40):
        download.fail(gained=PROGRESS_BYTES // 4)

    assert set(download.display.delays_s) == {0.0, SHORT_DELAY_S}


def test_bytes_that_compare_equal_renew_the_attempts_and_the_time() -> None:
    download = Download(Options(patience_s=100.0))
    for _ in range(5):
        download.clock.advance(60.0)
        download.watch.lap(60.0)
        download.attempts.body_ended(PROGRESS_BYTES, PROGRESS_BYTES)
        download.fail()
        assert download.display.budgets[-1].failed == 1

    download.fail()

    assert download.display.delays_s[-1] < 1.0
    assert download.display.waits[-1][1] <= 2.0


def test_bytes_that_compare_equal_count_once() -> None:
    download = Download(RETRIES_ALONE)
    download.attempts.body_ended(PROGRESS_BYTES, PROGRESS_BYTES)
    download.fail()

    download.fail()

    assert [budget.failed for budget in download.display.budgets] == [1, 2]


def test_no_byte_that_compares_equal_is_no_progress() -> None:
    download = Download()
    download.fail(gained=QUICK_BYTES)
    download.clock.advance(50.0)
    download.watch.lap(50.0)
    download.attempts.body_ended(PROGRESS_BYTES, 0)

    download.fail()

    assert download.display.waits[0][1] == 50.0


def test_only_bytes_beyond_the_highest_offset_are_new() -> None:
    download = Download(RETRIES_ALONE)
    download.fail(gained=QUICK_BYTES)
    download.offset = 0
    for _ in range(4):
        download.fail()

    with pytest.raises(GaveUp) as error:
        download.fail(gained=QUICK_BYTES)
    assert [attempt.new_bytes for attempt in error.value.report.attempts] == [QUICK_BYTES] + [0] * 5


def test_what_an_earlier_run_has_stored_is_not_new() -> None:
    download = Download(RETRIES_ALONE)
    download.attempts.begin_at(QUICK_BYTES)
    download.offset = QUICK_BYTES

    download.fail(gained=5)

    assert download.display.failures[0].new_bytes == 5


def test_a_file_that_starts_over_is_new_again_three_times() -> None:
    download = Download(RETRIES_ALONE)
    new_bytes = []
    for _ in range(6):
        download.offset = 0
        download.attempts.begin_at(0)
        download.fail(gained=QUICK_BYTES)
        new_bytes.append(download.display.failures[-1].new_bytes)

    # The first begin is no start over.
    assert new_bytes == [QUICK_BYTES] * 4 + [0, 0]


def test_a_start_at_a_higher_offset_is_no_start_over() -> None:
    download = Download(RETRIES_ALONE)
    for offset in (1000, 2000, 3000, 3000, 4000):
        download.attempts.begin_at(offset)

    for expected in (500, 500, 500, 0):
        download.attempts.begin_at(0)
        download.offset = 0
        download.fail(gained=500)
        assert download.display.failures[-1].new_bytes == expected


def test_before_the_first_response_other_limits_hold() -> None:
    options = Options()
    download = Download(options, limits_before_response(options, Reached.NONE))
    assert not download.attempts.has_response

    gave_up = download.fail_until_given_up(UNANSWERED)

    assert len(gave_up.report.attempts) == 6
    assert sum(download.clock.slept_s) == 7.5


def test_the_limits_change_with_the_first_response_and_only_then() -> None:
    options = Options(retries=6)
    download = Download(options, limits_before_response(options, Reached.OTHER_HOST))
    download.fail(UNANSWERED)

    download.attempts.host_answered(is_useful=True)
    download.fail()
    download.attempts.host_answered(is_useful=True)
    download.fail()

    assert download.attempts.has_response
    assert [limit.idle_s for limit in download.display.limits] == [60.0, 300.0, 300.0]
    assert [limit.attempts for limit in download.display.limits] == [5, 36, 36]


def test_while_a_host_is_only_busy_the_limits_are_not_shorter_than_before_its_response() -> None:
    options = Options(retries=0)
    download = Download(options, limits_before_response(options, Reached.NONE))

    download.attempts.host_answered(is_useful=False)
    download.fail(busy(None))
    assert download.display.limits == [limits_before_response(options, Reached.NONE)]

    download.attempts.host_answered(is_useful=True)
    download.attempts.host_answered(is_useful=False)
    with pytest.raises(GaveUp):
        download.fail(busy(None))


def test_a_host_that_is_only_busy_is_worth_all_the_patience() -> None:
    download = Download(Options(), limits_before_response(Options(), Reached.NONE))

    download.attempts.host_answered(is_useful=False)
    download.fail(busy(None))

    assert download.display.limits == [limits(Options())]


def test_bodies_without_anything_new_are_requested_less_and_less_often() -> None:
    """A gateway that refuses Range and cuts every body at the same place: each try costs all bytes again."""
    download = Download()
    download.fail(gained=QUICK_BYTES)

    for _ in range(11):
        download.attempts.body_ended(QUICK_BYTES, 0)
        download.fail()
    download.attempts.body_ended(QUICK_BYTES, 0)
    with pytest.raises(GaveUp):
        download.fail()

    assert download.display.delays_s[1:] == [0.2] * 2 + [2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0, 60.0]


def test_the_first_bodies_without_anything_new_are_followed_as_soon_as_by_plain_pip_once_in_a_download() -> None:
    """A server that ignores Range and cuts twice at one place: plain pip does not wait at all."""
    download = Download()

    for _ in range(4):
        for _ in range(2):
            download.attempts.body_ended(PROGRESS_BYTES, 0)
            download.fail()
        download.fail(gained=QUICK_BYTES)

    quick = [0.2, 0.2, 0.0, 0.2, 0.2, 0.0, 0.2]
    assert (download.display.delays_s[:7], download.display.delays_s[7] >= 0.5) == (quick, True)


@pytest.mark.parametrize(
    ("failures", "further"),
    [
        pytest.param(0, 6, id="no plain request before: as many as plain pip sends"),
        pytest.param(2, 4, id="two before: they count"),
        pytest.param(6, 1, id="all of them: one in any case"),
        pytest.param(60, 1, id="more than all of them: still one"),
    ],
)
def test_before_the_end_there_are_as_many_plain_requests_as_in_plain_pip(failures: int, further: int) -> None:
    download = Download(Options(retries=1))
    for _ in range(6):
        download.fail(busy(None))
    with pytest.raises(GaveUp):
        download.fail(busy(None))

    download.attempts.allow_plain(failures)

    for _ in range(further - 1):
        download.fail(busy(None))
    with pytest.raises(GaveUp):
        download.fail(busy(None))


@pytest.mark.parametrize("retries", [1, 2, 4])
def test_few_retries_are_as_many_bodies_as_with_plain_pip(retries: int) -> None:
    download = Download(Options(retries=retries))
    download.fail(gained=QUICK_BYTES)

    for _ in range(retries - 1):
        download.attempts.body_ended(QUICK_BYTES, 0)
        download.fail()
    download.attempts.body_ended(QUICK_BYTES, 0)
    with pytest.raises(GaveUp):
        download.fail()


@pytest.mark.parametrize("reached", Reached)
def test_pips_own_retries_are_not_repeated_if_there_is_no_patience(reached: Reached) -> None:
    options = Options(retries=0)
    download = Download(options, limits_before_response(options, reached))
    download.attempts.pip_has_retried()

    with pytest.raises(GaveUp):
        download.fail(UNANSWERED)


def test_after_pips_own_retries_a_minute_follows_if_only_a_different_host_has_answered() -> None:
    options = Options()
    download = Download(options, limits_before_response(options, Reached.OTHER_HOST))
    download.attempts.pip_has_retried()

    download.fail_until_given_up(UNANSWERED)

    assert 60 <= sum(download.clock.slept_s) < 70


@pytest.mark.parametrize(
    ("retry_after_s", "slept_s"),
    [
        pytest.param(None, 0.5, id="none"),
        pytest.param(0.0, 0.5, id="at once"),
        pytest.param(0.25, 0.5, id="shorter than our own wait"),
        pytest.param(7.0, 7.0, id="longer"),
        pytest.param(3600.0, 3600.0, id="an hour"),
    ],
)
def test_retry_after_is_waited_out(retry_after_s: float | None, slept_s: float) -> None:
    download = Download()

    download.fail(busy(retry_after_s))

    assert sum(download.clock.slept_s) == slept_s
    assert download.display.delays_s == [slept_s]


def test_retry_after_is_waited_out_after_many_bytes_as_well() -> None:
    download = Download()

    download.fail(busy(7.0), gained=QUICK_BYTES)

    assert sum(download.clock.slept_s) == 7.0


def test_no_retry_after_is_waited_for_longer_than_pip_would() -> None:
    download = Download(Options(retry_after_cap_s=100.0))

    download.fail(busy(101.0))

    assert sum(download.clock.slept_s) == 100.0


def test_a_retry_after_longer_than_a_patience_that_was_set_ends_the_download() -> None:
    download = Download(Options(longest_retry_after_s=100.0))
    download.fail(busy(100.0))
    assert sum(download.clock.slept_s) == 100.0

    with pytest.raises(GaveUp) as error:
        download.fail(busy(100.5))

    assert error.value.report.retry_after_s == 100.5
    assert sum(download.clock.slept_s) == 100.0


def test_a_retry_after_is_not_named_as_the_reason_if_the_limits_are_spent() -> None:
    download = Download(Options(retries=0))

    with pytest.raises(GaveUp) as error:
        download.fail(busy(7.0))

    assert error.value.report.retry_after_s is None


def test_a_wait_is_slept_in_seconds_and_shown_in_each_of_them() -> None:
    download = Download()

    download.fail(busy(3.5), after_s=2.0)

    assert download.clock.slept_s == [1.0, 1.0, 1.0, 0.5]
    assert download.display.waits == [(3.5, 2.0), (2.5, 3.0), (1.5, 4.0), (0.5, 5.0)]


def test_no_wait_is_not_shown() -> None:
    download = Download()

    download.fail(gained=QUICK_BYTES)

    assert (download.clock.slept_s, download.display.waits) == ([], [])
    assert download.display.delays_s == [0.0]


def test_jitter_shortens_a_wait() -> None:
    download = Download()
    download.clock.number = 0.5

    download.fail()

    assert download.clock.slept_s == [0.4375]


def test_a_wait_counts_for_the_budget() -> None:
    download = Download()

    download.fail(busy(7.0))
    download.fail(busy(8.0))

    assert [budget.waited_s for budget in download.display.budgets] == [7.0, 15.0]


def test_the_user_sees_each_failed_attempt_with_its_history() -> None:
    download = Download()

    download.fail(gained=100_000, after_s=3.0)
    download.fail(UNANSWERED, after_s=2.0)

    assert download.display.failures == [
        FailedAttempt("reset by peer", 100_000, 100_000, 3.0, Stage.BODY, can_continue=False),
        FailedAttempt("connection refused", 100_000, 0, 5.0, Stage.REQUEST, can_continue=False),
    ]
    assert download.display.lengths == [10**9, 10**9]


def test_the_report_says_what_happened_and_what_is_held() -> None:
    download = Download(Options(retries=0))

    with pytest.raises(GaveUp) as error:
        download.fail(busy(None), gained=5, after_s=1.0)

    report = error.value.report
    assert (report.filename, report.offset, report.complete_length) == ("a-1.whl", 5, 10**9)
    assert report.attempts == (FailedAttempt("the server answered 503", 5, 5, 1.0, Stage.RESPONSE, can_continue=False),)
    assert not report.is_stored


def test_nothing_held_has_no_name_and_no_length() -> None:
    download = Download(Options(retries=0))

    with pytest.raises(GaveUp) as error:
        download.attempts.wait_after(UNANSWERED, NOTHING)

    assert (error.value.report.filename, error.value.report.complete_length) == ("", None)


def test_a_host_that_was_never_verified_is_tried_as_often_as_by_pip() -> None:
    """Its certificate may always be wrong."""
    download = Download()
    unverified = NoResponse("TLS: certificate verify failed", is_for_pip=True, is_unverified=True)

    download.fail_until_given_up(unverified)

    assert download.display.delays_s == list(Options().connect_waits_s)


def test_as_long_as_range_is_only_refused_pips_own_retries_count() -> None:
    options = Options(retries=0)
    download = Download(options, limits_before_response(options, Reached.NONE))

    download.attempts.host_answered(is_useful=False)
    download.fail_until_given_up()

    assert len(download.display.delays_s) == len(options.connect_waits_s)


def test_after_a_page_in_the_place_of_a_range_pips_own_retries_count_as_before_it() -> None:
    options = Options(retries=0)
    download = Download(options, limits_before_response(options, Reached.NONE))

    download.attempts.host_answered(is_useful=True)
    download.attempts.response_was_useless()
    download.fail_until_given_up()

    assert len(download.display.delays_s) == len(options.connect_waits_s)


def test_a_page_after_a_part_of_the_file_changes_no_limits() -> None:
    options = Options(retries=0)
    download = Download(options, limits_before_response(options, Reached.NONE))

    download.attempts.host_answered(is_useful=True)
    download.attempts.host_answered(is_useful=True)
    download.attempts.response_was_useless()
    download.fail_until_given_up()

    assert download.display.delays_s == []


def test_ranges_that_cost_nothing_are_sent_while_the_wait_for_a_plain_request_lasts() -> None:
    plain, download = Download(), Download()
    for each in (plain, download):
        each.fail(gained=QUICK_BYTES)
        each.bring_useless_bodies(4)
        each.clock.slept_s.clear()

    plain.fail()
    put_off = [download.fail(costs=Costs.A_BODY_OR_NONE, after_s=0.1)]
    while put_off[-1]:
        put_off.append(download.fail(costs=Costs.A_BODY_OR_NONE, after_s=0.1))

    assert put_off == [True, True, True, False]
    assert max(download.clock.slept_s) < 5.0 < sum(plain.clock.slept_s)
    # The plain request is sent when it would have been sent anyway.
    assert sum(download.clock.slept_s) + 0.1 * len(put_off[1:]) == pytest.approx(sum(plain.clock.slept_s))


@pytest.mark.parametrize(
    ("options", "useless", "after_s"),
    [
        pytest.param(Options(), 4, 20.0, id="the range took longer than the wait"),
        pytest.param(Options(retries=4), 1, 0.0, id="attempts like plain pip's"),
        pytest.param(Options(retries=50, patience_s=0.0), 4, 0.0, id="the attempts alone count"),
    ],
)
def test_a_plain_request_is_not_put_off(options: Options, useless: int, after_s: float) -> None:
    download = Download(options)
    download.fail(gained=QUICK_BYTES)
    download.bring_useless_bodies(useless)

    assert download.fail(costs=Costs.A_BODY_OR_NONE, after_s=after_s) is False


def test_a_plain_request_is_not_put_off_when_the_patience_is_over() -> None:
    download = Download(Options(retries=1000))
    download.fail(gained=QUICK_BYTES)
    download.bring_useless_bodies(4)
    download.clock.advance(limits(Options(retries=1000)).idle_s)
    download.watch.lap(limits(Options(retries=1000)).idle_s)

    assert download.fail(costs=Costs.A_BODY_OR_NONE) is False


@pytest.mark.parametrize("lost", [UNANSWERED, NoResponse("certificate", is_unverified=True)], ids=str)
def test_the_rest_of_a_file_that_the_cache_has_in_part_gets_the_attempts_of_plain_pip(lost: ConnectionLost) -> None:
    first_limits = limits_before_response(Options(), Reached.NONE)
    download, cut = Download(None, first_limits), Download(None, first_limits)
    cut.attempts.cache_was_cut()

    attempts = [len(each.fail_until_given_up(lost).report.attempts) for each in (download, cut)]

    assert attempts == [1 + first_limits.attempts, 1 + limits_of_pip(Options()).attempts] == [6, 31]
