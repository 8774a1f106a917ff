"""What the wheel costs a Python that downloads nothing: absent, present and off, present and on."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from benchmarks.environments import Environment, Pair, variables
from benchmarks.measure import Command, Figures, measure_success
from benchmarks.results import Result, Round

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

# One start is too short to be compared; so many make a round, and every start of one kind is next to one of another.
STARTS = 40
COMMANDS = {"start": ("`python -c pass`", ("-c", "pass")), "version": ("`pip --version`", ("-m", "pip", "--version"))}
SWITCHES: dict[str, Mapping[str, str]] = {"off": {}, "on": {"PIP_RESUME": "1"}}


def compare_starts(name: str, pair: Pair, work: Path, rounds: int) -> list[Result]:
    """Measure one of COMMANDS; two results, off and on, each beside the environment without the wheel."""
    title, arguments = COMMANDS[name]
    (work / "tmp").mkdir(parents=True, exist_ok=True)
    taken = [one_round(arguments, pair, work) for _ in range(rounds)]
    return [
        Result(f"{name}-{switch}", f"{title}, {switch}", pair.pip_version, tuple(each[switch] for each in taken))
        for switch in SWITCHES
    ]


def one_round(arguments: Sequence[str], pair: Pair, work: Path) -> dict[str, Round]:
    absent: list[Figures] = []
    present: dict[str, list[Figures]] = {switch: [] for switch in SWITCHES}
    for _ in range(STARTS):
        absent.append(one_start(arguments, pair.plain, {}, work))
        for switch, switched in SWITCHES.items():
            present[switch].append(one_start(arguments, pair.ours, switched, work))
    return {switch: Round(together(absent), together(figures)) for switch, figures in present.items()}


def one_start(arguments: Sequence[str], environment: Environment, switched: Mapping[str, str], work: Path) -> Figures:
    command = Command([environment.python, *arguments], variables(work, switched), work)
    return measure_success(command, work / "output.txt")


def together(starts: list[Figures]) -> Figures:
    """The median time of a start, and the most memory that one of them took."""
    return Figures(
        wall_s=median(each.wall_s for each in starts),
        cpu_s=median(each.cpu_s for each in starts),
        peak_bytes=max(each.peak_bytes for each in starts),
        written_bytes=max(each.written_bytes for each in starts),
    )
