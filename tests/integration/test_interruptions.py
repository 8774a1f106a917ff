"""A connection that is lost again and again: the requests, the bytes, and what the user reads."""

from __future__ import annotations

import logging
import math
import re
from dataclasses import replace

import pytest
from integration.gateway import Gateway, Scripted
from integration.interrupted_downloads import COMPLETE, CONTENT, FIRST_HALF, HALF, PATH, Downloads, warnings
from integration.machine import ONE_ATTEMPT
from integration.samples import cut
from servers.fault_server import Answer, FaultServer, NoResponse, Then

from pip_resume.engine.reading import BLOCK_BYTES, CRAWLING_SHARE, SPEED_WINDOW_S, Speeds
from pip_resume.protocol.planning import OVERLAP_BYTES
from pip_resume.protocol.retry import DEFAULT_PATIENCE_S, MOST_QUICK, SHORT_DELAY_S


@pytest.fixture
def fast_run() -> Speeds:
    """A run of pip that has had a connection of 1 MB per second."""
    speeds = Speeds()
    speeds.note(10**6, 1.0)
    return speeds


@pytest.mark.parametrize("then", [Then.RESET, Then.DROP, Then.CLOSE])
def test_a_server_that_sends_a_tenth_per_connection_is_read_to_the_end_in_one_run(
    downloads: Downloads, server: FaultServer, then: Then
) -> None:
    server.plays(PATH, cut(COMPLETE, len(CONTENT) // 10, then))

    assert downloads.run(server.url(PATH)) == CONTENT

    attempts = len(server.requests(PATH))
    assert attempts >= 10
    assert server.fetched_twice(PATH) <= BLOCK_BYTES * (attempts - 1)
    assert downloads.waits_s == []


def test_two_hundred_lost_connections_in_one_download_cost_no_byte_and_three_lines(
    downloads: Downloads, http_server: FaultServer, caplog: pytest.LogCaptureFixture
) -> None:
    http_server.plays(PATH, cut(COMPLETE, 12_000, Then.DROP))

    assert downloads.run(http_server.url(PATH)) == CONTENT

    assert len(http_server.requests(PATH)) == http_server.connections == 200
    assert http_server.fetched_twice(PATH) == 0
    assert downloads.waits_s == pytest.approx([SHORT_DELAY_S] * (199 - MOST_QUICK))
    assert warnings(caplog) == [
        "Connection lost at 12 kB of 2.4 MB (closed early); resuming",
        "Connection lost at 24 kB of 2.4 MB (closed early); resuming",
        "Connection lost at 36 kB of 2.4 MB (closed early); resuming",
    ]
    assert caplog.messages[-1] == (
        "Resumed thing-1.0.tar.gz: 2.4 of 2.4 MB did not have to be downloaded again (connection lost 199 times)"
    )


def test_connections_that_bring_8_kib_cause_at_most_thirty_requests_in_thirty_seconds(
    downloads: Downloads, http_server: FaultServer
) -> None:
    """Field report 1.14."""
    http_server.plays(PATH, cut(COMPLETE, 8192, Then.DROP))

    assert downloads.run(http_server.url(PATH)) == CONTENT

    times_s = downloads.requested_s
    assert len(times_s) == 293
    assert max(sum(start_s <= time_s < start_s + 30 for time_s in times_s) for start_s in times_s) <= 30


@pytest.mark.parametrize(
    ("size", "waits_s"),
    [pytest.param(64 * 1024, [], id="64 KiB"), pytest.param(64 * 1024 - 1, [SHORT_DELAY_S], id="one byte less")],
)
def test_the_sixth_connection_that_brings_less_than_64_kib_is_followed_by_a_wait_of_a_second(
    size: int, waits_s: list[float], downloads: Downloads, http_server: FaultServer
) -> None:
    """Plain pip follows five such connections at once."""
    http_server.plays(PATH, *[cut(COMPLETE, size)] * (MOST_QUICK + 1), COMPLETE)

    assert downloads.run(http_server.url(PATH)) == CONTENT

    assert downloads.waits_s == waits_s


@pytest.mark.parametrize("then", [Then.GARBAGE_TLS, Then.BAD_MAC])
def test_a_tls_error_in_the_middle_of_a_body_costs_at_most_a_block(
    downloads: Downloads, https_server: FaultServer, then: Then, caplog: pytest.LogCaptureFixture
) -> None:
    https_server.plays(PATH, cut(COMPLETE, HALF, then), COMPLETE)

    assert downloads.run(https_server.url(PATH)) == CONTENT

    assert len(https_server.requests(PATH)) == https_server.connections == 2
    assert https_server.fetched_twice(PATH) <= BLOCK_BYTES
    assert len(warnings(caplog)) == 1
    assert "(TLS: " in warnings(caplog)[0]


def test_after_the_read_timeout_the_rest_is_requested_on_a_new_connection(
    downloads: Downloads, server: FaultServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.plays(PATH, cut(COMPLETE, HALF, Then.STALL), COMPLETE)
    downloads.session.timeout = 0.5

    assert downloads.run(server.url(PATH)) == CONTENT

    assert len(server.requests(PATH)) == server.connections == 2
    assert server.fetched_twice(PATH) == 0
    assert warnings(caplog) == ["Connection lost at 1.2 of 2.4 MB (read timed out); resuming"]


@pytest.mark.parametrize(
    ("then", "ending"),
    [
        pytest.param(Then.DROP, r"connection lost in the body: closed early|end of the body: LOST; row", id="closed"),
        pytest.param(Then.STALL, "connection lost in the body: read timed out", id="stalled"),
    ],
)
def test_the_log_has_every_request_response_lost_connection_and_end_with_the_bytes_held(
    downloads: Downloads, http_server: FaultServer, caplog: pytest.LogCaptureFixture, then: Then, ending: str
) -> None:
    caplog.set_level(logging.DEBUG, "pip._internal.network.download")
    http_server.plays(PATH, cut(COMPLETE, HALF, then), COMPLETE)
    downloads.session.timeout = 0.5

    assert downloads.run(http_server.url(PATH)) == CONTENT

    half, complete = (f"{size} of {len(CONTENT)} bytes held" for size in (HALF, len(CONTENT)))
    logged = [message for message in caplog.messages if message.startswith("pip-resume: ")]
    logged = [re.sub(r"row '[^']*' \(.*?\)", "row", message) for message in logged]
    # urllib3 1.26 takes an early end for the end of the body, and then a row tells that bytes are missing.
    assert re.fullmatch(rf"pip-resume: (?:{ending}); {half}", logged.pop(2))
    assert logged == [
        "pip-resume: GET; 0 bytes held, complete-length unknown",
        "pip-resume: 200: APPEND; row",
        f"pip-resume: GET from {HALF}; {half}",
        "pip-resume: 206: APPEND; row",
        f"pip-resume: end of the body: CHECK; row; {complete}",
    ]


def test_the_next_run_requests_the_overlap_and_the_rest(
    downloads: Downloads, server: FaultServer, caplog: pytest.LogCaptureFixture
) -> None:
    offset = len(CONTENT) * 6 // 10
    server.plays(PATH, cut(COMPLETE, offset), NoResponse())
    downloads.give_up(server.url(PATH), options=ONE_ATTEMPT)
    server.plays(PATH, COMPLETE)
    server.forget()

    assert downloads.run(server.url(PATH)) == CONTENT

    assert server.asked_ranges(PATH) == [f"bytes={offset - OVERLAP_BYTES}-"]
    assert caplog.messages[-1] == "Resumed thing-1.0.tar.gz: 1.4 of 2.4 MB did not have to be downloaded again"


def test_without_retries_the_first_lost_connection_ends_the_download_and_the_bytes_stay_stored(
    downloads: Downloads, http_server: FaultServer, caplog: pytest.LogCaptureFixture
) -> None:
    http_server.plays(PATH, FIRST_HALF, COMPLETE)

    report = downloads.give_up(http_server.url(PATH), options=ONE_ATTEMPT)

    assert len(http_server.requests(PATH)) == 1
    assert report.is_stored
    assert downloads.stored(http_server.url(PATH)) == CONTENT[:HALF]
    assert warnings(caplog) == []


def test_a_server_that_sends_one_byte_per_request_is_given_up_when_the_patience_is_spent(
    downloads: Downloads, http_server: FaultServer
) -> None:
    http_server.plays(PATH, cut(COMPLETE, 1, Then.DROP))

    report = downloads.give_up(http_server.url(PATH))

    # Bytes that are fewer than 4 KiB together are no progress.
    waits = math.ceil(DEFAULT_PATIENCE_S / SHORT_DELAY_S)
    assert downloads.waits_s == pytest.approx([SHORT_DELAY_S] * waits)
    # Before them come the first request, and those that follow at once.
    number = 1 + MOST_QUICK + waits
    assert http_server.asked_ranges(PATH) == [None, *[f"bytes={first}-" for first in range(1, number)]]
    assert report.offset == number


class TestMinimumSpeed:
    def test_a_slow_connection_is_replaced_by_a_new_one_if_this_run_has_had_a_faster_one(
        self, fast_run: Speeds, downloads: Downloads, server: FaultServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        server.plays(PATH, COMPLETE)

        assert downloads.run(server.url(PATH), rates=(100, 10**6), speeds=fast_run) == CONTENT

        # The first ranged request shows that the server answers. Its body is not read.
        assert server.asked_ranges(PATH) == [None, "bytes=3000-", "bytes=3000-"]
        assert server.connections == 3
        # 3000 bytes are less than the 4 KiB that count as progress.
        assert warnings(caplog) == [
            "Connection lost at 3.0 kB of 2.4 MB (much slower than before); trying again for up to 5 min"
        ]

    def test_after_three_slow_connections_the_fourth_is_kept(
        self, fast_run: Speeds, downloads: Downloads, http_server: FaultServer
    ) -> None:
        http_server.plays(PATH, COMPLETE)

        assert downloads.run(http_server.url(PATH), rates=(500,), speeds=fast_run) == CONTENT

        first, *later = [exchange.first_pos for exchange in http_server.requests(PATH)]
        assert first == 0
        assert (
            later[::2]
            == later[1::2]
            == [pytest.approx(number * 500 * SPEED_WINDOW_S, abs=500 * number) for number in (1, 2, 3)]
        )
        assert downloads.waits_s == []

    @pytest.mark.parametrize("rate", [10**6 // CRAWLING_SHARE + 1, 10_000])
    def test_a_connection_is_kept_if_it_is_less_than_a_hundred_times_slower_than_the_fastest_of_this_run(
        self, rate: int, fast_run: Speeds, downloads: Downloads, http_server: FaultServer
    ) -> None:
        http_server.plays(PATH, COMPLETE)

        assert downloads.run(http_server.url(PATH), rates=(rate,), speeds=fast_run) == CONTENT

        assert http_server.asked_ranges(PATH) == [None]

    def test_a_slow_connection_is_kept_if_this_run_has_had_no_faster_one(
        self, downloads: Downloads, http_server: FaultServer
    ) -> None:
        http_server.plays(PATH, COMPLETE)

        assert downloads.run(http_server.url(PATH), rates=(500,)) == CONTENT

        assert http_server.asked_ranges(PATH) == [None]

    def test_a_slow_connection_that_cannot_be_resumed_is_kept(
        self, fast_run: Speeds, downloads: Downloads, http_server: FaultServer
    ) -> None:
        """Range is ignored, so a new connection would start at 0."""
        http_server.plays(PATH, cut(COMPLETE, 100_000), replace(COMPLETE, ranges=False))

        assert downloads.run(http_server.url(PATH), rates=(10**6, 500), speeds=fast_run) == CONTENT

        assert http_server.asked_ranges(PATH) == [None, "bytes=100000-"]

    @pytest.mark.parametrize(
        "refusal",
        [
            *(Answer(403), Answer(503), Answer(416), NoResponse(Then.DROP)),
            pytest.param(replace(COMPLETE, ranges=False), id="the complete file"),
        ],
        ids=str,
    )
    def test_a_slow_connection_is_kept_if_the_server_refuses_requests_for_a_range(
        self, refusal: Scripted, fast_run: Speeds, downloads: Downloads, gateway: Gateway
    ) -> None:
        gateway.plays(PATH, COMPLETE)
        gateway.answers_ranges(PATH, refusal)

        assert downloads.run(gateway.url(PATH), rates=(500,), speeds=fast_run) == CONTENT

        first, *later = gateway.asked_ranges(PATH)
        assert first is None
        assert len(later) == 1
        assert downloads.waits_s == []

    def test_a_connection_that_becomes_slow_in_the_middle_of_a_block_is_noticed_within_two_windows(
        self, fast_run: Speeds, downloads: Downloads, http_server: FaultServer
    ) -> None:
        """Field report 1.17."""
        http_server.plays(PATH, cut(COMPLETE, 400_000), COMPLETE)

        assert downloads.run(http_server.url(PATH), rates=(10**6, 100, 10**6), speeds=fast_run) == CONTENT

        assert http_server.asked_ranges(PATH) == [None, "bytes=400000-", "bytes=403000-", "bytes=403000-"]
        assert downloads.requested_s[2] - downloads.requested_s[1] <= 2 * SPEED_WINDOW_S


class TestConnectionsThatDieWithinTheOverlap:
    """Field report 1.8: every connection ends before the overlap has arrived, also in every later run."""

    def test_with_a_hash_the_overlap_shrinks_by_what_compared_equal(
        self, downloads: Downloads, http_server: FaultServer
    ) -> None:
        http_server.plays(PATH, cut(COMPLETE, 1_000_000), cut(COMPLETE, 60_000), cut(COMPLETE, 60_000), COMPLETE)
        downloads.give_up(http_server.url(PATH), options=ONE_ATTEMPT)

        assert downloads.run(http_server.url(PATH)) == CONTENT

        first = 1_000_000 - OVERLAP_BYTES
        assert http_server.asked_ranges(PATH)[1:] == [
            f"bytes={first}-",
            f"bytes={first + 60_000}-",
            f"bytes={first + 120_000}-",
        ]

    @pytest.mark.parametrize("size", [60_000, 5_000])
    def test_each_later_run_ends_with_the_file(self, size: int, downloads: Downloads, http_server: FaultServer) -> None:
        http_server.plays(PATH, cut(COMPLETE, 1_500_000), cut(COMPLETE, size))
        downloads.give_up(http_server.url(PATH), options=ONE_ATTEMPT)

        assert downloads.run(http_server.url(PATH)) == CONTENT

        rest = len(CONTENT) - 1_500_000 + OVERLAP_BYTES
        assert len(http_server.requests(PATH)) == 1 + -(-rest // size)

    def test_each_later_run_gets_further_although_it_ends_at_its_first_lost_connection(
        self, downloads: Downloads, http_server: FaultServer
    ) -> None:
        """As with ``--resume-retries 0``: only the overlap can be lost, and that not twice."""
        http_server.plays(PATH, cut(COMPLETE, 1_100_000), cut(COMPLETE, OVERLAP_BYTES + 1000))
        offsets = [downloads.give_up(http_server.url(PATH), options=ONE_ATTEMPT).offset for _run in range(4)]

        assert offsets == [1_100_000, 1_101_000, 1_102_000, 1_103_000]

    def test_a_connection_below_the_minimum_speed_gets_through_the_overlap(
        self, fast_run: Speeds, downloads: Downloads, http_server: FaultServer
    ) -> None:
        http_server.plays(PATH, cut(COMPLETE, 2_300_000), COMPLETE)
        downloads.give_up(http_server.url(PATH), options=ONE_ATTEMPT)

        assert downloads.run(http_server.url(PATH), rates=(900,), speeds=fast_run) == CONTENT

        first, window = 2_300_000 - OVERLAP_BYTES, 900 * SPEED_WINDOW_S
        before, start, *later = [exchange.first_pos for exchange in http_server.requests(PATH)]
        assert (before, start) == (0, first)
        assert (
            later[::2]
            == later[1::2]
            == [pytest.approx(first + number * window, abs=900 * number) for number in range(1, 4)]
        )
