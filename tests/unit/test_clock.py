"""Time without the seconds in which the computer slept, and the clock of this machine."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.fakes import FakeClock

from pip_resume.engine.clock import SLACK_S, Stopwatch, SystemClock


@pytest.mark.parametrize(
    ("passed_s", "longest_s", "elapsed_s"),
    [
        pytest.param(3.0, 15.0, 3.0, id="less than the limit"),
        pytest.param(15.0, 15.0, 15.0, id="the limit"),
        pytest.param(20.0, 15.0, 20.0, id="five seconds late"),
        pytest.param(20.5, 15.0, 20.0, id="more than five seconds late"),
        pytest.param(8 * 3600.0, 15.0, 20.0, id="a night with the lid closed"),
        pytest.param(8 * 3600.0, 0.0, 5.0, id="a night, while nothing was waited for"),
        pytest.param(0.0, 15.0, 0.0, id="no time"),
    ],
)
def test_a_lap_counts_at_most_its_limit_and_five_seconds(passed_s: float, longest_s: float, elapsed_s: float) -> None:
    clock = FakeClock()
    watch = Stopwatch(clock)

    clock.advance(passed_s)

    assert watch.lap(longest_s) == watch.elapsed_s == elapsed_s


def test_laps_add_up_and_time_between_them_counts_once() -> None:
    clock = FakeClock()
    watch = Stopwatch(clock)
    assert watch.elapsed_s == 0.0

    clock.advance(2.0)
    watch.lap(10.0)
    clock.advance(3600.0)
    watch.lap(10.0)
    clock.advance(4.0)

    assert watch.elapsed_s == 17.0
    assert watch.lap(10.0) == 21.0
    assert watch.lap(10.0) == 21.0


@given(st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 600))))
def test_a_stopwatch_never_goes_back_and_counts_no_more_than_what_has_passed(laps: list[tuple[float, float]]) -> None:
    clock = FakeClock(passed_s=0.0)
    watch, before_s = Stopwatch(clock), 0.0
    for passed_s, longest_s in laps:
        clock.advance(passed_s)
        now_s = watch.lap(longest_s)
        # The sums are of the same numbers, but rounded in a different order.
        assert before_s <= now_s <= before_s + longest_s + SLACK_S + 1e-6
        assert now_s <= clock.elapsed_s() + 1e-6
        before_s = now_s


def test_the_clock_of_this_machine_is_pythons(monkeypatch: pytest.MonkeyPatch) -> None:
    slept_s: list[float] = []
    monkeypatch.setattr(time, "time", lambda: 5.0)
    monkeypatch.setattr(time, "monotonic", lambda: 7.0)
    monkeypatch.setattr(time, "sleep", slept_s.append)
    clock = SystemClock()

    clock.sleep_s(2.5)

    assert (clock.now_s(), clock.elapsed_s(), slept_s) == (5.0, 7.0, [2.5])


def test_chance_is_a_number_from_0_to_below_1_and_not_always_the_same() -> None:
    numbers = [SystemClock().chance() for _ in range(100)]

    assert all(0 <= number < 1 for number in numbers)
    assert len(set(numbers)) > 1
