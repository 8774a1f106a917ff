"""The state of a situation while it is played: the clock, how far the file has gone out, and what was counted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from never_worse import content
from never_worse.situation import Moment

if TYPE_CHECKING:
    from never_worse.content import BuildName
    from never_worse.situation import Situation


class Timed(Protocol):
    """An ingredient that acts for some time."""

    @property
    def begins(self) -> Moment: ...

    @property
    def lasts_s(self) -> float: ...


@dataclass
class State:
    """What changes while a situation is played. A run in a process of its own sends it back when it ends."""

    now_s: float = 0.0
    """Seconds since the start of the first run."""
    highest: int = 0
    """The end of the highest position of the file that has gone out, in all runs together."""
    reached: dict[int, float] = field(default_factory=dict)
    """When a position that matters went out for the first time."""
    used: set[str] = field(default_factory=set)
    """Names of what happens only once and has happened."""
    body_bytes: int = 0
    """Bytes of bodies that have arrived."""
    requests: list[RequestLine] = field(default_factory=list)
    breaks: int = 0
    """How many bodies ended too early."""


@dataclass(frozen=True)
class RequestLine:
    """One request, for the record."""

    at_s: float
    path: str
    first_pos: int | None
    status: int
    """0 if there was no response."""


class World:
    """A situation and its state. All questions of the form `is it so now` are answered here."""

    def __init__(self, situation: Situation, state: State, epoch_s: float) -> None:
        """`epoch_s` is the start of the first run in seconds since the epoch."""
        self.situation = situation
        self.state = state
        self.epoch_s = epoch_s
        self.other_content: bytes | None = None
        """If not None, the server has this in the place of every build."""
        moments = [*_moments(situation), *(Moment(stop.share) for stop in situation.user.stops)]
        self.thresholds = sorted({self.position(moment) for moment in moments} - {0})

    @property
    def size(self) -> int:
        """The size of the first build."""
        return self.situation.file.size

    def position(self, moment: Moment) -> int:
        return int(moment.share * self.size)

    def begin_of(self, moment: Moment) -> float | None:
        """Return when a moment is, in seconds since the start; None if it has not come near yet."""
        position = self.position(moment)
        reached_s = 0.0 if position == 0 else self.state.reached.get(position)
        return None if reached_s is None else reached_s + moment.plus_s

    def is_active(self, timed: Timed, at_s: float) -> bool:
        begin_s = self.begin_of(timed.begins)
        return begin_s is not None and begin_s <= at_s < begin_s + timed.lasts_s

    def end_of(self, timed: Timed) -> float:
        """Return when something that has begun ends."""
        begin_s = self.begin_of(timed.begins)
        assert begin_s is not None
        return begin_s + timed.lasts_s

    def has_come(self, moment: Moment, at_s: float) -> bool:
        begin_s = self.begin_of(moment)
        return begin_s is not None and begin_s <= at_s

    def build_at(self, at_s: float) -> BuildName:
        """Return the build that the index names at this time."""
        replacement = self.situation.replacement
        if replacement is not None and self.has_come(replacement.begins, at_s):
            return replacement.build
        return "first"

    def content_at(self, at_s: float) -> bytes:
        return content.build(self.size, self.build_at(at_s))

    def sent(self, position: int, at_s: float) -> None:
        """Note that the file has gone out up to this position. Exclusive."""
        for threshold in self.thresholds:
            if self.state.highest < threshold <= position:
                self.state.reached[threshold] = at_s
        self.state.highest = max(self.state.highest, position)

    def next_threshold(self, position: int) -> int | None:
        """Return the next position at which something may begin; None if there is none."""
        return next((threshold for threshold in self.thresholds if threshold > position), None)


def _moments(situation: Situation) -> list[Moment]:
    timed: tuple[Timed, ...] = (*situation.outages, *situation.refusals, *situation.slow, *situation.sleeps)
    moments = [each.begins for each in timed] + [hop.begins for hop in situation.hops]
    if situation.replacement is not None:
        moments.append(situation.replacement.begins)
    if situation.file.gzip_from is not None:
        moments.append(situation.file.gzip_from)
    return moments
