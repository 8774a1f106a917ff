"""Runs of pip with pip's own display, for the tests of interruptions and retries."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from integration.fakes import FakeClock
from integration.machine import DEFAULTS, DOWNLOAD_MODULE, Machine, hashed_link
from integration.samples import cut
from pip._internal.models.link import Link
from pip._internal.network.session import PipSession
from servers.fault_server import FileAnswer, Then
from servers.index_pages import noise

from pip_resume.engine.interfaces import Block
from pip_resume.engine.reading import Speeds
from pip_resume.errors import FailedAttempt, GaveUp, Report
from pip_resume.inside_pip.display import PipDisplay
from pip_resume.inside_pip.transport import PipResponse, PipTransport
from pip_resume.protocol.messages import Held, Request
from pip_resume.protocol.retry import Budget, Limits, Options

PATH = "/files/thing-1.0.tar.gz"
CONTENT = noise(2_400_000, seed=4)
HALF = len(CONTENT) // 2
REST_RANGE = f"bytes={HALF}-"
COMPLETE = FileAnswer(CONTENT)
FIRST_HALF = cut(COMPLETE, HALF, Then.DROP)


class DisplayWithoutBar(PipDisplay):
    """pip's display without a bar. It remembers when requests were sent, each wait, and the limits then."""

    def __init__(self, link: Link, clock: FakeClock) -> None:
        super().__init__(DOWNLOAD_MODULE, link, "off")
        self._clock = clock
        self.requested_s: list[float] = []
        self.delays_s: list[float] = []
        self.limits: list[Limits] = []

    def attempt_failed(
        self, failure: FailedAttempt, complete_length: int | None, budget: Budget, limits: Limits, delay_s: float
    ) -> None:
        self.delays_s.append(delay_s)
        self.limits.append(limits)
        super().attempt_failed(failure, complete_length, budget, limits, delay_s)

    def requested(self, request: Request, held: Held) -> None:
        self.requested_s.append(self._clock.elapsed_s())
        super().requested(request, held)


class ThrottledResponse(PipResponse):
    """A body that arrives at a rate (bytes per second) by a fake clock: one second's bytes with each read."""

    def __init__(self, found: PipResponse, clock: FakeClock, rate: float) -> None:
        super().__init__(found.response, found.head, found.timeout_s)
        self._clock = clock
        self._rate = rate

    def read(self, size: int) -> Block:
        block = super().read(min(size, max(1, int(self._rate))))
        self._clock.advance(len(block) / self._rate)
        return block

    def has_more(self, wait_s: float) -> bool:  # noqa: ARG002
        return False


class ThrottledTransport(PipTransport):
    """pip's session over connections of these rates, one for each response; the last one repeats."""

    def __init__(self, clock: FakeClock, rates: tuple[float, ...], *arguments: Any) -> None:
        super().__init__(*arguments)
        self._clock = clock
        self._rates = list(rates)

    def _answered(self, response: Any) -> PipResponse:
        rate = self._rates.pop(0) if len(self._rates) > 1 else self._rates[0]
        return ThrottledResponse(super()._answered(response), self._clock, rate)


class Downloads:
    """Runs of pip that download the same file, with pip's display. They share a session and a clock."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.session: Any = machine.session()
        self.session.timeout = 5
        self.clock = FakeClock()
        self.requested_s: list[float] = []
        """When each request of all runs so far was sent."""
        self.waits_s: list[float] = []
        """The waits in all runs so far, in seconds, without those of 0 s."""
        self.limits: list[Limits] = []
        """The limits at each failed attempt of all runs so far."""

    def run(
        self,
        url: str,
        *,
        options: Options = DEFAULTS,
        rates: tuple[float, ...] = (),
        speeds: Speeds | None = None,
        answered: tuple[str, ...] = (),
    ) -> bytes:
        """Download once; for `rates` see ThrottledTransport. Raises what `transfer.download` raises."""
        link = hashed_link(url, CONTENT)
        display = DisplayWithoutBar(link, self.clock)

        def transport(*arguments: Any) -> PipTransport:
            return ThrottledTransport(self.clock, rates, *arguments) if rates else PipTransport(*arguments)

        try:
            finished = self._machine.run(
                link,
                display,
                self.clock,
                options=options,
                session=self.session,
                speeds=speeds,
                transport_class=transport,
                answered=answered,
            )
        finally:
            self.waits_s += [delay_s for delay_s in display.delays_s if delay_s]
            self.limits += display.limits
            self.requested_s += display.requested_s
        return finished.path.read_bytes()

    def give_up(self, url: str, *, options: Options = DEFAULTS) -> Report:
        """Download once; the run gives up."""
        with pytest.raises(GaveUp) as given_up:
            self.run(url, options=options)
        report: Report = given_up.value.report
        return report

    def use_plain_session(self, retries: int) -> None:
        """Use a session as pip makes it with ``--retries``."""
        self.session = PipSession(retries=retries, cache=str(self._machine.cache_directory))
        self.session.timeout = 5

    def stored(self, url: str) -> bytes | None:
        """Return the bytes that the next run finds; None without a partial."""
        return self._machine.stored(hashed_link(url, CONTENT))


def growing_waits_s(number: int) -> list[Any]:
    """Return the first waits of an outage, approximately: half a second, plus a tenth of its length so far."""
    waits_s: list[float] = []
    for _ in range(number):
        waits_s.append(min(0.5 + 0.1 * sum(waits_s), 15.0))
    return [pytest.approx(wait_s) for wait_s in waits_s]


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


def causes(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the part of each warning that says what happened."""
    return [warning.partition(";")[0] for warning in warnings(caplog)]
