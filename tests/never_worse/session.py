"""Many situations in several processes, and the report about them."""

from __future__ import annotations

import collections
import gc
import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from never_worse.compare import Comparison, compare
from never_worse.drawing import draw
from never_worse.ingredients import ingredients
from never_worse.one_run import import_pip, scrub_environment
from never_worse.shrinking import shrink
from never_worse.situation import Situation, as_source

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

WHOLE_SESSION = 3500
"""The number of situations for each of three pips."""
SELDOM = 50
"""An ingredient that occurs less often in as many situations is marked in the report."""
SELDOM_ROW = 17
"""The same for a row of a table, so that it occurs fifty times with the three pips."""


@dataclass(frozen=True)
class Found:
    """A seed with a violation, and the simplest situation that has one of the same name."""

    seed: int
    comparison: Comparison
    shrunk: Comparison | None


def start_worker() -> None:
    """Prepare a process of the pool. Each run of pip is forked from it."""
    scrub_environment()
    import_pip()
    # So that a collection in a forked process does not copy and search what all of them share.
    gc.collect()
    gc.freeze()


def workers(processes: int) -> ProcessPoolExecutor:
    """Make a pool of processes that have only one thread, so that they can be forked."""
    return ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), start_worker)


def play_seed(seed: int, *, with_plugin: bool = True) -> tuple[int, Comparison]:
    return seed, compare(draw(seed), with_plugin=with_plugin)


def play_plain_twice(seed: int) -> tuple[int, Comparison]:
    return play_seed(seed, with_plugin=False)


def shrink_one(seed: int, name: str) -> Comparison:
    """Return the simplest situation that still has a violation of this name."""

    def fails(situation: Situation) -> bool:
        return name in compare(situation).names

    return compare(shrink(draw(seed), fails))


def play_seeds(seeds: Iterable[int], processes: int, *, with_plugin: bool = True) -> Iterator[tuple[int, Comparison]]:
    """Yield every seed with its comparison, in order."""
    with workers(processes) as pool:
        yield from pool.map(play_seed if with_plugin else play_plain_twice, seeds, chunksize=4)


class Report:
    """Counts over many comparisons."""

    def __init__(self) -> None:
        self.begun_s = time.monotonic()
        self.played = 0
        self.plain_successes = 0
        self.our_successes = 0
        self.ingredients: collections.Counter[str] = collections.Counter()
        self.rows: collections.Counter[str] = collections.Counter(known_rows())
        self.rows.subtract(known_rows())
        self.names: collections.Counter[str] = collections.Counter()
        self.failed: dict[int, Comparison] = {}

    def add(self, seed: int, comparison: Comparison) -> None:
        self.played += 1
        self.plain_successes += comparison.plain.runs_needed is not None
        self.our_successes += comparison.ours.runs_needed is not None
        self.ingredients.update(ingredients(comparison.situation))
        self.rows.update(set(comparison.ours.rows))
        self.names.update(comparison.names)
        if comparison.violations:
            self.failed[seed] = comparison

    def lines(self) -> Iterator[str]:
        """Yield the report, without the single violations."""
        took_s = time.monotonic() - self.begun_s
        yield f"{self.played} situations in {took_s:.0f} s"
        yield f"plain pip succeeds in {self._percent(self.plain_successes)}, pip-resume in "
        yield f"  {self._percent(self.our_successes)}; {len(self.failed)} situations have a violation"
        for title, counter in (("ingredients", self.ingredients), ("rows", self.rows), ("violations", self.names)):
            yield f"{title}:"
            for name, count in sorted(counter.items()):
                least = {"ingredients": SELDOM, "rows": SELDOM_ROW}.get(title, 0)
                is_seldom = count < least * self.played / WHOLE_SESSION
                yield f"  {count:6} {name}{'   (seldom)' if is_seldom else ''}"

    def _percent(self, count: int) -> str:
        return f"{count} ({100 * count / max(self.played, 1):.0f} %)"

    def by_kind(self) -> dict[frozenset[str], list[int]]:
        """Return the seeds with violations, those with the same names together."""
        kinds: dict[frozenset[str], list[int]] = {}
        for seed, comparison in self.failed.items():
            kinds.setdefault(comparison.names, []).append(seed)
        return kinds


def known_rows() -> list[str]:
    """Return the rows of pip-resume's tables, as its log names them."""
    from pip_resume.protocol.endings import ENDINGS
    from pip_resume.protocol.verdicts import VERDICTS

    return [f"verdict: {row.name}" for row in VERDICTS] + [f"ending: {row.name}" for row in ENDINGS]


def describe(seed: int | str, comparison: Comparison) -> Iterator[str]:
    """Yield what happened in one situation."""
    yield f"seed {seed}: {as_source(comparison.situation)}"
    for violation in comparison.violations:
        yield f"  {violation}"
    for side, played in (("plain", comparison.plain), ("ours ", comparison.ours)):
        for number, run in enumerate((*played.runs, played.next_run), 1):
            name = "next run" if number > len(played.runs) else f"run {number}"
            requests = ", ".join(
                f"{'' if request.first_pos is None else request.first_pos}>{request.status}"
                for request in run.requests[:12]
            )
            more = f" and {len(run.requests) - 12} more" if len(run.requests) > 12 else ""
            yield (
                f"    {side} {name}: {run.ended.how} {run.ended.text[:100]!r} {run.begun_s:.1f}-{run.ended_s:.1f} s, "
                f"{run.body_bytes} bytes; {requests}{more}"
            )
