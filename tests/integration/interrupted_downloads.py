"""Runs of pip with pip's own display, for the tests of interruptions and retries."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from integration.fakes import FakeClock
from integration.machine import DOWNLOAD_MODULE, Machine, hashed_link
from integration.samples import cut
from pip._internal.models.link import Link
from pip._internal.network.session import PipSession
from servers.fault_server import FileAnswer, Then
from servers.index_pages import noise

from pip_resume.errors import GaveUp, Report
from pip_resume.inside_pip.display import PipDisplay

PATH = "/files/thing-1.0.tar.gz"
CONTENT = noise(2_400_000, seed=4)
HALF = len(CONTENT) // 2
REST_RANGE = f"bytes={HALF}-"
COMPLETE = FileAnswer(CONTENT)
FIRST_HALF = cut(COMPLETE, HALF, Then.DROP)


class ThrottledDisplay(PipDisplay):
    """pip's display without a bar. It passes the blocks of each connection on at a rate of its own, by a fake clock."""

    def __init__(self, link: Link, clock: FakeClock, rates: tuple[float, ...]) -> None:
        """`rates` are in bytes per second, one for each connection; the last one repeats."""
        super().__init__(DOWNLOAD_MODULE, link, "off")
        self._clock = clock
        self._rates = list(rates)

    @contextmanager
    def bar(self, blocks: Iterable[bytes], *_: Any) -> Iterator[Iterator[bytes]]:
        yield self._throttled(blocks)

    def _throttled(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        rate = self._rates.pop(0) if len(self._rates) > 1 else self._rates[0]
        for block in blocks:
            self._clock.advance(len(block) / rate)
            yield block


class Downloads:
    """Runs of pip that download the same file, with pip's display. They share a session and a clock."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.session: Any = machine.session()
        self.session.timeout = 5
        self.clock = FakeClock()

    def run(self, url: str, *, retries: int = 5, rates: tuple[float, ...] = (math.inf,)) -> bytes:
        """Download once; see ThrottledDisplay for `rates`. Raises what `transfer.download` raises."""
        link = hashed_link(url, CONTENT)
        display = ThrottledDisplay(link, self.clock, rates)
        return self._machine.run(link, display, self.clock, retries=retries, session=self.session).path.read_bytes()

    def give_up(self, url: str, *, retries: int = 5) -> Report:
        """Download once; the run gives up."""
        with pytest.raises(GaveUp) as given_up:
            self.run(url, retries=retries)
        report: Report = given_up.value.report
        return report

    def use_plain_session(self, retries: int) -> None:
        """Use a session as pip makes it with ``--retries``."""
        self.session = PipSession(retries=retries, cache=str(self._machine.cache_directory))

    def waits_s(self) -> list[float]:
        """Return the waits in all runs so far, in seconds, without those of 0 s."""
        return [delay_s for delay_s in self.clock.slept_s if delay_s]

    def stored(self, url: str) -> bytes | None:
        """Return the bytes that the next run finds; None without a partial."""
        return self._machine.stored(hashed_link(url, CONTENT))


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


def causes(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the part of each warning that says what happened."""
    return [warning.partition(";")[0] for warning in warnings(caplog)]
