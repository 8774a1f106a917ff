"""A clock and displays that take the place of the real ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Callable

from pip_resume.errors import FailedAttempt
from pip_resume.protocol.endings import Ending
from pip_resume.protocol.messages import Held, Request, ResponseHead
from pip_resume.protocol.retry import Budget
from pip_resume.protocol.verdicts import Verdict

START_S = 1_700_000_000.0


class FakeClock:
    """Time passes only in `sleep_s` and `advance`, and neither of them waits."""

    def __init__(self, on_sleep: Callable[[FakeClock], object] = lambda _clock: None) -> None:
        """Call `on_sleep` with this clock at the end of each sleep."""
        self._on_sleep = on_sleep
        self._advanced_s = 0.0
        self.slept_s: list[float] = []

    def now_s(self) -> float:
        return START_S + self.elapsed_s()

    def elapsed_s(self) -> float:
        return sum(self.slept_s) + self._advanced_s

    def advance(self, duration_s: float) -> None:
        """Let time pass without a sleep."""
        self._advanced_s += duration_s

    def sleep_s(self, delay_s: float) -> None:
        self.slept_s.append(delay_s)
        self._on_sleep(self)

    def chance(self) -> float:
        return 0.5


# The arguments have the names of interfaces.Display, so that they can be given by name.
# ruff: noqa: ARG002


@dataclass
class RecordingDisplay:
    """A Display that records what the user would see, in order."""

    starts: list[tuple[bool, int, int | None]] = field(default_factory=list)
    """Whether the body comes from pip's cache; offset; complete-length."""
    failures: list[FailedAttempt] = field(default_factory=list)
    restart_reasons: list[str] = field(default_factory=list)
    saved: list[int] = field(default_factory=list)
    """Numbers of bytes that did not have to be downloaded again."""
    interrupt_after: int | None = None
    """Number of bytes of a body after which the user presses Ctrl-C. None: never."""
    interrupted_offsets: list[int] = field(default_factory=list)
    store_errors: list[Exception] = field(default_factory=list)

    def starting(self, head: ResponseHead | None, offset: int, complete_length: int | None) -> None:
        self.starts.append((head is not None and head.from_cache, offset, complete_length))

    @contextmanager
    def bar(
        self, blocks: Iterable[bytes], head: ResponseHead, first_pos: int, complete_length: int | None
    ) -> Iterator[Iterator[bytes]]:
        yield self._until_interrupted(blocks)

    def _until_interrupted(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        size = 0
        for block in blocks:
            yield block
            size += len(block)
            if self.interrupt_after is not None and size >= self.interrupt_after:
                raise KeyboardInterrupt

    def connection_lost(
        self, failure: FailedAttempt, complete_length: int | None, budget: Budget, delay_s: float
    ) -> None:
        self.failures.append(failure)

    def starting_over(self, reason: str) -> None:
        self.restart_reasons.append(reason)

    def waiting_for_other(self, offset: int, complete_length: int | None) -> None:
        raise AssertionError("this test has no other pip to wait for")

    def interrupted(self, offset: int, complete_length: int | None) -> None:
        self.interrupted_offsets.append(offset)

    def resumed(self, saved: int, complete_length: int) -> None:
        self.saved.append(saved)

    def store_unusable(self, error: Exception) -> None:
        self.store_errors.append(error)

    def requested(self, request: Request, held: Held) -> None:
        pass

    def judged(self, head: ResponseHead, verdict: Verdict) -> None:
        pass

    def concluded(self, ending: Ending, held: Held) -> None:
        pass


@dataclass
class WaitRecordingDisplay(RecordingDisplay):
    """A display for tests with several pips: it records the waits, too."""

    waits: list[tuple[int, int | None]] = field(default_factory=list)
    """How many bytes the other pip had, and the complete-length."""

    def waiting_for_other(self, offset: int, complete_length: int | None) -> None:
        self.waits.append((offset, complete_length))
