"""A clock and displays that take the place of the real ones."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, NamedTuple

from pip_resume.engine.interfaces import Block
from pip_resume.errors import FailedAttempt
from pip_resume.protocol.endings import Ending
from pip_resume.protocol.last_request import LastRequest
from pip_resume.protocol.messages import Held, Request, ResponseHead
from pip_resume.protocol.retry import Budget, Limits
from pip_resume.protocol.verdicts import Verdict

START_S = 1_700_000_000.0


class FakeClock:
    """Time passes only in `sleep_s` and `advance`, and neither of them waits."""

    def __init__(self, on_sleep: Callable[[FakeClock], object] = lambda _clock: None, *, chance: float = 0.0) -> None:
        """Call `on_sleep` with this clock at the end of each sleep. `chance` is what it returns as a random number."""
        self._on_sleep = on_sleep
        self._advanced_s = 0.0
        self._chance = chance
        self.slept_s: list[float] = []

    def now_s(self) -> float:
        return START_S + self.elapsed_s()

    def elapsed_s(self) -> float:
        return self._advanced_s

    def advance(self, duration_s: float) -> None:
        """Let time pass without a sleep."""
        self._advanced_s += duration_s

    def sleep_s(self, delay_s: float) -> None:
        self.slept_s.append(delay_s)
        self.advance(delay_s)
        self._on_sleep(self)

    def chance(self) -> float:
        return self._chance


class RunningClock(FakeClock):
    """Time passes as well while a server is waited for."""

    def __init__(self) -> None:
        super().__init__()
        self._begun_s = time.monotonic()

    def elapsed_s(self) -> float:
        return super().elapsed_s() + time.monotonic() - self._begun_s


class Space(NamedTuple):
    """What the user is told about a full directory."""

    directory: Path
    needed: int


# The arguments have the names of interfaces.Display, so that they can be given by name.
# ruff: noqa: ARG002


@dataclass
class RecordingDisplay:
    """A Display that records what the user would see, in order."""

    starts: list[tuple[bool, int, int | None]] = field(default_factory=list)
    """Whether the body comes from pip's cache; offset; complete-length."""
    failures: list[FailedAttempt] = field(default_factory=list)
    delays_s: list[float] = field(default_factory=list)
    """The wait after each of the failures."""
    limits: list[Limits] = field(default_factory=list)
    """The limits at each of the failures."""
    restart_reasons: list[str] = field(default_factory=list)
    """Why the bytes held were discarded."""
    plain_reasons: list[str] = field(default_factory=list)
    """Why the complete file was requested. What is held stays."""
    saved: list[int] = field(default_factory=list)
    """Numbers of bytes that did not have to be downloaded again."""
    interrupt_after: int | None = None
    """Number of bytes of a body after which the user presses Ctrl-C. None: never."""
    interrupted_offsets: list[int] = field(default_factory=list)
    advice: list[str] = field(default_factory=list)
    """What the user is told to do after each of the interrupted downloads."""
    lost_offsets: list[int] = field(default_factory=list)
    """The numbers of bytes of interrupted downloads that the next run does not find."""
    ignored_ranges: list[bool] = field(default_factory=list)
    """For each response that was the complete file instead of a part: whether If-Range was sent."""
    checked: list[int] = field(default_factory=list)
    """The numbers of bytes that were read back to be verified."""
    store_errors: list[Exception] = field(default_factory=list)
    missing_space: list[Space] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    rows: list[str] = field(default_factory=list)
    """The names of the rows of VERDICTS and of ENDINGS that decided, in order."""
    last_rows: list[str] = field(default_factory=list)
    """The names of the rows of LAST_REQUESTS that decided, in order."""

    @property
    def reasons(self) -> list[str]:
        """Why something was requested again. Empty if every byte was of use at once."""
        return self.restart_reasons + self.plain_reasons

    def starting(self, head: ResponseHead | None, offset: int, complete_length: int | None) -> None:
        self.starts.append((head is None or head.from_cache, offset, complete_length))

    @contextmanager
    def bar(
        self, blocks: Iterable[Block], head: ResponseHead, first_pos: int, complete_length: int | None
    ) -> Iterator[Iterator[Block]]:
        yield self._until_interrupted(blocks)

    def _until_interrupted(self, blocks: Iterable[Block]) -> Iterator[Block]:
        size = 0
        for block in blocks:
            yield block
            size += len(block)
            if self.interrupt_after is not None and size >= self.interrupt_after:
                raise KeyboardInterrupt

    def attempt_failed(
        self, failure: FailedAttempt, complete_length: int | None, budget: Budget, limits: Limits, delay_s: float
    ) -> None:
        self.failures.append(failure)
        self.delays_s.append(delay_s)
        self.limits.append(limits)

    def waiting(self, left_s: float, idle_s: float) -> None:
        assert left_s > 0
        assert idle_s >= 0

    def starting_over(self, reason: str) -> None:
        self.restart_reasons.append(reason)

    def asking_plainly(self, reason: str) -> None:
        self.plain_reasons.append(reason)

    def waiting_for_other(self, offset: int, complete_length: int | None) -> None:
        raise AssertionError("this test has no other pip to wait for")

    def other_has_ended(self) -> None:
        pass

    def range_ignored(self, *, is_conditional: bool) -> None:
        self.ignored_ranges.append(is_conditional)

    def requesting(self) -> AbstractContextManager[None]:
        return nullcontext()

    def checking(self, size: int) -> AbstractContextManager[None]:
        self.checked.append(size)
        return nullcontext()

    def copying(self, size: int) -> AbstractContextManager[None]:
        return nullcontext()

    def interrupted(self, offset: int, complete_length: int | None, advice: str) -> None:
        self.interrupted_offsets.append(offset)
        self.advice.append(advice)

    def nothing_kept(self, offset: int, complete_length: int | None) -> None:
        self.lost_offsets.append(offset)

    def no_space(self, directory: Path, needed: int) -> None:
        self.missing_space.append(Space(directory, needed))

    def resumed(self, saved: int, complete_length: int) -> None:
        self.saved.append(saved)

    def store_unusable(self, error: Exception) -> None:
        self.store_errors.append(error)

    def requested(self, request: Request, held: Held) -> None:
        self.requests.append(request)

    def judged(self, head: ResponseHead, verdict: Verdict) -> None:
        self.rows.append(verdict.row)

    def concluded(self, ending: Ending, held: Held) -> None:
        self.rows.append(ending.name)

    def spent(self, row: LastRequest) -> None:
        self.last_rows.append(row.name)

    def body_lost(self, cause: str, held: Held) -> None:
        pass


@dataclass
class WaitRecordingDisplay(RecordingDisplay):
    """A display for tests with several pips: it records the waits, too."""

    waits: list[tuple[int, int | None]] = field(default_factory=list)
    """How many bytes the other pip had, and the complete-length."""

    def waiting_for_other(self, offset: int, complete_length: int | None) -> None:
        self.waits.append((offset, complete_length))
