"""The goals for what pip-resume may cost, and whether a measurement reaches them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.results import Results

MOST_BREAKS = 20


@dataclass(frozen=True)
class Goal:
    """A ratio to plain pip of the same version in the same measurement; smaller is better."""

    title: str
    case: str
    figure: str
    floor: float
    """The largest ratio that is accepted."""
    aim: float
    """The ratio that the project wants to reach."""


GOALS = (
    Goal("200 MiB https, wall", "download-200M", "wall_s", 0.95, 0.85),
    Goal("200 MiB https, CPU", "download-200M", "cpu_s", 1.00, 0.95),
    Goal("1 GiB https, wall", "download-1G", "wall_s", 0.85, 0.60),
    Goal("200 MiB https on one core, wall", "one-core-200M", "wall_s", 1.02, 0.98),
    Goal("200 MiB https, peak memory", "download-200M", "peak_bytes", 0.20, 0.18),
    Goal("200 MiB https, bytes written", "download-200M", "written_bytes", 0.51, 0.50),
    Goal("resume of 1 GiB at 99 %, until the first new byte", "resume-99", "reached_s", 0.15, 0.10),
    Goal("100 small wheels, wall", "small", "wall_s", 1.03, 1.00),
    Goal("100 small wheels, CPU", "small", "cpu_s", 1.03, 1.00),
    Goal("from the cache (download), wall", "cached", "wall_s", 1.03, 1.00),
    Goal("from the cache (install), wall", "reinstall", "wall_s", 1.03, 1.00),
    Goal("`python -c pass`, present and off, CPU", "start-off", "cpu_s", 1.03, 1.01),
)
BREAKS = Goal(f"bytes on the wire / file size, {MOST_BREAKS} breaks", "breaks", "wire_bytes", 1.01, 1.001)


@dataclass(frozen=True)
class Outcome:
    """The ratio that was measured for one goal with one pip."""

    goal: Goal
    pip_version: str
    ratio: float
    place: str = ""
    spread: tuple[float, float] | None = None
    """The first and the third quartile."""

    @property
    def verdict(self) -> str:
        if self.ratio <= self.goal.aim:
            return "aim"
        return "floor" if self.ratio <= self.goal.floor else "missed"


def outcomes(results: Results) -> list[Outcome]:
    """Return an outcome for every goal that was measured, for each pip."""
    found = []
    for goal in GOALS:
        for result in results.results:
            ratio = result.ratio(goal.figure) if result.case == goal.case else None
            if ratio is not None:
                found.append(Outcome(goal, result.pip_version, ratio, result.place, result.spread(goal.figure)))
    with_most_breaks = [each for each in results.broken if each.is_ours and each.breaks == MOST_BREAKS]
    return [*found, *(Outcome(BREAKS, each.pip_version, each.ratio) for each in with_most_breaks)]
