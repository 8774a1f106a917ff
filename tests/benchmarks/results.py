"""The results of a measurement, as values and as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any

from benchmarks.measure import Figures

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

FIGURES = ("wall_s", "cpu_s", "peak_bytes", "written_bytes", "wire_bytes", "requests", "reached_s")


@dataclass(frozen=True)
class Round:
    """One run of plain pip, and one with the plugin after it."""

    plain: Figures
    ours: Figures


@dataclass(frozen=True)
class Result:
    """All rounds of one case with one pip."""

    case: str
    title: str
    pip_version: str
    rounds: tuple[Round, ...]
    place: str = ""
    """The type of the file system that all files were on."""

    def ratio(self, figure: str) -> float | None:
        """Return the median of the ratios ours / plain of all rounds; None if this figure was not measured."""
        ratios = self._ratios(figure)
        return median(ratios) if ratios else None

    def spread(self, figure: str) -> tuple[float, float] | None:
        """Return the first and the third quartile of these ratios; None if there are fewer than four."""
        ratios = self._ratios(figure)
        if len(ratios) < 4:
            return None
        first, _, third = quantiles(ratios, n=4)
        return first, third

    def _ratios(self, figure: str) -> list[float]:
        pairs = [(getattr(each.ours, figure), getattr(each.plain, figure)) for each in self.rounds]
        return [ours / plain for ours, plain in pairs if ours is not None and plain]

    def plain(self, figure: str) -> float | None:
        """Return the median of plain pip's runs; None if this figure was not measured."""
        return median_of_known(getattr(each.plain, figure) for each in self.rounds)

    def ours(self, figure: str) -> float | None:
        """Return the median of the runs with the plugin; None if this figure was not measured."""
        return median_of_known(getattr(each.ours, figure) for each in self.rounds)


def median_of_known(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None


@dataclass(frozen=True)
class Broken:
    """One file, downloaded over connections that break."""

    pip_version: str
    is_ours: bool
    """With the plugin, not with plain pip."""
    breaks: int
    size: int
    wire_bytes: int
    """Bytes of the file that the server sent in all runs together."""
    runs: int
    """How often the command was run."""

    @property
    def ratio(self) -> float:
        """How many times the file was sent."""
        return self.wire_bytes / self.size


@dataclass(frozen=True)
class Results:
    """All results of one measurement."""

    machine: dict[str, str]
    results: tuple[Result, ...] = ()
    broken: tuple[Broken, ...] = ()


def write_results(results: Results, path: Path) -> None:
    path.write_text(json.dumps(asdict(results), indent=1) + "\n")


def read_results(path: Path) -> Results:
    values = json.loads(path.read_text())
    return Results(
        values["machine"],
        tuple(parse_result(each) for each in values["results"]),
        tuple(Broken(**each) for each in values["broken"]),
    )


def parse_result(values: dict[str, Any]) -> Result:
    rounds = tuple(Round(Figures(**each["plain"]), Figures(**each["ours"])) for each in values.pop("rounds"))
    return Result(rounds=rounds, **values)
