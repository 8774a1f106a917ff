"""A server that does not respond or is busy: the waits, the end of the patience, and what the user reads."""

from __future__ import annotations

import contextlib
import math
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from integration.fakes import FakeClock, RunningClock
from integration.gateway import Gateway
from integration.interrupted_downloads import (
    COMPLETE,
    CONTENT,
    FIRST_HALF,
    HALF,
    PATH,
    REST_RANGE,
    Downloads,
    causes,
    growing_waits_s,
    warnings,
)
from integration.machine import ONE_ATTEMPT, attempts_alone
from integration.samples import cut
from pip._internal.network.session import PipSession
from servers.certificates import Certificates, issue_certificates
from servers.fault_server import Answer, FaultServer, Greeting, NoResponse, Then
from servers.proxy import Proxy

from pip_resume.errors import GaveUp, PipError
from pip_resume.inside_pip import compat
from pip_resume.protocol.retry import DEFAULT_PATIENCE_S, Options, connect_waits_s

DATE_S = 1_700_000_000.0
LOST = "Connection lost at 1.2 of 2.4 MB (closed early); resuming"


def options_of_plain_pip(retries: int) -> Options:
    """Return the options of a pip with ``--retries``, whose urllib3 waits 0.25 s times a power of 2."""
    return Options(connect_waits_s=connect_waits_s(retries, 0.25, 120))


class TestNoResponse:
    @pytest.mark.parametrize(
        ("greeting", "words"),
        [
            pytest.param(Greeting.CLOSE, "closed without a response", id="closed"),
            pytest.param(Greeting.RESET, "reset by peer", id="reset"),
            pytest.param(Greeting.HANG, "read timed out", id="timeout"),
        ],
    )
    def test_failed_connections_are_retried_and_one_line_says_so(
        self,
        downloads: Downloads,
        http_server: FaultServer,
        caplog: pytest.LogCaptureFixture,
        greeting: Greeting,
        words: str,
    ) -> None:
        http_server.greets(Greeting.SERVE, *[greeting] * 3, Greeting.SERVE)
        http_server.plays(PATH, FIRST_HALF, COMPLETE)
        downloads.session.timeout = 0.5

        assert downloads.run(http_server.url(PATH)) == CONTENT

        # Of the requests that failed some were probes, without Range: after silence the second one and the fourth.
        probes = [None] if words == "read timed out" else []
        assert http_server.asked_ranges(PATH) == [None, *probes, REST_RANGE]
        assert downloads.waits_s == growing_waits_s(3)
        assert warnings(caplog) == [LOST, f"No response ({words}); trying again for up to 5 min"]

    def test_refused_connections_are_retried_until_the_server_listens_again(
        self, downloads: Downloads, http_server: FaultServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        http_server.plays(PATH, replace(FIRST_HALF, refuse_s=math.inf), COMPLETE)
        downloads.clock = FakeClock(lambda clock: http_server.listen_again() if len(clock.slept_s) == 3 else None)

        assert downloads.run(http_server.url(PATH)) == CONTENT

        assert http_server.asked_ranges(PATH) == [None, REST_RANGE]
        assert downloads.waits_s == growing_waits_s(3)
        assert warnings(caplog) == [LOST, "No response (connection refused); trying again for up to 5 min"]

    def test_an_outage_says_nothing_about_range(self, downloads: Downloads, http_server: FaultServer) -> None:
        """The server is busy once it runs again. It gets the same request, and not one for the complete file."""
        http_server.plays(PATH, replace(FIRST_HALF, refuse_s=math.inf), busy(503, "2"), busy(503, "2"), COMPLETE)
        downloads.clock = FakeClock(lambda clock: http_server.listen_again() if len(clock.slept_s) == 4 else None)

        assert downloads.run(http_server.url(PATH)) == CONTENT

        assert http_server.asked_ranges(PATH) == [None, REST_RANGE, REST_RANGE, None, REST_RANGE]
        assert http_server.statuses(PATH) == [200, 503, 503, 200, 206]

    @pytest.mark.parametrize("outage_s", [35, 100, 290])
    def test_the_end_of_an_outage_is_noticed_after_a_tenth_of_its_length(
        self, outage_s: float, downloads: Downloads, http_server: FaultServer
    ) -> None:
        """Field reports 1.1 and 1.2: a router restarts, a train goes through a tunnel."""
        http_server.plays(PATH, replace(FIRST_HALF, refuse_s=math.inf), COMPLETE)
        downloads.clock = FakeClock(lambda clock: http_server.listen_again() if clock.elapsed_s() >= outage_s else None)

        assert downloads.run(http_server.url(PATH)) == CONTENT

        # The first request that is answered may be the probe. Its body is not read.
        assert [asked for asked in http_server.asked_ranges(PATH) if asked] == [REST_RANGE]
        assert http_server.sent(PATH) < len(CONTENT) + HALF / 2
        assert outage_s <= downloads.clock.elapsed_s() <= outage_s + min(0.5 + 0.1 * outage_s, 15) + 1

    def test_a_failing_name_resolution_is_retried(
        self,
        downloads: Downloads,
        http_server: FaultServer,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        http_server.plays(PATH, FIRST_HALF, COMPLETE)
        resolve, calls = socket.getaddrinfo, 0

        def fail_three_times(*arguments: Any, **named: Any) -> Any:
            nonlocal calls
            calls += 1
            if 2 <= calls <= 4:
                raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
            return resolve(*arguments, **named)

        monkeypatch.setattr(socket, "getaddrinfo", fail_three_times)

        assert downloads.run(http_server.url(PATH)) == CONTENT

        assert http_server.asked_ranges(PATH) == [None, REST_RANGE]
        assert downloads.waits_s == growing_waits_s(3)
        assert causes(caplog)[1:] == ["No response (the host name cannot be resolved)"]

    def test_ctrl_c_during_a_wait_ends_it_and_one_message_says_what_is_stored(
        self, downloads: Downloads, http_server: FaultServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        http_server.plays(PATH, FIRST_HALF, busy(503, "30"))

        def interrupt(clock: FakeClock) -> None:
            if len(clock.slept_s) == 2:
                raise KeyboardInterrupt

        downloads.clock = FakeClock(interrupt)

        with pytest.raises(KeyboardInterrupt):
            downloads.run(http_server.url(PATH))

        assert len(http_server.requests(PATH)) == 2
        assert warnings(caplog)[2:] == [
            "Kept 1.2 of 2.4 MB of thing-1.0.tar.gz; run the same command again to continue"
        ]
        assert downloads.stored(http_server.url(PATH)) == CONTENT[:HALF]


def busy(status: int, retry_after: str | None = None) -> Answer:
    fields = {"Date": formatdate(DATE_S, usegmt=True)}
    return Answer(status, fields if retry_after is None else {**fields, "Retry-After": retry_after}, b"busy")


class TestBusyServer:
    @pytest.mark.parametrize(
        ("response", "wait_s"),
        [
            pytest.param(busy(503, "5"), 5, id="503, Retry-After in seconds"),
            pytest.param(busy(429, "7"), 7, id="429, Retry-After in seconds"),
            pytest.param(busy(413, "7"), 7, id="413, Retry-After in seconds"),
            pytest.param(busy(503, formatdate(DATE_S + 20, usegmt=True)), 20, id="503, Retry-After as a date"),
            pytest.param(busy(503, "90"), 90, id="503, Retry-After longer than a minute"),
            pytest.param(busy(503, "7200"), 7200, id="503, Retry-After longer than the patience"),
            pytest.param(busy(503, "0"), 0.5, id="503, Retry-After shorter than our own wait"),
            pytest.param(busy(503, "soon"), 0.5, id="503, invalid Retry-After"),
            *(
                pytest.param(busy(status), 0.5, id=str(status))
                for status in (408, 421, 425, 429, 500, 502, 504, 506, 520, 521, 522, 523, 524, 525, 530, 599)
            ),
        ],
    )
    def test_a_busy_server_is_asked_again_after_its_retry_after(
        self,
        downloads: Downloads,
        http_server: FaultServer,
        caplog: pytest.LogCaptureFixture,
        response: Answer,
        wait_s: float,
    ) -> None:
        """Field reports 1.18 and 3.5."""
        http_server.plays(PATH, FIRST_HALF, response, COMPLETE)

        assert downloads.run(http_server.url(PATH)) == CONTENT

        assert http_server.asked_ranges(PATH) == [None, REST_RANGE, REST_RANGE]
        assert http_server.sent(PATH) == len(CONTENT)
        assert downloads.waits_s == [wait_s]
        longest = " in 2 h" if wait_s == 7200 else " for up to 5 min"
        assert warnings(caplog) == [LOST, f"The server answered {response.status}; trying again{longest}"]

    @pytest.mark.parametrize(
        ("retry_after", "asked_s"),
        [
            pytest.param("61", 61, id="in seconds"),
            pytest.param(formatdate(DATE_S + 7200, usegmt=True), 7200, id="a date"),
        ],
    )
    def test_a_retry_after_longer_than_a_patience_that_was_set_ends_the_download(
        self, downloads: Downloads, http_server: FaultServer, retry_after: str, asked_s: float
    ) -> None:
        http_server.plays(PATH, FIRST_HALF, busy(503, retry_after), COMPLETE)

        report = downloads.give_up(http_server.url(PATH), options=Options(patience_s=60.0, longest_retry_after_s=60.0))

        assert report.retry_after_s == asked_s
        assert report.is_stored
        assert downloads.waits_s == []
        assert len(http_server.requests(PATH)) == 2
        assert downloads.stored(http_server.url(PATH)) == CONTENT[:HALF]

    def test_a_retry_after_is_waited_for_no_longer_than_pip_would_wait(
        self, downloads: Downloads, http_server: FaultServer
    ) -> None:
        http_server.plays(PATH, FIRST_HALF, busy(503, "86400"), COMPLETE)

        downloads.run(http_server.url(PATH), options=Options(retry_after_cap_s=21600.0))

        assert downloads.waits_s == [21600]

    @pytest.mark.parametrize(("retries", "is_waited_for"), [(0, False), (1, True), (5, True)])
    def test_without_retries_pip_waits_for_no_retry_after(self, retries: int, is_waited_for: bool) -> None:
        with contextlib.closing(PipSession(retries=retries)) as session:
            assert (compat.retry_after_cap_s(session) > 0.0) is is_waited_for

    @pytest.mark.parametrize("retries", [5, 2, 1])
    def test_without_patience_a_server_that_always_fails_gets_one_request_per_retry(
        self, downloads: Downloads, server: FaultServer, retries: int
    ) -> None:
        server.plays(PATH, cut(COMPLETE, HALF), busy(500))

        report = downloads.give_up(server.url(PATH), options=attempts_alone(retries))

        assert server.statuses(PATH) == [200, *[500] * retries]
        assert server.connections == 1 + retries
        assert downloads.waits_s == growing_waits_s(retries - 1)
        assert (report.offset, report.complete_length, report.is_stored) == (HALF, len(CONTENT), True)
        assert [failure.cause for failure in report.attempts] == [
            "closed early",
            *["the server answered 500"] * retries,
        ]

    def test_a_server_that_always_fails_is_given_up_five_minutes_after_the_last_byte(
        self, downloads: Downloads, http_server: FaultServer
    ) -> None:
        http_server.plays(PATH, FIRST_HALF, busy(500))

        report = downloads.give_up(http_server.url(PATH))

        waited_s = sum(downloads.waits_s)
        assert DEFAULT_PATIENCE_S <= waited_s < DEFAULT_PATIENCE_S + 15
        assert max(downloads.waits_s) == 15
        assert len(report.attempts) == len(http_server.requests(PATH)) > 30
        assert report.is_stored

    @pytest.mark.parametrize(
        ("retries", "waits_s"),
        [
            pytest.param(1, [0.5, 1, 2, 4], id="1"),
            pytest.param(2, [0.5, 1, 2, 4, 0.5, 1, 2, 4], id="2"),
        ],
    )
    def test_fewer_resume_retries_than_pips_default_wait_as_long_as_the_same_plain_pip(
        self, retries: int, waits_s: list[float], downloads: Downloads, http_server: FaultServer
    ) -> None:
        """Each of them is one request of pip with its five --retries."""
        http_server.plays(PATH, FIRST_HALF)
        http_server.greets(Greeting.SERVE, Greeting.CLOSE)

        downloads.give_up(http_server.url(PATH), options=Options(retries=retries))

        assert http_server.connections == 1 + retries * 6
        assert downloads.waits_s == waits_s

    def test_pips_own_retries_do_not_multiply_the_connections(
        self, downloads: Downloads, http_server: FaultServer
    ) -> None:
        downloads.use_plain_session(retries=3)
        http_server.greets(Greeting.SERVE, Greeting.CLOSE)
        http_server.plays(PATH, FIRST_HALF)

        downloads.give_up(http_server.url(PATH), options=attempts_alone(5))

        assert http_server.connections == 1 + 5
        # pip's own session has its retries, for index pages.
        assert downloads.session.get_adapter(http_server.url(PATH)).max_retries.total == 3


class TestSleepingComputer:
    def test_hours_of_sleep_in_the_middle_of_a_wait_do_not_spend_the_patience(
        self, downloads: Downloads, http_server: FaultServer
    ) -> None:
        """Field report 1.21: the lid is closed, and the clock of Windows goes on meanwhile."""
        http_server.plays(PATH, replace(FIRST_HALF, refuse_s=math.inf), COMPLETE)

        def on_sleep(clock: FakeClock) -> None:
            if len(clock.slept_s) in (3, 6):
                clock.advance(8 * 3600)
            if len(clock.slept_s) == 9:
                http_server.listen_again()

        downloads.clock = FakeClock(on_sleep)

        assert downloads.run(http_server.url(PATH)) == CONTENT

        assert [asked for asked in http_server.asked_ranges(PATH) if asked] == [REST_RANGE]

    def test_a_sleep_counts_as_the_wait_and_five_seconds(self, downloads: Downloads, http_server: FaultServer) -> None:
        http_server.plays(PATH, FIRST_HALF, busy(500))
        downloads.clock = FakeClock(lambda clock: clock.advance(8 * 3600) if len(clock.slept_s) == 1 else None)

        report = downloads.give_up(http_server.url(PATH))

        # The next wait is a tenth of the time without a byte: 0.5 s, 5 s more, and its own half second.
        assert downloads.waits_s[:2] == [0.5, pytest.approx(0.5 + 0.1 * (0.5 + 5))]
        assert report.attempts[-1].after_s < DEFAULT_PATIENCE_S + 15 + 5


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with Proxy() as running:
        yield running


class TestProxy:
    def test_a_proxy_that_stops_is_retried_until_it_runs_again(
        self, downloads: Downloads, server: FaultServer, proxy: Proxy, caplog: pytest.LogCaptureFixture
    ) -> None:
        server.plays(PATH, COMPLETE)
        downloads.session.proxies = {"http": proxy.url, "https": proxy.url}
        proxy.dies_after(HALF)
        downloads.clock = FakeClock(lambda clock: proxy.revive() if len(clock.slept_s) == 3 else None)

        assert downloads.run(server.url(PATH)) == CONTENT

        assert proxy.connections == len(server.requests(PATH)) == 2
        assert downloads.waits_s == growing_waits_s(3)
        assert causes(caplog)[1:] == ["No response (proxy: connection refused)"]

    def test_a_proxy_that_stays_stopped_ends_the_download_and_the_bytes_stay_stored(
        self, downloads: Downloads, http_server: FaultServer, proxy: Proxy
    ) -> None:
        http_server.plays(PATH, COMPLETE)
        downloads.session.proxies = {"http": proxy.url}
        proxy.dies_after(HALF)

        report = downloads.give_up(http_server.url(PATH))

        assert {failure.cause for failure in report.attempts[1:]} == {"proxy: connection refused"}
        assert DEFAULT_PATIENCE_S <= sum(downloads.waits_s) < DEFAULT_PATIENCE_S + 15
        assert report.is_stored


class TestCertificate:
    """Field report 1.19: a captive portal, or a host that is being set up anew."""

    @pytest.fixture
    def contexts(self, certificates: Certificates, tmp_path: Path) -> Any:
        """Return a server's context, and two functions: give it a wrong certificate, and the right one again."""
        other = issue_certificates(tmp_path / "other")
        context = certificates.server_context()

        def make_wrong() -> None:
            context.load_cert_chain(other.server_chain, other.server_key)

        def make_right() -> None:
            context.load_cert_chain(certificates.server_chain, certificates.server_key)

        return context, make_wrong, make_right

    def test_a_wrong_certificate_of_a_host_that_this_run_has_verified_is_waited_out(
        self, downloads: Downloads, contexts: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        context, make_wrong, make_right = contexts
        actions = {1: make_wrong, 4: make_right}
        downloads.clock = FakeClock(lambda clock: actions.get(len(clock.slept_s), list)())
        with FaultServer(context) as server:
            # After so few bytes for the sixth time there is a wait, in which the certificate changes.
            server.plays(PATH, *[cut(COMPLETE, 50_000)] * 6, COMPLETE)

            assert downloads.run(server.url(PATH)) == CONTENT

            assert server.asked_ranges(PATH) == [None, *(f"bytes={n * 50_000}-" for n in range(1, 7))]
            assert server.connections == 9
        assert causes(caplog)[-1:] == ["No response (TLS: certificate verify failed)"]

    def test_a_certificate_that_stays_wrong_is_pips_to_report_after_five_minutes_and_the_bytes_stay_stored(
        self, downloads: Downloads, contexts: Any
    ) -> None:
        """pip's error names the host and what to check."""
        context, make_wrong, _ = contexts
        downloads.clock = FakeClock(lambda clock: make_wrong() if len(clock.slept_s) == 1 else None)
        with FaultServer(context) as server:
            server.plays(PATH, *[cut(COMPLETE, 50_000)] * 6, COMPLETE)

            with pytest.raises(PipError) as error:
                downloads.run(server.url(PATH))

            assert len(server.requests(PATH)) == 6
            assert "CERTIFICATE_VERIFY_FAILED" in repr(error.value.cause) + repr(error.value.cause.__context__)
            assert sum(downloads.waits_s) >= DEFAULT_PATIENCE_S
            assert downloads.stored(server.url(PATH)) == CONTENT[:300_000]

    def test_a_wrong_certificate_of_a_host_that_this_run_has_not_reached_is_pips_to_report(
        self, downloads: Downloads, contexts: Any
    ) -> None:
        context, make_wrong, _ = contexts
        with FaultServer(context) as server:
            server.plays(PATH, cut(COMPLETE, HALF), COMPLETE)
            downloads.give_up(server.url(PATH), options=ONE_ATTEMPT)
            make_wrong()

            with pytest.raises(PipError) as error:
                downloads.run(server.url(PATH))

            assert "CERTIFICATE_VERIFY_FAILED" in repr(error.value.cause) + repr(error.value.cause.__context__)
            # As often, and with the same waits, as pip's --retries.
            assert (len(server.requests(PATH)), server.connections) == (1, 7)
            assert downloads.waits_s == [0.5, 1.0, 2.0, 4.0]
            assert downloads.stored(server.url(PATH)) == CONTENT[:HALF]


class TestRefusedRange:
    """Field reports 1.4 to 1.7 and 3.6: a gateway refuses what carries Range."""

    @pytest.mark.parametrize(
        "status",
        [202, 204, 300, 304, 400, 402, 403, 404, 405, 406, 409, 410, 412, 417, 418, 422, 426, 428, 431, 451, 501, 505],
    )
    def test_after_a_status_that_is_no_answer_to_a_range_the_complete_file_is_requested_once(
        self, downloads: Downloads, gateway: Gateway, status: int, caplog: pytest.LogCaptureFixture
    ) -> None:
        gateway.plays(PATH, FIRST_HALF, COMPLETE)
        gateway.answers_ranges(PATH, Answer(status, {}, b"" if status in (204, 304) else b"no"))

        assert downloads.run(gateway.url(PATH)) == CONTENT

        assert gateway.asked_ranges(PATH) == [None, REST_RANGE, None]
        assert downloads.waits_s == []
        assert warnings(caplog) == [
            LOST,
            "Requesting all of thing-1.0.tar.gz: the server refuses Range",
        ]

    @pytest.mark.parametrize(
        "answer",
        [
            *(pytest.param(busy(status), id=str(status)) for status in (429, 500, 502, 503, 504, 520, 522)),
            pytest.param(NoResponse(Then.CLOSE), id="closed"),
            pytest.param(NoResponse(Then.RESET), id="reset"),
            pytest.param(replace(COMPLETE, cut_after=0, then=Then.CLOSE), id="a head without a body"),
            pytest.param(Answer(200, {"Content-Type": "text/html"}, b"<html>log in</html>" * 200), id="a page"),
        ],
    )
    def test_after_ranged_requests_in_vain_a_probe_shows_that_the_host_answers_and_the_complete_file_is_requested(
        self, downloads: Downloads, gateway: Gateway, answer: Any
    ) -> None:
        gateway.plays(PATH, FIRST_HALF, COMPLETE)
        gateway.answers_ranges(PATH, answer)

        assert downloads.run(gateway.url(PATH)) == CONTENT

        assert gateway.asked_ranges(PATH) == [None, REST_RANGE, REST_RANGE, None, REST_RANGE, None]
        # The body of the probe is not read. What arrives before it is closed is in the buffers of the systems.
        assert gateway.requests(PATH)[3].sent < HALF
        assert sum(downloads.waits_s) <= 3

    @pytest.mark.timeout(120)
    def test_a_range_that_is_answered_later_than_the_timeout_costs_one_plain_request(
        self, downloads: Downloads, gateway: Gateway
    ) -> None:
        """A caching gateway fetches the complete file before it sends a part."""
        downloads.session.timeout = 1.5
        gateway.plays(PATH, FIRST_HALF, COMPLETE)
        gateway.answers_ranges(PATH, NoResponse(Then.STALL))
        begun_s = time.monotonic()

        assert downloads.run(gateway.url(PATH)) == CONTENT

        # A single silence is reason enough for a probe. The range after it waits for a third of pip's timeout.
        assert gateway.asked_ranges(PATH) == [None, REST_RANGE, None, REST_RANGE, None]
        assert time.monotonic() - begun_s < 2 * downloads.session.timeout

    def test_a_connection_that_was_silent_once_does_not_cost_the_file_again(
        self, downloads: Downloads, http_server: FaultServer
    ) -> None:
        downloads.session.timeout = 0.5
        http_server.plays(PATH, FIRST_HALF, NoResponse(Then.STALL), COMPLETE, COMPLETE)

        assert downloads.run(http_server.url(PATH)) == CONTENT

        assert http_server.asked_ranges(PATH) == [None, REST_RANGE, None, REST_RANGE]
        # The body of the probe is not read.
        assert http_server.requests(PATH)[2].sent < len(CONTENT)

    def test_a_range_after_a_silence_that_is_cut_is_continued_and_nobody_hears_of_the_complete_file(
        self, downloads: Downloads, http_server: FaultServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        downloads.session.timeout = 0.5
        cut_later = cut(COMPLETE, 100_000)
        http_server.plays(PATH, FIRST_HALF, NoResponse(Then.STALL), COMPLETE, cut_later, COMPLETE)

        assert downloads.run(http_server.url(PATH)) == CONTENT

        assert http_server.asked_ranges(PATH)[3:] == [REST_RANGE, f"bytes={HALF + 100_000}-"]
        assert not [text for text in warnings(caplog) if "Requesting all" in text]

    def test_a_connection_that_merely_breaks_does_not_cost_the_file_again(
        self, downloads: Downloads, http_server: FaultServer
    ) -> None:
        http_server.plays(PATH, FIRST_HALF, NoResponse(Then.RESET), NoResponse(Then.RESET), COMPLETE)

        assert downloads.run(http_server.url(PATH)) == CONTENT

        assert http_server.asked_ranges(PATH) == [None, REST_RANGE, REST_RANGE, None, REST_RANGE]
        assert http_server.sent(PATH) < 1.5 * len(CONTENT)

    def test_a_host_that_takes_long_for_each_response_gets_as_long_for_a_range_after_a_silence(
        self, downloads: Downloads, http_server: FaultServer
    ) -> None:
        downloads.session.timeout, downloads.clock = 1.5, RunningClock()
        slow = replace(COMPLETE, delay_s=0.9)
        http_server.plays(PATH, FIRST_HALF, NoResponse(Then.STALL), slow, slow)

        assert downloads.run(http_server.url(PATH)) == CONTENT

        # A third of the timeout would not have been enough.
        assert http_server.asked_ranges(PATH) == [None, REST_RANGE, None, REST_RANGE]

    def test_the_next_run_sends_range_again(self, downloads: Downloads, gateway: Gateway) -> None:
        gateway.plays(PATH, FIRST_HALF, cut(COMPLETE, HALF + 100_000), COMPLETE)
        gateway.answers_ranges(PATH, Answer(404))
        downloads.give_up(gateway.url(PATH), options=ONE_ATTEMPT)
        downloads.give_up(gateway.url(PATH), options=ONE_ATTEMPT)
        assert downloads.stored(gateway.url(PATH)) == CONTENT[: HALF + 100_000]
        gateway.answers_ranges(PATH, None)
        gateway.forget()

        assert downloads.run(gateway.url(PATH)) == CONTENT

        assert gateway.asked_ranges(PATH)[0] is not None
        assert gateway.sent(PATH) < len(CONTENT)

    @pytest.mark.parametrize("status", [403, 404, 410])
    def test_a_4xx_to_the_plain_request_as_well_is_pips_to_report_and_the_bytes_stay_stored(
        self, downloads: Downloads, http_server: FaultServer, status: int, caplog: pytest.LogCaptureFixture
    ) -> None:
        http_server.plays(PATH, FIRST_HALF, Answer(status, {}, b"no"))

        with pytest.raises(PipError, match=f"{status} Client Error"):
            downloads.run(http_server.url(PATH))

        assert http_server.statuses(PATH) == [200, status, status]
        assert http_server.asked_ranges(PATH) == [None, REST_RANGE, None]
        assert warnings(caplog)[1:] == [
            "Requesting all of thing-1.0.tar.gz: the server refuses Range",
            "Kept 1.2 of 2.4 MB of thing-1.0.tar.gz; run the same command again to continue",
        ]
        assert downloads.stored(http_server.url(PATH)) == CONTENT[:HALF]

    @pytest.mark.parametrize(("retry_after", "wait_s"), [("70", 70), (None, 0)])
    def test_the_last_plain_request_is_sent_when_the_server_has_asked_for_it(
        self,
        downloads: Downloads,
        gateway: Gateway,
        retry_after: str | None,
        wait_s: float,
    ) -> None:
        """Ranges get a page, and the limits are spent when the first plain request is answered with 503."""
        gateway.plays(PATH, FIRST_HALF, busy(503, retry_after), COMPLETE)
        gateway.answers_ranges(PATH, Answer(200, {"Content-Type": "text/html"}, b"<html>log in</html>" * 200))
        downloads.give_up(gateway.url(PATH), options=ONE_ATTEMPT)
        two_retries = ONE_ATTEMPT._replace(connect_waits_s=(0.0, 0.5))

        assert downloads.run(gateway.url(PATH), options=two_retries) == CONTENT

        assert gateway.asked_ranges(PATH)[-2:] == [None, None]
        assert downloads.requested_s[-1] - downloads.requested_s[-2] == pytest.approx(wait_s)

    @pytest.mark.parametrize("status", [401, 407])
    def test_a_status_about_the_user_is_pips_to_report_after_one_plain_request(
        self, downloads: Downloads, http_server: FaultServer, status: int
    ) -> None:
        http_server.plays(PATH, FIRST_HALF, Answer(status, {}, b"no"))

        with pytest.raises(PipError, match=f"{status} Client Error"):
            downloads.run(http_server.url(PATH))

        assert http_server.asked_ranges(PATH) == [None, REST_RANGE, None]
        assert downloads.stored(http_server.url(PATH)) == CONTENT[:HALF]

    @pytest.mark.parametrize("location", ["loop", "http://[::1", "http:///nowhere"])
    def test_a_redirect_of_ranges_that_leads_nowhere_costs_one_plain_request(
        self, downloads: Downloads, gateway: Gateway, location: str
    ) -> None:
        gateway.plays(PATH, FIRST_HALF, COMPLETE)
        target = gateway.url(PATH) if location == "loop" else location
        gateway.answers_ranges(PATH, Answer(302, {"Location": target}))

        assert downloads.run(gateway.url(PATH)) == CONTENT
        assert gateway.asked_ranges(PATH)[-1] is None

    def test_a_redirect_of_ranges_to_a_host_that_is_down_ends_with_a_plain_request(
        self, downloads: Downloads, gateway: Gateway
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as closed:
            port = closed.getsockname()[1]
        gateway.plays(PATH, FIRST_HALF, COMPLETE)
        gateway.answers_ranges(PATH, Answer(302, {"Location": f"http://127.0.0.1:{port}/"}))

        assert downloads.run(gateway.url(PATH)) == CONTENT
        assert gateway.asked_ranges(PATH) == [None, REST_RANGE, REST_RANGE, None, REST_RANGE, None]


class TestBeforeTheFirstResponse:
    @pytest.mark.parametrize("greeting", [Greeting.CLOSE, Greeting.RESET])
    @pytest.mark.parametrize("retries", [0, 1, 2])
    def test_a_server_that_never_responded_is_retried_and_reported_as_pip_does(
        self,
        downloads: Downloads,
        http_server: FaultServer,
        greeting: Greeting,
        retries: int,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        downloads.use_plain_session(retries)
        http_server.greets(greeting)

        with pytest.raises(PipError):
            downloads.run(http_server.url(PATH), options=options_of_plain_pip(retries))

        assert http_server.connections == 1 + retries
        assert downloads.waits_s == []
        assert [message for message in caplog.messages if "trying again" in message] == []

    def test_a_later_run_tries_as_often_as_pip_to_reach_a_server_that_is_down(
        self, downloads: Downloads, http_server: FaultServer
    ) -> None:
        http_server.plays(PATH, FIRST_HALF)
        downloads.give_up(http_server.url(PATH), options=ONE_ATTEMPT)
        http_server.greets(Greeting.CLOSE)
        connections = http_server.connections

        with pytest.raises((GaveUp, PipError)):
            downloads.run(http_server.url(PATH))

        # The last one is without Range: the server may close connections only because of it.
        assert http_server.connections - connections == 6 + 1
        assert downloads.waits_s == [0.5, 1, 2, 4]
        assert downloads.stored(http_server.url(PATH)) == CONTENT[:HALF]

    @pytest.mark.parametrize("has_partial", [False, True], ids=["without a partial", "with a partial"])
    def test_a_host_that_has_answered_in_this_run_is_worth_the_same_patience_as_in_the_middle_of_a_file(
        self, has_partial: bool, downloads: Downloads, http_server: FaultServer
    ) -> None:
        """Field report 1.20: the outage falls between two downloads."""
        if has_partial:
            http_server.plays(PATH, FIRST_HALF)
            downloads.give_up(http_server.url(PATH), options=ONE_ATTEMPT)
        http_server.greets(Greeting.CLOSE)
        host = f"127.0.0.1:{http_server.port}"

        with pytest.raises((GaveUp, PipError)):
            downloads.run(http_server.url(PATH), answered=(host,))

        assert DEFAULT_PATIENCE_S <= sum(downloads.waits_s) < DEFAULT_PATIENCE_S + 15

    def test_a_host_that_has_not_answered_is_worth_one_minute_if_a_different_one_has(
        self, downloads: Downloads, http_server: FaultServer
    ) -> None:
        http_server.greets(Greeting.CLOSE)

        with pytest.raises(PipError):
            downloads.run(http_server.url(PATH), answered=("index.example",))

        assert 60 <= sum(downloads.waits_s) < 60 + 7

    def test_a_file_is_downloaded_after_an_outage_before_its_first_byte(
        self, downloads: Downloads, http_server: FaultServer
    ) -> None:
        http_server.plays(PATH, COMPLETE)
        http_server.refuse()
        downloads.clock = FakeClock(lambda clock: http_server.listen_again() if clock.elapsed_s() > 100 else None)

        assert downloads.run(http_server.url(PATH), answered=(f"127.0.0.1:{http_server.port}",)) == CONTENT

        assert http_server.asked_ranges(PATH) == [None]
