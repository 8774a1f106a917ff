"""What was measured, and how it is kept: plain values, JSON and back."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks.measure import Figures

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

FIGURES = ("wall_s", "cpu_s", "peak_bytes", "written_bytes", "wire_bytes", "requests", "reached_s")


@dataclass(frozen=True)
class Round:
    """One run of each, one after the other."""

    plain: Figures
    ours: Figures


@dataclass(frozen=True)
class Result:
    """All rounds of one case with one pip."""

    case: str
    title: str
    pip_version: str
    rounds: tuple[Round, ...]

    def ratio(self, figure: str) -> float | None:
        """The median of ours / plain of every round; None where this figure was not taken."""
        pairs = [(getattr(each.ours, figure), getattr(each.plain, figure)) for each in self.rounds]
        taken = [ours / plain for ours, plain in pairs if ours is not None and plain]
        return median(taken) if taken else None

    def plain(self, figure: str) -> float | None:
        """The median of plain pip's runs."""
        return middle(getattr(each.plain, figure) for each in self.rounds)

    def ours(self, figure: str) -> float | None:
        """The median of our runs."""
        return middle(getattr(each.ours, figure) for each in self.rounds)


def middle(values: Iterable[float | None]) -> float | None:
    taken = [value for value in values if value is not None]
    return median(taken) if taken else None


@dataclass(frozen=True)
class Broken:
    """One file got over a line that breaks."""

    pip_version: str
    with_us: bool
    breaks: int
    size: int
    wire_bytes: int
    """Of the file, in all runs and answers together."""
    runs: int
    """How often the command had to be given."""

    @property
    def ratio(self) -> float:
        """How many times the file went over the wire."""
        return self.wire_bytes / self.size


@dataclass(frozen=True)
class Results:
    """Everything of one measurement."""

    machine: dict[str, str]
    results: tuple[Result, ...] = ()
    broken: tuple[Broken, ...] = ()


def write_results(results: Results, path: Path) -> None:
    path.write_text(json.dumps(asdict(results), indent=1) + "\n")


def read_results(path: Path) -> Results:
    values = json.loads(path.read_text())
    return Results(
        values["machine"],
        tuple(result_from(each) for each in values["results"]),
        tuple(Broken(**each) for each in values["broken"]),
    )


def result_from(values: dict[str, Any]) -> Result:
    rounds = tuple(Round(Figures(**each["plain"]), Figures(**each["ours"])) for each in values.pop("rounds"))
    return Result(rounds=rounds, **values)
