"""What the plugin costs a Python that downloads nothing: not installed, installed and off, installed and on."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from benchmarks.measure import Command, Figures, measure_success
from benchmarks.pairs import Contender, Pair, variables_below
from benchmarks.results import Result, Round

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

# One start is too short to be compared, so a round has this many starts of each kind, which take turns.
STARTS = 40
COMMANDS = {"start": ("`python -c pass`", ("-c", "pass")), "version": ("`pip --version`", ("-m", "pip", "--version"))}
SWITCHES: dict[str, Mapping[str, str]] = {"off": {}, "on": {"PIP_RESUME": "1"}}


def measure_starts(name: str, pair: Pair, work: Path, rounds: int, place: str) -> list[Result]:
    """Measure one of COMMANDS; return the results of off and of on, each compared with plain pip."""
    title, arguments = COMMANDS[name]
    (work / "tmp").mkdir(parents=True, exist_ok=True)
    rounds_measured = [one_round(arguments, pair, work) for _ in range(rounds)]
    return [
        Result(
            f"{name}-{switch}",
            f"{title}, {switch}",
            pair.pip_version,
            tuple(each[switch] for each in rounds_measured),
            place,
        )
        for switch in SWITCHES
    ]


def one_round(arguments: Sequence[str], pair: Pair, work: Path) -> dict[str, Round]:
    absent: list[Figures] = []
    present: dict[str, list[Figures]] = {switch: [] for switch in SWITCHES}
    for _ in range(STARTS):
        absent.append(one_start(arguments, pair.plain, {}, work))
        for switch, variables in SWITCHES.items():
            present[switch].append(one_start(arguments, pair.ours, variables, work))
    return {switch: Round(summary(absent), summary(figures)) for switch, figures in present.items()}


def one_start(arguments: Sequence[str], contender: Contender, switch: Mapping[str, str], work: Path) -> Figures:
    command = Command([contender.python, *arguments], variables_below(work, switch), work)
    return measure_success(command, work / "output.txt")


def summary(starts: list[Figures]) -> Figures:
    """Return the median time of these starts, and the most memory and written bytes of any of them."""
    return Figures(
        wall_s=median(each.wall_s for each in starts),
        cpu_s=median(each.cpu_s for each in starts),
        peak_bytes=max(each.peak_bytes for each in starts),
        written_bytes=max(each.written_bytes for each in starts),
    )
