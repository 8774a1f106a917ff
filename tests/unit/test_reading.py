"""The blocks in which a body is read: their sizes, their end, and the speed of the connection."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.fakes import FakeClock

from pip_resume.engine.clock import Stopwatch
from pip_resume.engine.reading import BLOCK_BYTES, SPEED_WINDOW_S, Speeds, SpeedWatch, blocks
from pip_resume.errors import ConnectionLost
from pip_resume.protocol.messages import ResponseHead
from pip_resume.protocol.verdicts import Action, Verdict

KIB = 1024
FAST = 100 * KIB
TIMEOUT_S = 15.0
LOST = ConnectionLost("reset by peer")


class Body:
    """A response whose bytes, or whose error, arrive at given times; and the clock that measures them.

    After the last arrival the body ends.
    """

    def __init__(self, arrivals: Sequence[tuple[float, bytes | ConnectionLost]]) -> None:
        """Each arrival has its time in seconds after the response."""
        self.head = ResponseHead(206, {})
        self.timeout_s = TIMEOUT_S
        self.clock = FakeClock()
        self.sizes: list[int] = []
        """The sizes that were requested."""
        self._arrivals = list(arrivals)
        self._start_s = self.clock.elapsed_s()

    @property
    def now_s(self) -> float:
        """Seconds since the response."""
        return self.clock.elapsed_s() - self._start_s

    def read(self, size: int) -> bytes:
        self.sizes.append(size)
        if not self._arrivals:
            return b""
        at_s, arrived = self._arrivals.pop(0)
        self.clock.advance(max(at_s - self.now_s, 0.0))
        if isinstance(arrived, ConnectionLost):
            raise arrived
        if len(arrived) > size:
            self._arrivals.insert(0, (at_s, arrived[size:]))
            return arrived[:size]
        return arrived

    def has_more(self, wait_s: float) -> bool:
        missing_s = max(self._arrivals[0][0] - self.now_s, 0.0) if self._arrivals else 0.0
        self.clock.advance(min(missing_s, wait_s))
        return missing_s <= wait_s

    def close(self) -> None: ...


def verdict_until(end: int | None, first_pos: int = 0) -> Verdict:
    return Verdict(Action.APPEND, "a row", first_pos=first_pos, end=end)


def read(
    body: Body, verdict: Verdict | None = None, speeds: Speeds | None = None, *, can_resume: bool = True
) -> list[tuple[float, bytes]]:
    """Return the blocks of a body, each with the time at which it came. Raises ConnectionLost."""
    watch = Stopwatch(body.clock)
    speed = SpeedWatch(speeds or Speeds(), watch, lambda: can_resume)
    return [(body.now_s, bytes(block)) for block in blocks(body, verdict or verdict_until(None), watch, speed)]


def steadily(bytes_per_s: float, for_s: float, step_s: float = 0.01) -> list[tuple[float, bytes | ConnectionLost]]:
    """Return arrivals at a constant speed."""
    steps = round(for_s / step_s)
    return [((step + 1) * step_s, bytes(round(bytes_per_s * step_s))) for step in range(steps)]


@pytest.mark.parametrize(
    ("verdict", "length"),
    [
        pytest.param(verdict_until(None), 600_000, id="up to the end of the body"),
        pytest.param(verdict_until(600_000), 600_000, id="up to the end of the range"),
        pytest.param(verdict_until(550_000, first_pos=50_000), 500_000, id="without the surplus"),
        pytest.param(verdict_until(50_001, first_pos=50_000), 1, id="one byte"),
        pytest.param(verdict_until(50_000, first_pos=50_000), 0, id="no byte"),
        pytest.param(verdict_until(700_000), 600_000, id="a body that ends early"),
    ],
)
def test_the_blocks_of_a_body_end_where_the_verdict_says(verdict: Verdict, length: int) -> None:
    content = random.Random(1).randbytes(600_000)
    body = Body([(0.0, content[:100]), (0.0, content[100:])])

    found = [block for _, block in read(body, verdict)]

    assert b"".join(found) == content[:length]
    assert all(0 < len(block) <= BLOCK_BYTES for block in found)
    assert bool(body.sizes) == (length > 0)


def test_what_has_arrived_is_one_block_of_up_to_256_kib() -> None:
    body = Body([(0.0, bytes(1000))] * 600)

    assert [len(block) for _, block in read(body)] == [262_144, 262_144, 600_000 - 2 * 262_144]
    assert body.now_s == 0.0


def test_a_read_asks_for_no_more_than_the_block_lacks() -> None:
    body = Body([(0.0, bytes(1000)), (0.0, bytes(BLOCK_BYTES))])

    read(body)

    assert body.sizes[:3] == [BLOCK_BYTES, BLOCK_BYTES - 1000, BLOCK_BYTES]


@pytest.mark.parametrize(
    ("compared", "sizes"),
    [
        pytest.param(0, [262_144, 37_856], id="nothing"),
        pytest.param(65_536, [65_536, 234_464], id="an overlap"),
        pytest.param(270_000, [262_144, 7_856, 30_000], id="more than a block"),
        pytest.param(400_000, [262_144, 37_856], id="more than the body"),
    ],
)
def test_what_is_compared_with_bytes_held_ends_a_block(compared: int, sizes: list[int]) -> None:
    body = Body([(0.0, bytes(300_000))])
    watch = Stopwatch(body.clock)
    speed = SpeedWatch(Speeds(), watch, lambda: True)

    found = list(blocks(body, verdict_until(300_000), watch, speed, compared))

    assert [len(block) for block in found] == sizes


def test_a_read_asks_for_no_more_than_the_range_has() -> None:
    body = Body([(0.0, bytes(60)), (0.0, bytes(60))])

    read(body, verdict_until(1100, first_pos=1000))

    assert body.sizes == [100, 40]


def test_bytes_that_have_arrived_wait_a_tenth_of_a_second_for_more() -> None:
    body = Body([(5.0, b"a"), (5.06, b"b"), (5.09, b"c"), (5.11, b"d"), (9.0, b"e")])

    assert [(round(at_s, 2), block) for at_s, block in read(body)] == [(5.1, b"abc"), (5.21, b"d"), (9.0, b"e")]


def test_a_steady_connection_gives_a_block_every_tenth_of_a_second() -> None:
    found = read(Body(steadily(FAST, for_s=10)))

    assert sum(len(block) for _, block in found) == 1000 * round(FAST / 100)
    assert 90 <= len(found) <= 100


def test_bytes_before_an_error_come_before_it() -> None:
    body = Body([(0.0, b"a"), (0.05, b"b"), (0.06, LOST)])
    watch, found = Stopwatch(body.clock), list[bytes]()

    with pytest.raises(ConnectionLost) as error:
        found.extend(map(bytes, blocks(body, verdict_until(100), watch, SpeedWatch(Speeds(), watch, lambda: True))))

    assert found == [b"ab"]
    assert error.value is LOST


def test_an_error_without_bytes_before_it_gives_no_block() -> None:
    body = Body([(0.0, LOST)])
    watch = Stopwatch(body.clock)

    found = blocks(body, verdict_until(100), watch, SpeedWatch(Speeds(), watch, lambda: True))

    with pytest.raises(ConnectionLost, match="reset by peer"):
        next(found)


def test_nothing_is_read_after_the_end_of_a_range() -> None:
    body = Body([(0.0, bytes(100)), (0.0, LOST)])

    assert len(read(body, verdict_until(100))) == 1


def test_a_read_counts_as_its_timeout_and_five_seconds_at_most() -> None:
    body = Body([(8 * 3600.0, b"a")])
    watch = Stopwatch(body.clock)

    list(blocks(body, verdict_until(1), watch, SpeedWatch(Speeds(), watch, lambda: True)))

    assert watch.elapsed_s == TIMEOUT_S + 5


def test_a_failed_read_counts_as_well() -> None:
    body = Body([(12.0, LOST)])
    watch = Stopwatch(body.clock)

    with pytest.raises(ConnectionLost):
        list(blocks(body, verdict_until(1), watch, SpeedWatch(Speeds(), watch, lambda: True)))

    assert watch.elapsed_s == 12.0


def test_a_body_that_becomes_slower_than_1_kib_per_second_counts_as_a_lost_connection() -> None:
    body = Body([*steadily(FAST, for_s=60), *((60.0 + second, bytes(1000)) for second in range(1, 600))])
    watch, found = Stopwatch(body.clock), list[bytes]()

    with pytest.raises(ConnectionLost, match="much slower than before"):
        found.extend(map(bytes, blocks(body, verdict_until(None), watch, SpeedWatch(Speeds(), watch, lambda: True))))

    # The window in which it became slow has fast bytes as well. The next one has none.
    assert 90 <= body.now_s <= 121.5
    assert sum(map(len, found)) >= 60 * FAST + 30_000


def test_the_first_connection_of_a_run_is_kept_however_slow_it_is() -> None:
    assert len(read(Body([(float(second), b"a") for second in range(1, 600)]))) == 599


def test_a_connection_that_no_other_can_continue_is_kept_however_slow_it_is() -> None:
    speeds = Speeds()
    speeds.note(100 * FAST, 1.0)

    assert len(read(Body([(float(second), b"a") for second in range(1, 600)]), speeds=speeds, can_resume=False)) == 599


def speeds_with(fastest: float) -> Speeds:
    speeds = Speeds()
    speeds.note(round(fastest * 10), 10.0)
    assert speeds.fastest == fastest
    return speeds


def test_a_slow_connection_that_no_other_can_replace_is_kept_and_others_are_not_tried_again() -> None:
    clock = FakeClock()
    watch = Stopwatch(clock)
    tried_s: list[float] = []

    def cannot_resume() -> bool:
        tried_s.append(watch.elapsed_s)
        return False

    speed = SpeedWatch(speeds_with(FAST), watch, cannot_resume)
    for _window in range(3):
        clock.advance(SPEED_WINDOW_S)
        watch.lap(SPEED_WINDOW_S)
        speed.add(1)

    assert len(tried_s) == 1


def is_kept(size: int, window_s: float = SPEED_WINDOW_S, fastest: float = FAST, *, can_resume: bool = True) -> bool:
    """Whether a connection is kept that brought so many bytes in its first window."""
    clock = FakeClock()
    watch = Stopwatch(clock)
    speed = SpeedWatch(speeds_with(fastest), watch, lambda: can_resume)
    clock.advance(window_s)
    watch.lap(window_s)
    try:
        speed.add(size)
    except ConnectionLost:
        return False
    return True


@pytest.mark.parametrize(
    ("fastest", "slow"),
    [
        pytest.param(0, 0, id="no connection was measured"),
        pytest.param(400, 100, id="a quarter of a slow one"),
        pytest.param(4 * KIB, KIB, id="a quarter, which is 1 KiB/s"),
        pytest.param(100 * KIB, KIB, id="1 KiB/s"),
        pytest.param(128 * KIB, KIB, id="1 KiB/s, which is a 128th"),
        pytest.param(1024 * KIB, 8 * KIB, id="a 128th of a fast one"),
    ],
)
def test_what_is_slow_follows_from_the_fastest_connection(fastest: float, slow: float) -> None:
    assert speeds_with(fastest).slow == slow


@pytest.mark.parametrize(
    ("size", "window_s", "fastest", "kept"),
    [
        pytest.param(30 * KIB, 30.0, FAST, True, id="1 KiB/s"),
        pytest.param(30 * KIB - 1, 30.0, FAST, False, id="less than 1 KiB/s"),
        pytest.param(0, 29.9, FAST, True, id="nothing, in less than a window"),
        pytest.param(40 * KIB - 1, 40.0, FAST, False, id="a longer window"),
        pytest.param(40 * KIB, 40.0, FAST, True, id="a longer window, 1 KiB/s"),
        pytest.param(30 * 100, 30.0, 400.0, True, id="a quarter of the fastest connection"),
        pytest.param(30 * 100 - 1, 30.0, 400.0, False, id="less than a quarter of the fastest connection"),
        pytest.param(0, 30.0, 0.0, True, id="no connection was measured"),
        pytest.param(30 * 8 * KIB, 30.0, 1024.0 * KIB, True, id="a 128th of the fastest connection"),
        pytest.param(30 * 8 * KIB - 1, 30.0, 1024.0 * KIB, False, id="less than a 128th of the fastest connection"),
    ],
)
def test_a_connection_is_dropped_if_it_is_slow_and_one_of_this_run_was_much_faster(
    size: int, window_s: float, fastest: float, kept: bool
) -> None:
    assert is_kept(size, window_s, fastest) is kept
    assert is_kept(size, window_s, fastest, can_resume=False)


def test_every_window_is_measured_anew() -> None:
    clock, speeds = FakeClock(), speeds_with(FAST)
    watch = Stopwatch(clock)
    speed = SpeedWatch(speeds, watch, lambda: True)

    for size in (30 * KIB, 36 * FAST, 30 * KIB):
        clock.advance(30.0)
        watch.lap(30.0)
        speed.add(size)

    assert speeds.fastest == 1.2 * FAST
    clock.advance(30.0)
    watch.lap(30.0)
    with pytest.raises(ConnectionLost):
        speed.add(30 * KIB - 1)


def test_bytes_within_a_window_add_up() -> None:
    clock = FakeClock()
    watch = Stopwatch(clock)
    speed = SpeedWatch(speeds_with(FAST), watch, lambda: True)

    for _ in range(30):
        clock.advance(1.0)
        watch.lap(1.0)
        speed.add(KIB)


def test_after_three_slow_connections_the_network_counts_as_slow() -> None:
    speeds = speeds_with(FAST)
    dropped = 0
    for _ in range(10):
        clock = FakeClock()
        watch = Stopwatch(clock)
        speed = SpeedWatch(speeds, watch, lambda: True)
        clock.advance(30.0)
        watch.lap(30.0)
        try:
            speed.add(30 * 200)
        except ConnectionLost:
            dropped += 1

    assert dropped == 2
    assert speeds.fastest == 400.0


def test_a_shorter_time_than_half_a_second_counts_as_half_a_second() -> None:
    speeds = Speeds()
    assert speeds.fastest == 0.0

    speeds.note(400, 0.001)
    assert speeds.fastest == 800.0

    speeds.note(500, 0.5)
    assert speeds.fastest == 1000.0


def test_only_the_fastest_connection_counts() -> None:
    speeds = Speeds()
    for size in (1000, 3000, 2000):
        speeds.note(size, 1.0)

    assert speeds.fastest == 3000.0


def test_a_body_that_was_read_to_its_end_is_measured() -> None:
    speeds = Speeds()

    read(Body(steadily(FAST, for_s=2)), speeds=speeds)

    assert math.isclose(speeds.fastest, FAST, rel_tol=0.05)


def test_the_last_window_is_measured_from_its_own_start() -> None:
    clock, speeds = FakeClock(), Speeds()
    watch = Stopwatch(clock)
    clock.advance(100.0)
    watch.lap(100.0)
    speed = SpeedWatch(speeds, watch, lambda: True)

    clock.advance(2.0)
    watch.lap(2.0)
    speed.add(1000)
    speed.close()

    assert speeds.fastest == 500.0


@given(
    st.lists(st.tuples(st.floats(0, 3), st.binary(max_size=300)), max_size=30),
    st.none() | st.integers(0, 500),
    st.booleans(),
)
def test_every_byte_that_arrives_in_a_range_comes_once_and_in_order(
    steps: list[tuple[float, bytes]], length: int | None, is_lost: bool
) -> None:
    at_s = 0.0
    arrivals: list[tuple[float, bytes | ConnectionLost]] = []
    for wait_s, piece in steps:
        at_s += wait_s
        if piece:  # An empty piece would be the end.
            arrivals.append((at_s, piece))
    content = b"".join(piece for _, piece in steps)
    body = Body([*arrivals, *([(at_s, LOST)] if is_lost else [])])
    watch, found = Stopwatch(body.clock), list[bytes]()
    verdict = verdict_until(None if length is None else 7 + length, first_pos=7)

    try:
        found.extend(map(bytes, blocks(body, verdict, watch, SpeedWatch(Speeds(), watch, lambda: True))))
        has_ended = True
    except ConnectionLost:
        has_ended = False

    assert b"".join(found) == content[:length]
    assert has_ended == (not is_lost or (length is not None and length <= len(content)))
