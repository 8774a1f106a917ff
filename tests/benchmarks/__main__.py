"""Measures what pip-resume costs and saves compared with plain pip: `python -m benchmarks --help`, in `tests`."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.breaks import COUNTS, measure_breaks
from benchmarks.case_runs import Wheels, measure_case
from benchmarks.cases import CASES, GIB
from benchmarks.pairs import make_pair
from benchmarks.plot import plot
from benchmarks.report import markdown
from benchmarks.results import Results, read_results, write_results
from benchmarks.served_wheels import Site
from benchmarks.startup import COMMANDS, measure_starts
from benchmarks.work_directory import file_system, find_directories, is_in_memory, work_directory
from environments.checkout import ROOT, build_distribution
from environments.pips import fetch_pip

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.pairs import Pair
    from benchmarks.results import Broken, Result

PIPS = ("26.3", "25.0.1")
NAMES = (*(case.name for case in CASES), *COMMANDS, "breaks")
# A disk has other work to do now and then.
ROUNDS_ON_DISK, ROUNDS_IN_MEMORY = 15, 7
OUTPUT = ROOT / "build" / "benchmarks"


def parse_options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument(
        "--pip", action="append", help=f"version to compare with, repeatable (default: {' '.join(PIPS)})"
    )
    parser.add_argument("--case", action="append", choices=NAMES, help="what to measure, repeatable (default: all)")
    parser.add_argument(
        "--rounds", type=int, help="runs of each of the two environments (default: 15; 7 on a RAM disk)"
    )
    parser.add_argument("--large-rounds", type=int, help="runs of the cases with 1 GiB (default: as --rounds)")
    parser.add_argument("--wheel", type=Path, help="measure this wheel instead of one built from the checkout")
    parser.add_argument(
        "--directory",
        type=Path,
        action="append",
        help="where to write files, repeatable (default: the temporary directory, and a RAM disk if there is one)",
    )
    parser.add_argument("--output", type=Path, default=OUTPUT, help="folder for results.json, results.md, breaks.svg")
    parser.add_argument("--render", type=Path, help="measure nothing; make tables and plot from this results.json")
    return parser.parse_args(arguments)


def main() -> None:
    chosen = parse_options(sys.argv[1:])
    chosen.output.mkdir(parents=True, exist_ok=True)
    results = read_results(chosen.render) if chosen.render else measure_all(chosen)
    report = markdown(results)
    (chosen.output / "results.md").write_text(report)
    if results.broken:
        (chosen.output / "breaks.svg").write_text(plot(results.broken))
    print(report)


def measure_all(chosen: argparse.Namespace) -> Results:
    """Measure the chosen cases in one place after the other; results.json has all results so far after every case."""
    cases = [case for case in CASES if case.name in (chosen.case or NAMES)]
    needed = max((case.needed_bytes for case in cases), default=GIB) + sum({sum(case.sizes) for case in cases})
    machine = describe_machine()
    results: list[Result] = []
    broken: list[Broken] = []
    for parent in chosen.directory or find_directories(needed):
        for part in measure_in(parent, chosen):
            results += part.results
            broken += part.broken
            write_results(Results(machine, tuple(results), tuple(broken)), chosen.output / "results.json")
    return Results(machine, tuple(results), tuple(broken))


def measure_in(parent: Path, chosen: argparse.Namespace) -> Iterator[Results]:
    """Measure the chosen cases with all files below a new directory in `parent`."""
    with work_directory(parent) as work, Site(work) as site:
        our_wheel = chosen.wheel.resolve() if chosen.wheel else build_distribution(work / "built")
        pip_wheels = [fetch_pip(version, work / "pips") for version in chosen.pip or PIPS]
        pairs = [make_pair(work / "environments", pip_wheel, our_wheel) for pip_wheel in pip_wheels]
        yield from measurements(chosen, pairs, Wheels(site), work)


def measurements(chosen: argparse.Namespace, pairs: list[Pair], wheels: Wheels, work: Path) -> Iterator[Results]:
    """Measure one chosen case with one pip after the other; yield the results of each."""
    names = chosen.case or NAMES
    place = file_system(work)
    usual = chosen.rounds or (ROUNDS_IN_MEMORY if is_in_memory(work) else ROUNDS_ON_DISK)
    for pair in pairs:
        for case in (case for case in CASES if case.name in names):
            show_progress(f"pip {pair.pip_version}, {place}: {case.title}")
            rounds = chosen.large_rounds or usual if max(case.sizes) >= GIB else usual
            yield Results({}, (measure_case(case, pair, wheels, work / "runs", rounds, place),))
        for command in (command for command in COMMANDS if command in names):
            show_progress(f"pip {pair.pip_version}, {place}: {COMMANDS[command][0]}")
            yield Results({}, tuple(measure_starts(command, pair, work / "runs", usual, place)))
        if "breaks" in names:
            show_progress(f"pip {pair.pip_version}, {place}: breaks")
            yield Results({}, (), tuple(measure_breaks(pair, wheels.site.certificates, work / "runs", COUNTS)))


def describe_machine() -> dict[str, str]:
    """Return what readers need to know to compare these results with others."""
    load = os.getloadavg()[0]
    return {
        "when": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "Python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}, {os.cpu_count()} CPUs, load {load:.1f} before",
    }


def show_progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
