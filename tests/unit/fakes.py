"""A clock that never waits, and a display that records, for the tests of the engine without a network or a disk."""

from __future__ import annotations

from dataclasses import dataclass, field

from pip_resume.errors import FailedAttempt
from pip_resume.protocol.retry import Budget, Limits


@dataclass
class FakeClock:
    """Time passes only in ``sleep_s`` and ``advance``, and neither of them waits."""

    number: float = 0.0
    """What ``chance`` returns."""
    slept_s: list[float] = field(default_factory=list)
    overslept_s: float = 0.0
    """How much longer each sleep takes, as when the lid of a laptop is closed."""
    passed_s: float = 1_000_000.0

    def now_s(self) -> float:
        return 1_700_000_000.0 + self.passed_s

    def elapsed_s(self) -> float:
        return self.passed_s

    def sleep_s(self, delay_s: float) -> None:
        self.slept_s.append(delay_s)
        self.passed_s += delay_s + self.overslept_s

    def advance(self, duration_s: float) -> None:
        """Let time pass without a sleep."""
        self.passed_s += duration_s

    def chance(self) -> float:
        return self.number


@dataclass
class FakeDisplay:
    """Records what the user would see of attempts and waits. It has no other method of interfaces.Display."""

    failures: list[FailedAttempt] = field(default_factory=list)
    lengths: list[int | None] = field(default_factory=list)
    limits: list[Limits] = field(default_factory=list)
    budgets: list[Budget] = field(default_factory=list)
    delays_s: list[float] = field(default_factory=list)
    waits: list[tuple[float, float]] = field(default_factory=list)
    """Seconds that are left, and seconds without a new byte."""
    others: list[tuple[int, int | None]] = field(default_factory=list)
    """How many bytes the other pip had, and the complete-length."""

    def attempt_failed(
        self, failure: FailedAttempt, complete_length: int | None, budget: Budget, limits: Limits, delay_s: float
    ) -> None:
        self.failures.append(failure)
        self.lengths.append(complete_length)
        self.budgets.append(budget)
        self.limits.append(limits)
        self.delays_s.append(delay_s)

    def waiting(self, left_s: float, idle_s: float) -> None:
        self.waits.append((left_s, idle_s))

    def waiting_for_other(self, offset: int, complete_length: int | None) -> None:
        self.others.append((offset, complete_length))
