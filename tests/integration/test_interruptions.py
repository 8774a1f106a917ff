"""A connection that is lost again and again: the requests, the bytes, and what the user reads."""

from __future__ import annotations

import pytest
from integration.interrupted_downloads import COMPLETE, CONTENT, FIRST_HALF, HALF, PATH, Downloads, warnings
from integration.samples import cut
from servers.fault_server import FaultServer, NoResponse, Then

from pip_resume.engine.reading import BLOCK_BYTES
from pip_resume.protocol.planning import OVERLAP_BYTES


@pytest.mark.parametrize("then", [Then.RESET, Then.DROP, Then.CLOSE])
def test_a_server_that_sends_a_tenth_per_connection_is_read_to_the_end_in_one_run(
    downloads: Downloads, server: FaultServer, then: Then
) -> None:
    server.plays(PATH, cut(COMPLETE, len(CONTENT) // 10, then))

    assert downloads.run(server.url(PATH)) == CONTENT

    attempts = len(server.requests(PATH))
    assert attempts >= 10
    assert server.fetched_twice(PATH) <= BLOCK_BYTES * (attempts - 1)
    assert downloads.waits_s() == []


def test_two_hundred_lost_connections_in_one_download_cost_no_byte_and_no_wait(
    downloads: Downloads, http_server: FaultServer, caplog: pytest.LogCaptureFixture
) -> None:
    http_server.plays(PATH, cut(COMPLETE, 12_000, Then.DROP))

    assert downloads.run(http_server.url(PATH)) == CONTENT

    assert len(http_server.requests(PATH)) == http_server.connections == 200
    assert http_server.fetched_twice(PATH) == 0
    assert downloads.waits_s() == []
    assert len(warnings(caplog)) == 199
    assert warnings(caplog)[-1] == (
        "Connection lost at 2.4 MB of 2.4 MB (closed early); resuming, attempt 2 of 6 without progress"
    )


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
    assert server.fetched_twice(PATH) <= BLOCK_BYTES
    assert ["(read timed out); resuming," in warning for warning in warnings(caplog)] == [True]


def test_the_next_run_requests_the_overlap_and_the_rest(
    downloads: Downloads, server: FaultServer, caplog: pytest.LogCaptureFixture
) -> None:
    offset = len(CONTENT) * 6 // 10
    server.plays(PATH, cut(COMPLETE, offset), NoResponse())
    downloads.give_up(server.url(PATH))
    server.plays(PATH, COMPLETE)
    server.forget()

    assert downloads.run(server.url(PATH)) == CONTENT

    assert server.asked_ranges(PATH) == [f"bytes={offset - OVERLAP_BYTES}-"]
    assert caplog.messages[-1].endswith("1.4 MB of 2.4 MB did not have to be downloaded again")
    assert downloads.stored(server.url(PATH)) is None


def test_without_retries_the_first_lost_connection_ends_the_download_and_the_bytes_stay_stored(
    downloads: Downloads, http_server: FaultServer, caplog: pytest.LogCaptureFixture
) -> None:
    http_server.plays(PATH, FIRST_HALF, COMPLETE)

    report = downloads.give_up(http_server.url(PATH), retries=0)

    assert len(http_server.requests(PATH)) == 1
    assert report.is_stored
    assert downloads.stored(http_server.url(PATH)) == CONTENT[:HALF]
    assert warnings(caplog) == []


def test_a_server_that_sends_one_byte_per_request_is_given_up(downloads: Downloads, http_server: FaultServer) -> None:
    http_server.plays(PATH, cut(COMPLETE, 1, Then.DROP))

    report = downloads.give_up(http_server.url(PATH))

    assert http_server.asked_ranges(PATH) == [None, *[f"bytes={first}-" for first in range(1, 6)]]
    assert downloads.waits_s() == [0.5, 1, 2, 4, 8]
    assert report.offset == 6


def test_a_connection_below_the_minimum_speed_is_replaced_by_a_new_one(
    downloads: Downloads, server: FaultServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.plays(PATH, COMPLETE)

    assert downloads.run(server.url(PATH), rates=(100, 10**6)) == CONTENT

    assert server.asked_ranges(PATH) == [None, "bytes=4096-"]
    assert server.connections == 2
    assert warnings(caplog) == [
        "Connection lost at 4.1 kB of 2.4 MB (slower than 1 KiB/s); resuming, attempt 2 of 6 without progress"
    ]


def test_fifty_connections_below_the_minimum_speed_do_not_end_the_download(
    downloads: Downloads, http_server: FaultServer
) -> None:
    http_server.plays(PATH, COMPLETE)

    assert downloads.run(http_server.url(PATH), rates=(*[100.0] * 50, 10**6)) == CONTENT

    assert len(http_server.requests(PATH)) == 51
    assert downloads.waits_s() == []


@pytest.mark.parametrize("rate", [2048, 4096])
def test_a_slow_connection_above_the_minimum_speed_is_not_replaced(
    downloads: Downloads, http_server: FaultServer, rate: int
) -> None:
    http_server.plays(PATH, COMPLETE)

    assert downloads.run(http_server.url(PATH), rates=(rate,)) == CONTENT

    assert http_server.asked_ranges(PATH) == [None]
