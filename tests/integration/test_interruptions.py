"""A line that keeps breaking: what goes over the wire, what is kept, how long is waited, and what the user reads."""

from __future__ import annotations

import logging
import math
import socket
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from email.utils import formatdate
from pathlib import Path
from typing import Any, Callable

import pytest
from integration.machine import MODULE, FakeClock, Machine, artifact_of, hashed
from pip._internal.models.link import Link
from pip._internal.network.session import PipSession
from servers.certificates import Certificates, issue_certificates
from servers.fault_server import Answer, FaultServer, FileAnswer, Greeting, NoResponse, Then
from servers.index_pages import noise
from servers.proxy import Proxy

from pip_resume.engine import transfer
from pip_resume.engine.reading import MAX_BLOCK_BYTES
from pip_resume.errors import GaveUp, PipError, Report
from pip_resume.inside_pip.display import PipDisplay
from pip_resume.inside_pip.transport import PipTransport
from pip_resume.protocol.retry import Budget
from pip_resume.protocol.verdicts import OVERLAP_BYTES

PATH = "/files/thing-1.0.tar.gz"
CONTENT = noise(2_400_000, seed=4)
HALF = len(CONTENT) // 2
WHOLE = FileAnswer(CONTENT)
DATE_S = 1_700_000_000.0


def cut(after: int, then: Then = Then.DROP, **more: Any) -> FileAnswer:
    return FileAnswer(CONTENT, cut_after=after, then=then, **more)


class Clock(FakeClock):
    """Moves by sleeping and by blocks that arrive; does something whenever somebody sleeps."""

    def __init__(self, on_sleep: Callable[[int], None] = lambda _: None) -> None:
        super().__init__()
        self._on_sleep = on_sleep
        self.moved_s = 0.0

    def elapsed_s(self) -> float:
        return super().elapsed_s() + self.moved_s

    def sleep_s(self, delay_s: float) -> None:
        super().sleep_s(delay_s)
        self._on_sleep(len(self.slept_s))


class Line(PipDisplay):
    """pip's display without a bar; passes each connection's blocks on at a rate of its own, by the test's clock."""

    def __init__(self, link: Link, clock: Clock, rates: tuple[float, ...]) -> None:
        super().__init__(MODULE, link, "off")
        self._clock = clock
        self._rates = list(rates)

    @contextmanager
    def bar(self, blocks: Iterable[bytes], *_: Any) -> Iterator[Iterator[bytes]]:
        yield self._at_a_rate(blocks)

    def _at_a_rate(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        rate = self._rates.pop(0) if len(self._rates) > 1 else self._rates[0]
        for block in blocks:
            self._clock.moved_s += len(block) / rate
            yield block


class Downloads:
    """Runs of pip on one machine, of the one file of one server."""

    def __init__(self, machine: Machine, directory: Path) -> None:
        self.machine = machine
        self._directory = directory
        self.session: Any = machine.session()
        self.session.timeout = 5
        self.clock = Clock()

    def run(self, url: str, *, retries: int = 5, rates: tuple[float, ...] = (math.inf,)) -> bytes:
        """One run of pip. Raises GaveUp and PipError as `transfer.download` does."""
        location = self._directory / f"interrupted-{len(list(self._directory.iterdir()))}"
        location.mkdir()
        link = hashed(url, CONTENT)
        transport = PipTransport(MODULE, self.session, link, artifact_of(link))
        display = Line(link, self.clock, rates)
        store, budget = self.machine.store, Budget(retries)
        with closing(self.session):
            finished = transfer.download(artifact_of(link), location, transport, store, display, budget, self.clock)
        return finished.path.read_bytes()

    def give_up(self, url: str, **options: Any) -> Report:
        with pytest.raises(GaveUp) as given_up:
            self.run(url, **options)
        report: Report = given_up.value.report
        return report

    def waits_s(self) -> list[float]:
        return [delay_s for delay_s in self.clock.slept_s if delay_s]

    def kept(self, url: str) -> bytes | None:
        return self.machine.kept(hashed(url, CONTENT))


@pytest.fixture
def downloads(machine: Machine, tmp_path: Path) -> Downloads:
    directory = tmp_path / "runs"
    directory.mkdir()
    return Downloads(machine, directory)


@pytest.fixture(autouse=True)
def everything_is_said(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, MODULE.__name__)


@pytest.fixture(params=["http_server", "https_server"])
def server(request: pytest.FixtureRequest) -> FaultServer:
    found: FaultServer = request.getfixturevalue(request.param)
    return found


def lost(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


@pytest.mark.parametrize("then", [Then.RESET, Then.DROP, Then.CLOSE])
def test_line_that_gives_a_tenth_each_time_is_finished_in_one_run(
    downloads: Downloads, server: FaultServer, then: Then
) -> None:
    server.plays(PATH, cut(len(CONTENT) // 10, then))

    assert downloads.run(server.url(PATH)) == CONTENT

    attempts = len(server.requests(PATH))
    assert attempts >= 10
    assert server.fetched_twice(PATH) <= MAX_BLOCK_BYTES * (attempts - 1)
    assert downloads.waits_s() == []


def test_two_hundred_breaks_in_one_download_cost_no_byte_and_no_wait(
    downloads: Downloads, http_server: FaultServer, caplog: pytest.LogCaptureFixture
) -> None:
    http_server.plays(PATH, cut(12_000))

    assert downloads.run(http_server.url(PATH)) == CONTENT

    assert len(http_server.requests(PATH)) == http_server.connections == 200
    assert http_server.fetched_twice(PATH) == 0
    assert downloads.waits_s() == []
    assert len(lost(caplog)) == 199
    assert set(caplog.messages[-2:-1]) == {
        "Connection lost at 2.4 MB of 2.4 MB (closed early); resuming, attempt 2 of 6 without progress"
    }


@pytest.mark.parametrize("then", [Then.GARBAGE_TLS, Then.BAD_MAC])
def test_fault_of_tls_in_mid_body_costs_a_block(
    downloads: Downloads, https_server: FaultServer, then: Then, caplog: pytest.LogCaptureFixture
) -> None:
    https_server.plays(PATH, cut(HALF, then), WHOLE)

    assert downloads.run(https_server.url(PATH)) == CONTENT

    assert len(https_server.requests(PATH)) == https_server.connections == 2
    assert https_server.fetched_twice(PATH) <= MAX_BLOCK_BYTES
    assert len(lost(caplog)) == 1
    assert "(TLS: " in lost(caplog)[0]


def test_silence_ends_with_the_time_out_and_a_new_connection(
    downloads: Downloads, server: FaultServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.plays(PATH, cut(HALF, Then.STALL), WHOLE)
    downloads.session.timeout = 0.5

    assert downloads.run(server.url(PATH)) == CONTENT

    assert len(server.requests(PATH)) == server.connections == 2
    assert server.fetched_twice(PATH) <= MAX_BLOCK_BYTES
    assert ["(read timed out); resuming," in line for line in lost(caplog)] == [True]


@pytest.mark.parametrize(
    ("greeting", "words"),
    [
        pytest.param(Greeting.CLOSE, "closed without a response", id="closed"),
        pytest.param(Greeting.RESET, "reset by peer", id="reset"),
        pytest.param(Greeting.HANG, "read timed out", id="silence"),
    ],
)
def test_connections_that_come_to_nothing_are_waited_for(
    downloads: Downloads, http_server: FaultServer, caplog: pytest.LogCaptureFixture, greeting: Greeting, words: str
) -> None:
    http_server.greets(Greeting.SERVE, greeting, greeting, Greeting.SERVE)
    http_server.plays(PATH, cut(HALF), WHOLE)
    downloads.session.timeout = 0.5

    assert downloads.run(http_server.url(PATH)) == CONTENT

    assert lost(caplog)[1:] == [
        f"No response ({words}); waiting 0.5 s before trying again, attempt 3 of 6 without progress",
        f"No response ({words}); waiting 1 s before trying again, attempt 4 of 6 without progress",
    ]


def test_server_that_refuses_for_a_while_is_waited_for(
    downloads: Downloads, http_server: FaultServer, caplog: pytest.LogCaptureFixture
) -> None:
    http_server.plays(PATH, cut(HALF, refuse_s=math.inf), WHOLE)
    downloads.clock = Clock(lambda sleeps: http_server.listen_again() if sleeps == 4 else None)

    assert downloads.run(http_server.url(PATH)) == CONTENT

    assert http_server.asked_ranges(PATH) == [None, f"bytes={HALF}-"]
    assert downloads.waits_s() == [0.5, 1, 2]
    assert [line.partition(";")[0] for line in lost(caplog)] == [
        "Connection lost at 1.2 MB of 2.4 MB (closed early)",
        *["No response (connection refused)"] * 3,
    ]


def busy(status: int, retry_after: str | None = None) -> Answer:
    fields = {"Date": formatdate(DATE_S, usegmt=True)}
    return Answer(status, fields if retry_after is None else {**fields, "Retry-After": retry_after}, b"busy")


@pytest.mark.parametrize(
    ("answer", "waits_s"),
    [
        pytest.param(busy(503, "5"), [5, 5], id="503, with seconds"),
        pytest.param(busy(429, "7"), [7, 7], id="429, with seconds"),
        pytest.param(busy(503, formatdate(DATE_S + 20, usegmt=True)), [20, 20], id="503, with a date"),
        pytest.param(busy(503, "60"), [60, 60], id="503, with the longest wait"),
        pytest.param(busy(503, "0"), [0.5, 1], id="503, with less than the backoff"),
        pytest.param(busy(503, "soon"), [0.5, 1], id="503, with nonsense"),
        pytest.param(busy(429), [0.5, 1], id="429"),
        pytest.param(busy(408), [0.5, 1], id="408"),
        pytest.param(busy(500), [0.5, 1], id="500"),
        pytest.param(busy(502), [0.5, 1], id="502"),
        pytest.param(busy(504), [0.5, 1], id="504"),
        pytest.param(busy(520), [0.5, 1], id="520"),
    ],
)
def test_busy_server_is_given_the_time_it_asks_for(
    downloads: Downloads,
    http_server: FaultServer,
    caplog: pytest.LogCaptureFixture,
    answer: Answer,
    waits_s: list[float],
) -> None:
    http_server.plays(PATH, cut(HALF), answer, answer, WHOLE)

    assert downloads.run(http_server.url(PATH)) == CONTENT

    assert http_server.asked_ranges(PATH) == [None, *[f"bytes={HALF}-"] * 3]
    assert downloads.waits_s() == waits_s
    assert lost(caplog)[1:] == [
        f"The server answered {answer.status}; waiting {wait_s:g} s before trying again, "
        f"attempt {attempt} of 6 without progress"
        for wait_s, attempt in zip(waits_s, (3, 4))
    ]


@pytest.mark.parametrize(
    "retry_after", ["61", "3600", formatdate(DATE_S + 7200, usegmt=True)], ids=["61 s", "an hour", "a date"]
)
def test_server_that_asks_for_a_long_wait_is_left_alone_and_the_bytes_are_kept(
    downloads: Downloads, http_server: FaultServer, retry_after: str
) -> None:
    http_server.plays(PATH, cut(HALF), busy(503, retry_after), WHOLE)

    report = downloads.give_up(http_server.url(PATH))

    assert report.retry_after_s == {"61": 61, "3600": 3600}.get(retry_after, 7200)
    assert report.is_stored
    assert downloads.waits_s() == []
    assert len(http_server.requests(PATH)) == 2
    assert downloads.kept(http_server.url(PATH)) == CONTENT[:HALF]


@pytest.mark.parametrize(
    ("retries", "waits_s"), [(5, [0.5, 1, 2, 4]), (2, [0.5]), (1, [])], ids=["5 retries", "2 retries", "1 retry"]
)
def test_dead_server_is_asked_once_and_then_as_often_as_there_are_retries(
    downloads: Downloads, server: FaultServer, retries: int, waits_s: list[float]
) -> None:
    server.plays(PATH, cut(HALF, Then.CLOSE), busy(500))

    report = downloads.give_up(server.url(PATH), retries=retries)

    assert server.statuses(PATH) == [200, *[500] * retries]
    assert server.connections == 1 + retries
    assert downloads.waits_s() == waits_s
    assert (report.offset, report.complete_length, report.is_stored) == (HALF, len(CONTENT), True)
    assert [failure.cause for failure in report.attempts] == ["closed early", *["the server answered 500"] * retries]


def test_no_connection_attempt_is_multiplied_by_pips_own_retries(
    downloads: Downloads, http_server: FaultServer
) -> None:
    downloads.session = PipSession(retries=3, cache=str(downloads.machine.cache_directory))
    http_server.greets(Greeting.SERVE, Greeting.CLOSE)
    http_server.plays(PATH, cut(HALF))

    downloads.give_up(http_server.url(PATH))

    assert http_server.connections == 1 + 5
    # For its index pages, and for the next file, pip has them back.
    assert downloads.session.get_adapter(http_server.url(PATH)).max_retries.total == 3


def test_next_run_asks_for_the_rest_alone(
    downloads: Downloads, server: FaultServer, caplog: pytest.LogCaptureFixture
) -> None:
    at = len(CONTENT) * 6 // 10
    server.plays(PATH, cut(at, Then.CLOSE), NoResponse())
    downloads.give_up(server.url(PATH))
    server.plays(PATH, WHOLE)
    server.forget()

    assert downloads.run(server.url(PATH)) == CONTENT

    assert server.asked_ranges(PATH) == [f"bytes={at - OVERLAP_BYTES}-"]
    assert caplog.messages[-1].endswith("1.4 MB of 2.4 MB did not have to be downloaded again")
    assert downloads.kept(server.url(PATH)) is None


def test_no_retries_means_the_first_break_is_the_end_and_the_bytes_are_kept(
    downloads: Downloads, http_server: FaultServer, caplog: pytest.LogCaptureFixture
) -> None:
    http_server.plays(PATH, cut(HALF), WHOLE)

    report = downloads.give_up(http_server.url(PATH), retries=0)

    assert len(http_server.requests(PATH)) == 1
    assert report.is_stored
    assert downloads.kept(http_server.url(PATH)) == CONTENT[:HALF]
    assert lost(caplog) == []


def test_server_that_sends_one_byte_per_request_does_not_keep_us_for_ever(
    downloads: Downloads, http_server: FaultServer
) -> None:
    http_server.plays(PATH, cut(1))

    report = downloads.give_up(http_server.url(PATH))

    assert http_server.asked_ranges(PATH) == [None, *[f"bytes={first}-" for first in range(1, 6)]]
    assert downloads.waits_s() == [0.5, 1, 2, 4, 8]
    assert report.offset == 6


def test_trickle_is_dropped_and_resumed_on_a_new_connection(
    downloads: Downloads, server: FaultServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.plays(PATH, WHOLE)

    assert downloads.run(server.url(PATH), rates=(100, 10**6)) == CONTENT

    assert server.asked_ranges(PATH) == [None, "bytes=4096-"]
    assert server.connections == 2
    assert lost(caplog) == [
        "Connection lost at 4.1 kB of 2.4 MB (slower than 1 KiB/s); resuming, attempt 2 of 6 without progress"
    ]


def test_line_that_trickles_for_ever_is_not_given_up(downloads: Downloads, http_server: FaultServer) -> None:
    http_server.plays(PATH, WHOLE)

    assert downloads.run(http_server.url(PATH), rates=(*[100.0] * 50, 10**6)) == CONTENT

    assert len(http_server.requests(PATH)) == 51
    assert downloads.waits_s() == []


@pytest.mark.parametrize("rate", [2048, 4096])
def test_steady_slow_line_is_left_alone(downloads: Downloads, http_server: FaultServer, rate: int) -> None:
    http_server.plays(PATH, WHOLE)

    assert downloads.run(http_server.url(PATH), rates=(rate,)) == CONTENT

    assert http_server.asked_ranges(PATH) == [None]


def test_name_that_is_not_resolved_for_a_while_is_waited_for(
    downloads: Downloads,
    http_server: FaultServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    http_server.plays(PATH, cut(HALF), WHOLE)
    resolve = socket.getaddrinfo

    def answer_not(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    def on_sleep(sleeps: int) -> None:
        monkeypatch.setattr(socket, "getaddrinfo", answer_not if sleeps < 3 else resolve)

    downloads.clock = Clock(on_sleep)

    assert downloads.run(http_server.url(PATH)) == CONTENT

    assert len(http_server.requests(PATH)) == 2
    assert downloads.waits_s() == [0.5, 1]
    assert [line.partition(";")[0] for line in lost(caplog)[1:]] == [
        "No response (the host name cannot be resolved)"
    ] * 2


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with Proxy() as running:
        yield running


def test_proxy_that_dies_is_waited_for(
    downloads: Downloads, server: FaultServer, proxy: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    server.plays(PATH, WHOLE)
    downloads.session.proxies = {"http": proxy.url, "https": proxy.url}
    proxy.dies_after(HALF)
    downloads.clock = Clock(lambda sleeps: proxy.revive() if sleeps == 3 else None)

    assert downloads.run(server.url(PATH)) == CONTENT

    assert proxy.connections == len(server.requests(PATH)) == 2
    assert downloads.waits_s() == [0.5, 1]
    assert [line.partition(";")[0] for line in lost(caplog)[1:]] == ["No response (proxy: connection refused)"] * 2


def test_proxy_that_stays_dead_is_given_up_with_the_bytes_kept(
    downloads: Downloads, http_server: FaultServer, proxy: Proxy
) -> None:
    http_server.plays(PATH, WHOLE)
    downloads.session.proxies = {"http": proxy.url}
    proxy.dies_after(HALF)

    report = downloads.give_up(http_server.url(PATH))

    assert {failure.cause for failure in report.attempts[1:]} == {"proxy: connection refused"}
    assert len(report.attempts) == 6
    assert report.is_stored


def test_certificate_that_is_not_trusted_any_more_is_final(
    downloads: Downloads, certificates: Certificates, tmp_path: Path
) -> None:
    others = issue_certificates(tmp_path / "others")
    context = certificates.server_context()
    downloads.clock = Clock(lambda _: context.load_cert_chain(others.server_chain, others.server_key))
    with FaultServer(context) as server:
        server.plays(PATH, cut(HALF, Then.CLOSE), WHOLE)

        with pytest.raises(PipError) as refusal:
            downloads.run(server.url(PATH))

        assert "CERTIFICATE_VERIFY_FAILED" in repr(refusal.value.cause) + repr(refusal.value.cause.__context__)
        assert len(server.requests(PATH)) == 1
        assert server.connections == 2
        assert downloads.kept(server.url(PATH)) == CONTENT[:HALF]


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_refusal_after_a_break_is_final_and_the_bytes_stay(
    downloads: Downloads, http_server: FaultServer, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    http_server.plays(PATH, cut(HALF), Answer(status, {}, b"no"))

    with pytest.raises(PipError, match=f"{status} Client Error"):
        downloads.run(http_server.url(PATH))

    assert http_server.statuses(PATH) == [200, status]
    assert lost(caplog)[1:] == ["Kept 1.2 MB of 2.4 MB of thing-1.0.tar.gz; run the same command again to continue"]
    assert downloads.kept(http_server.url(PATH)) == CONTENT[:HALF]


@pytest.mark.parametrize("greeting", [Greeting.CLOSE, Greeting.RESET])
@pytest.mark.parametrize("retries", [0, 1])
def test_server_that_never_answered_is_asked_as_often_as_pip_does_and_is_pips_to_report(
    downloads: Downloads,
    http_server: FaultServer,
    greeting: Greeting,
    retries: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    downloads.session = PipSession(retries=retries, cache=str(downloads.machine.cache_directory))
    http_server.greets(greeting)

    with pytest.raises(PipError):
        downloads.run(http_server.url(PATH))

    assert http_server.connections == 1 + retries
    assert downloads.waits_s() == []
    assert [line for line in caplog.messages if "attempt" in line] == []


def test_server_that_is_down_when_a_later_run_begins_is_asked_six_times(
    downloads: Downloads, http_server: FaultServer
) -> None:
    http_server.plays(PATH, cut(HALF))
    downloads.give_up(http_server.url(PATH), retries=0)
    http_server.greets(Greeting.CLOSE)
    before = http_server.connections

    report = downloads.give_up(http_server.url(PATH))

    assert http_server.connections - before == 6
    assert downloads.waits_s() == [0.5, 1, 2, 4, 8]
    assert (report.offset, report.is_stored) == (HALF, True)
    assert downloads.kept(http_server.url(PATH)) == CONTENT[:HALF]


def test_interruption_by_the_user_during_a_wait_ends_it_and_says_once_what_is_kept(
    downloads: Downloads, http_server: FaultServer, caplog: pytest.LogCaptureFixture
) -> None:
    http_server.plays(PATH, cut(HALF), busy(503, "30"))

    def interrupt(sleeps: int) -> None:
        if sleeps == 2:
            raise KeyboardInterrupt

    downloads.clock = Clock(interrupt)

    with pytest.raises(KeyboardInterrupt):
        downloads.run(http_server.url(PATH))

    assert len(http_server.requests(PATH)) == 2
    assert lost(caplog)[2:] == ["Kept 1.2 MB of 2.4 MB of thing-1.0.tar.gz; run the same command again to continue"]
    assert downloads.kept(http_server.url(PATH)) == CONTENT[:HALF]
