"""A server that does not respond or is busy: the waits, the end of the retries, and what the user reads."""

from __future__ import annotations

import math
import socket
from collections.abc import Iterator
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from integration.fakes import FakeClock
from integration.interrupted_downloads import (
    COMPLETE,
    CONTENT,
    FIRST_HALF,
    HALF,
    PATH,
    REST_RANGE,
    Downloads,
    causes,
    warnings,
)
from integration.samples import cut
from servers.certificates import Certificates, issue_certificates
from servers.fault_server import Answer, FaultServer, Greeting
from servers.proxy import Proxy

from pip_resume.errors import PipError

DATE_S = 1_700_000_000.0


@pytest.mark.parametrize(
    ("greeting", "words"),
    [
        pytest.param(Greeting.CLOSE, "closed without a response", id="closed"),
        pytest.param(Greeting.RESET, "reset by peer", id="reset"),
        pytest.param(Greeting.HANG, "read timed out", id="timeout"),
    ],
)
def test_failed_connections_are_retried_with_backoff(
    downloads: Downloads, http_server: FaultServer, caplog: pytest.LogCaptureFixture, greeting: Greeting, words: str
) -> None:
    http_server.greets(Greeting.SERVE, greeting, greeting, Greeting.SERVE)
    http_server.plays(PATH, FIRST_HALF, COMPLETE)
    downloads.session.timeout = 0.5

    assert downloads.run(http_server.url(PATH)) == CONTENT

    assert warnings(caplog)[1:] == [
        f"No response ({words}); waiting 0.5 s before trying again, attempt 3 of 6 without progress",
        f"No response ({words}); waiting 1 s before trying again, attempt 4 of 6 without progress",
    ]


def test_refused_connections_are_retried_until_the_server_listens_again(
    downloads: Downloads, http_server: FaultServer, caplog: pytest.LogCaptureFixture
) -> None:
    http_server.plays(PATH, replace(FIRST_HALF, refuse_s=math.inf), COMPLETE)
    downloads.clock = FakeClock(lambda clock: http_server.listen_again() if len(clock.slept_s) == 4 else None)

    assert downloads.run(http_server.url(PATH)) == CONTENT

    assert http_server.asked_ranges(PATH) == [None, REST_RANGE]
    assert downloads.waits_s() == [0.5, 1, 2]
    assert causes(caplog) == [
        "Connection lost at 1.2 MB of 2.4 MB (closed early)",
        *["No response (connection refused)"] * 3,
    ]


def busy(status: int, retry_after: str | None = None) -> Answer:
    fields = {"Date": formatdate(DATE_S, usegmt=True)}
    return Answer(status, fields if retry_after is None else {**fields, "Retry-After": retry_after}, b"busy")


@pytest.mark.parametrize(
    ("response", "waits_s"),
    [
        pytest.param(busy(503, "5"), [5, 5], id="503, Retry-After in seconds"),
        pytest.param(busy(429, "7"), [7, 7], id="429, Retry-After in seconds"),
        pytest.param(busy(503, formatdate(DATE_S + 20, usegmt=True)), [20, 20], id="503, Retry-After as a date"),
        pytest.param(busy(503, "60"), [60, 60], id="503, the longest Retry-After"),
        pytest.param(busy(503, "0"), [0.5, 1], id="503, Retry-After shorter than the backoff"),
        pytest.param(busy(503, "soon"), [0.5, 1], id="503, invalid Retry-After"),
        pytest.param(busy(429), [0.5, 1], id="429"),
        pytest.param(busy(408), [0.5, 1], id="408"),
        pytest.param(busy(500), [0.5, 1], id="500"),
        pytest.param(busy(502), [0.5, 1], id="502"),
        pytest.param(busy(504), [0.5, 1], id="504"),
        pytest.param(busy(520), [0.5, 1], id="520"),
    ],
)
def test_a_busy_server_is_asked_again_after_its_retry_after(
    downloads: Downloads,
    http_server: FaultServer,
    caplog: pytest.LogCaptureFixture,
    response: Answer,
    waits_s: list[float],
) -> None:
    http_server.plays(PATH, FIRST_HALF, response, response, COMPLETE)

    assert downloads.run(http_server.url(PATH)) == CONTENT

    assert http_server.asked_ranges(PATH) == [None, *[REST_RANGE] * 3]
    assert downloads.waits_s() == waits_s
    assert warnings(caplog)[1:] == [
        f"The server answered {response.status}; waiting {wait_s:g} s before trying again, "
        f"attempt {attempt} of 6 without progress"
        for wait_s, attempt in zip(waits_s, (3, 4))
    ]


@pytest.mark.parametrize(
    ("retry_after", "wait_s"),
    [
        pytest.param("61", 61, id="61 s"),
        pytest.param("3600", 3600, id="an hour"),
        pytest.param(formatdate(DATE_S + 7200, usegmt=True), 7200, id="a date"),
    ],
)
def test_a_long_retry_after_ends_the_download_and_the_bytes_stay_stored(
    downloads: Downloads, http_server: FaultServer, retry_after: str, wait_s: float
) -> None:
    http_server.plays(PATH, FIRST_HALF, busy(503, retry_after), COMPLETE)

    report = downloads.give_up(http_server.url(PATH))

    assert report.retry_after_s == wait_s
    assert report.is_stored
    assert downloads.waits_s() == []
    assert len(http_server.requests(PATH)) == 2
    assert downloads.stored(http_server.url(PATH)) == CONTENT[:HALF]


@pytest.mark.parametrize(
    ("retries", "waits_s"), [(5, [0.5, 1, 2, 4]), (2, [0.5]), (1, [])], ids=["5 retries", "2 retries", "1 retry"]
)
def test_a_server_that_always_fails_gets_one_request_per_retry(
    downloads: Downloads, server: FaultServer, retries: int, waits_s: list[float]
) -> None:
    server.plays(PATH, cut(COMPLETE, HALF), busy(500))

    report = downloads.give_up(server.url(PATH), retries=retries)

    assert server.statuses(PATH) == [200, *[500] * retries]
    assert server.connections == 1 + retries
    assert downloads.waits_s() == waits_s
    assert (report.offset, report.complete_length, report.is_stored) == (HALF, len(CONTENT), True)
    assert [failure.cause for failure in report.attempts] == ["closed early", *["the server answered 500"] * retries]


def test_pips_own_retries_do_not_multiply_the_connections(downloads: Downloads, http_server: FaultServer) -> None:
    downloads.use_plain_session(retries=3)
    http_server.greets(Greeting.SERVE, Greeting.CLOSE)
    http_server.plays(PATH, FIRST_HALF)

    downloads.give_up(http_server.url(PATH))

    assert http_server.connections == 1 + 5
    # Afterwards pip has its retries back, for index pages and for the next file.
    assert downloads.session.get_adapter(http_server.url(PATH)).max_retries.total == 3


def test_a_failing_name_resolution_is_retried(
    downloads: Downloads,
    http_server: FaultServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    http_server.plays(PATH, FIRST_HALF, COMPLETE)
    resolve = socket.getaddrinfo

    def fail(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    def on_sleep(clock: FakeClock) -> None:
        monkeypatch.setattr(socket, "getaddrinfo", fail if len(clock.slept_s) < 3 else resolve)

    downloads.clock = FakeClock(on_sleep)

    assert downloads.run(http_server.url(PATH)) == CONTENT

    assert len(http_server.requests(PATH)) == 2
    assert downloads.waits_s() == [0.5, 1]
    assert causes(caplog)[1:] == ["No response (the host name cannot be resolved)"] * 2


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with Proxy() as running:
        yield running


def test_a_proxy_that_stops_is_retried_until_it_runs_again(
    downloads: Downloads, server: FaultServer, proxy: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    server.plays(PATH, COMPLETE)
    downloads.session.proxies = {"http": proxy.url, "https": proxy.url}
    proxy.dies_after(HALF)
    downloads.clock = FakeClock(lambda clock: proxy.revive() if len(clock.slept_s) == 3 else None)

    assert downloads.run(server.url(PATH)) == CONTENT

    assert proxy.connections == len(server.requests(PATH)) == 2
    assert downloads.waits_s() == [0.5, 1]
    assert causes(caplog)[1:] == ["No response (proxy: connection refused)"] * 2


def test_a_proxy_that_stays_stopped_ends_the_download_and_the_bytes_stay_stored(
    downloads: Downloads, http_server: FaultServer, proxy: Proxy
) -> None:
    http_server.plays(PATH, COMPLETE)
    downloads.session.proxies = {"http": proxy.url}
    proxy.dies_after(HALF)

    report = downloads.give_up(http_server.url(PATH))

    assert {failure.cause for failure in report.attempts[1:]} == {"proxy: connection refused"}
    assert len(report.attempts) == 6
    assert report.is_stored


def test_a_certificate_that_is_not_trusted_any_more_ends_the_download(
    downloads: Downloads, certificates: Certificates, tmp_path: Path
) -> None:
    other = issue_certificates(tmp_path / "other")
    context = certificates.server_context()
    downloads.clock = FakeClock(lambda _clock: context.load_cert_chain(other.server_chain, other.server_key))
    with FaultServer(context) as server:
        server.plays(PATH, cut(COMPLETE, HALF), COMPLETE)

        with pytest.raises(PipError) as error:
            downloads.run(server.url(PATH))

        assert "CERTIFICATE_VERIFY_FAILED" in repr(error.value.cause) + repr(error.value.cause.__context__)
        assert len(server.requests(PATH)) == 1
        assert server.connections == 2
        assert downloads.stored(server.url(PATH)) == CONTENT[:HALF]


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_4xx_after_a_lost_connection_ends_the_download_and_the_bytes_stay_stored(
    downloads: Downloads, http_server: FaultServer, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    http_server.plays(PATH, FIRST_HALF, Answer(status, {}, b"no"))

    with pytest.raises(PipError, match=f"{status} Client Error"):
        downloads.run(http_server.url(PATH))

    assert http_server.statuses(PATH) == [200, status]
    assert warnings(caplog)[1:] == ["Kept 1.2 MB of 2.4 MB of thing-1.0.tar.gz; run the same command again to continue"]
    assert downloads.stored(http_server.url(PATH)) == CONTENT[:HALF]


@pytest.mark.parametrize("greeting", [Greeting.CLOSE, Greeting.RESET])
@pytest.mark.parametrize("retries", [0, 1])
def test_a_server_that_never_responded_is_retried_and_reported_as_pip_does(
    downloads: Downloads,
    http_server: FaultServer,
    greeting: Greeting,
    retries: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    downloads.use_plain_session(retries)
    http_server.greets(greeting)

    with pytest.raises(PipError):
        downloads.run(http_server.url(PATH))

    assert http_server.connections == 1 + retries
    assert downloads.waits_s() == []
    assert [message for message in caplog.messages if "attempt" in message] == []


def test_a_later_run_tries_six_times_to_reach_a_server_that_is_down(
    downloads: Downloads, http_server: FaultServer
) -> None:
    http_server.plays(PATH, FIRST_HALF)
    downloads.give_up(http_server.url(PATH), retries=0)
    http_server.greets(Greeting.CLOSE)
    connections = http_server.connections

    report = downloads.give_up(http_server.url(PATH))

    assert http_server.connections - connections == 6
    assert downloads.waits_s() == [0.5, 1, 2, 4, 8]
    assert (report.offset, report.is_stored) == (HALF, True)
    assert downloads.stored(http_server.url(PATH)) == CONTENT[:HALF]


def test_ctrl_c_during_a_wait_ends_it_and_one_message_says_what_is_stored(
    downloads: Downloads, http_server: FaultServer, caplog: pytest.LogCaptureFixture
) -> None:
    http_server.plays(PATH, FIRST_HALF, busy(503, "30"))

    def interrupt(clock: FakeClock) -> None:
        if len(clock.slept_s) == 2:
            raise KeyboardInterrupt

    downloads.clock = FakeClock(interrupt)

    with pytest.raises(KeyboardInterrupt):
        downloads.run(http_server.url(PATH))

    assert len(http_server.requests(PATH)) == 2
    assert warnings(caplog)[2:] == ["Kept 1.2 MB of 2.4 MB of thing-1.0.tar.gz; run the same command again to continue"]
    assert downloads.stored(http_server.url(PATH)) == CONTENT[:HALF]
