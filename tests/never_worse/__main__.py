"""Many situations for promise 0, with the pip that is installed: `python -m never_worse --count 2000`."""

from __future__ import annotations

import argparse
import sys
from itertools import islice

from never_worse.compare import compare
from never_worse.drawing import AIMED_FROM
from never_worse.playing import Played
from never_worse.session import Report, describe, play_seeds, shrink_one, start_worker, workers

MOST_REAL = 300


def main() -> int:
    options = _parser().parse_args()
    if options.pip_info:
        import pip

        print(f"pip {pip.__version__}, Python {sys.version.split()[0]}")
    if options.real:
        from never_worse.real import play_many

        return play_many(options.first, min(options.count, MOST_REAL), options.pips)
    if options.field:
        return _field(options.processes)
    if options.seed is not None:
        return _one(options.seed)
    report = Report()
    aimed = range(AIMED_FROM + options.first, AIMED_FROM + options.first + options.aimed)
    seeds = [*range(options.first, options.first + options.count), *aimed]
    for seed, comparison in play_seeds(seeds, options.processes, with_plugin=not options.plain_twice):
        report.add(seed, comparison)
        if comparison.violations:
            print(f"... seed {seed}: {', '.join(sorted(comparison.names))}", flush=True)
        if report.played % 500 == 0:
            print(f"... {report.played} played, {len(report.failed)} with a violation", flush=True)
    _print_violations(report, options)
    print("\n".join(report.lines()))
    return 1 if report.failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m never_worse", description=__doc__)
    parser.add_argument("--count", type=int, default=2000, help="number of situations")
    parser.add_argument("--aimed", type=int, default=1500, help="number of further ones, aimed at seldom rows")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--seed", type=int, help="play this seed alone and show what happened")
    parser.add_argument("--field", action="store_true", help="print a table of the situations of the field report")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--shrink", type=int, default=12, help="how many violations to shrink")
    parser.add_argument("--plain-twice", action="store_true", help="compare plain pip with itself: finds nothing")
    parser.add_argument("--real", action="store_true", help="over real sockets, in real time, to real pips")
    parser.add_argument("--pips", nargs="+", default=["26.3", "25.0.1"], help="versions of pip, for --real")
    parser.add_argument("--pip-info", action="store_true", help="print the version of pip first")
    return parser


def _field(processes: int) -> int:
    """Print a table of the situations of the field report, and return 1 if one does not end as it should."""
    from never_worse.field import ROWS

    complaints = 0
    print("| situation | plain pip: run, bytes / file, seconds | pip-resume: run, bytes / file, seconds |")
    print("| --- | --- | --- |")
    with workers(processes) as pool:
        for row, comparison in zip(ROWS, pool.map(compare, [row.situation for row in ROWS])):
            found = list(row.complaints(comparison))
            complaints += bool(found)
            sides = " | ".join(_side(each, row.situation.file.size) for each in (comparison.plain, comparison.ours))
            print(f"| {row.name} | {sides}{'; '.join(['', *found])} |", flush=True)
    print(f"{len(ROWS)} situations, {complaints} that do not end as they should")
    return 1 if complaints else 0


def _side(played: Played, size: int) -> str:
    run = f"run {played.runs_needed}" if played.runs_needed else f"no file in {len(played.runs)} runs"
    return f"{run}, {played.body_bytes / size:.2f}, {played.ended_s:.0f}"


def _one(seed: int) -> int:
    from never_worse.drawing import draw

    start_worker()
    comparison = compare(draw(seed))
    print("\n".join(describe(seed, comparison)))
    return 1 if comparison.violations else 0


def _print_violations(report: Report, options: argparse.Namespace) -> None:
    """Print the seeds of each kind of violation, and the simplest situation for some of them."""
    kinds = sorted(report.by_kind().items(), key=lambda item: -len(item[1]))
    for names, seeds in kinds:
        print(f"{len(seeds):5} x {', '.join(sorted(names))}: seeds {' '.join(map(str, seeds[:12]))}")
    if options.plain_twice:
        return
    with workers(options.processes) as pool:
        jobs = [(seeds[0], sorted(names)[0]) for names, seeds in islice(kinds, options.shrink)]
        for (seed, _name), shrunk in zip(jobs, pool.map(shrink_one, *zip(*jobs)) if jobs else ()):
            print("\n".join(describe(seed, shrunk)))


if __name__ == "__main__":
    sys.exit(main())
