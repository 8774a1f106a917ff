"""How long one pip waits while a different pip downloads the same artifact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import pytest
from unit.fakes import FakeClock, FakeDisplay

from pip_resume.artifact import Artifact, Digest
from pip_resume.engine.interfaces import Display
from pip_resume.engine.reading import Speeds
from pip_resume.engine.waiting import wait_for_other
from pip_resume.storage.store import Progress, Store

KIB, MIB = 1024, 1024**2
ARTIFACT = Artifact("https://index.test/a-1.whl", "a-1.whl", Digest("sha256", "0" * 64))


@dataclass
class FakeStore:
    """A store in which another pip downloads at given speeds, one after the other, and then releases the lock."""

    clock: FakeClock
    speeds: Sequence[tuple[float, float]]
    """Pairs of seconds, and of bytes in each of them."""
    complete_length: int | None = None
    start_offset: int = 0
    asked_for: Artifact | None = None

    def __post_init__(self) -> None:
        self._started_s = self.clock.elapsed_s()

    def progress(self, artifact: Artifact) -> Progress | None:
        self.asked_for = artifact
        passed_s, offset = self.clock.elapsed_s() - self._started_s, float(self.start_offset)
        for lasting_s, bytes_per_s in self.speeds:
            offset += bytes_per_s * min(passed_s, lasting_s)
            passed_s -= lasting_s
            if passed_s < 0:
                return Progress(round(offset), self.complete_length)
        return None


def wait(store: FakeStore, display: FakeDisplay | None = None, fastest: float = 0.0) -> tuple[bool, float]:
    """Wait for the other pip; return whether that succeeded, and how many seconds it took."""
    speeds, before_s = Speeds(), store.clock.elapsed_s()
    speeds.fastest = fastest
    has_ended = wait_for_other(
        cast("Store", store), ARTIFACT, cast("Display", display or FakeDisplay()), store.clock, speeds
    )
    assert store.asked_for == ARTIFACT
    return has_ended, store.clock.elapsed_s() - before_s


@pytest.mark.parametrize(
    ("speeds", "fastest"),
    [
        pytest.param([(600, 10 * KIB)], 0.0, id="10 KiB/s"),
        pytest.param([(600, MIB)], 4 * MIB, id="a quarter of the fastest connection"),
        pytest.param([(600, 10 * KIB)], 40 * KIB, id="10 KiB/s, a quarter of the fastest connection"),
        pytest.param([(29, 0)], 0.0, id="nothing for 29 s"),
        pytest.param([(29, 0), (600, 20 * MIB)], 0.0, id="nothing for 29 s, then fast"),
        pytest.param([(15, 0), (15, 20 * KIB)] * 20, 0.0, id="fast enough on average of 30 s"),
    ],
)
def test_a_pip_that_is_fast_enough_is_waited_for_to_its_end(speeds: list[tuple[float, float]], fastest: float) -> None:
    has_ended, waited_s = wait(FakeStore(FakeClock(), speeds), fastest=fastest)

    assert has_ended
    assert sum(lasting_s for lasting_s, _ in speeds) <= waited_s < sum(lasting_s for lasting_s, _ in speeds) + 1


@pytest.mark.parametrize(
    ("speeds", "fastest", "left_after_s"),
    [
        pytest.param([(600, 0)], 0.0, 30, id="nothing"),
        pytest.param([(600, 10 * KIB - 1)], 0.0, 30, id="less than 10 KiB/s"),
        pytest.param([(600, 10 * KIB)], 40 * KIB + 10, 30, id="less than a quarter of the fastest connection"),
        pytest.param([(60, MIB), (600, 0)], 0.0, 90, id="fast for a minute, then nothing"),
        pytest.param([(29, 0), (1, 1), (600, 0)], 0.0, 30, id="one byte in the 30th second"),
    ],
)
def test_a_pip_that_is_too_slow_over_thirty_seconds_is_left(
    speeds: list[tuple[float, float]], fastest: float, left_after_s: float
) -> None:
    assert wait(FakeStore(FakeClock(), speeds), fastest=fastest) == (False, left_after_s)


def test_a_lock_that_is_free_costs_no_time() -> None:
    store = FakeStore(FakeClock(), [])

    assert wait(store) == (True, 0.0)
    assert store.clock.slept_s == []


def test_a_pip_that_starts_over_gets_thirty_seconds_again() -> None:
    clock = FakeClock()
    store = FakeStore(clock, [(20, MIB), (1, -20 * MIB), (29, 0), (600, 0)])

    has_ended, waited_s = wait(store)

    assert not has_ended
    # Its bytes become fewer until the 21st second, and none come in the 30 s after that.
    assert 51 <= waited_s <= 51.5


def test_bytes_that_were_there_before_do_not_count() -> None:
    assert wait(FakeStore(FakeClock(), [(600, 0)], start_offset=100 * MIB)) == (False, 30.0)


def test_the_user_sees_how_far_the_other_pip_is() -> None:
    display = FakeDisplay()

    wait(FakeStore(FakeClock(), [(1.25, MIB)], complete_length=2 * MIB, start_offset=MIB // 2), display)

    assert display.others == [(MIB // 2, 2 * MIB), (MIB, 2 * MIB), (3 * MIB // 2, 2 * MIB)]


def test_another_look_follows_after_half_a_second_and_sooner_while_the_file_is_verified() -> None:
    clock = FakeClock()

    wait(FakeStore(clock, [(1, MIB), (0.25, 0)], complete_length=MIB))

    assert clock.slept_s == [0.5, 0.5, 0.1, 0.1, 0.1]


def test_an_unknown_length_is_never_reached() -> None:
    clock = FakeClock()

    wait(FakeStore(clock, [(1, 0)]))

    assert clock.slept_s == [0.5, 0.5]


def test_a_pip_is_not_slow_because_the_computer_slept() -> None:
    clock = FakeClock(overslept_s=3600.0)
    # 20 looks in 20 hours, at 100 bytes per second.
    store = FakeStore(clock, [(3600 * 20, 100)])

    assert wait(store)[0]


def test_a_wait_counts_at_most_five_seconds_more_than_it_should_take() -> None:
    clock = FakeClock(overslept_s=3600.0)

    assert not wait(FakeStore(clock, [(3600 * 20, 0)]))[0]
    # Each counts as 5.5 s: the sixth ends the first 30 s.
    assert clock.slept_s == [0.5] * 6
