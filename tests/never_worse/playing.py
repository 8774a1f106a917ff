"""Play a situation to plain pip or to pip-resume: run after run until the file is there, then once without trouble."""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from never_worse.content import BuildName, build, damaged, hexdigest
from never_worse.one_run import Directories, Ended, Switches, directories_in, run_pip
from never_worse.situation import Moment, Ranges, Replacement, Situation, User
from never_worse.world import RequestLine, State, World

MOST_RUNS = 4


@dataclass(frozen=True)
class Run:
    """One run of pip, as seen from outside."""

    ended: Ended
    begun_s: float
    ended_s: float
    body_bytes: int
    requests: tuple[RequestLine, ...]
    breaks: int
    """How many bodies ended too early."""


@dataclass(frozen=True)
class Played:
    """What came of a situation."""

    runs: tuple[Run, ...]
    next_run: Run
    """A run after all others, with a server and a network that work."""
    reached: dict[int, float] = field(default_factory=dict)
    """When each position that matters went out for the first time, in seconds since the start."""

    @property
    def runs_needed(self) -> int | None:
        """The number of the run that had the right file; None if none had."""
        return len(self.runs) if self.runs[-1].ended.how == "right" else None

    @property
    def body_bytes(self) -> int:
        return sum(run.body_bytes for run in self.runs)

    @property
    def ended_s(self) -> float:
        return self.runs[-1].ended_s

    @property
    def rows(self) -> tuple[str, ...]:
        return tuple(row for run in (*self.runs, self.next_run) for row in run.ended.rows)


def play(situation: Situation, *, with_plugin: bool) -> Played:
    """Play a situation. The same situation gives the same result."""
    _prepare_content(situation)
    with directories_in(scratch()) as directories:
        epoch_s = float(int(time.time()))  # Without a fraction, so that two plays round in the same way.
        if situation.user.cached != "nothing":
            _fill_cache(situation, directories, epoch_s)
        world = World(situation, State(), epoch_s)
        runs: list[Run] = []
        while len(runs) < MOST_RUNS and (not runs or runs[-1].ended.how != "right"):
            if runs:
                world.state.now_s += situation.user.gap_s
            runs.append(_run(world, directories, Switches(with_plugin, f"{len(runs)}")))
        world.state.now_s += situation.user.gap_s
        reached = dict(world.state.reached)
        honest = World(settled(without_trouble(situation), world, world.state.now_s), world.state, epoch_s)
        return Played(tuple(runs), _run(honest, directories, Switches(with_plugin)), reached)


def _prepare_content(situation: Situation) -> None:
    """Make the builds before runs are forked, so that not each of them makes them again."""
    names: list[BuildName] = ["first"]
    names += ["different"] if situation.serves_stale else []
    names += [situation.replacement.build] if situation.replacement is not None else []
    for name in names:
        build(situation.file.size, name)
        if situation.file.link_hash != "none":
            hexdigest(situation.file.size, name, "md5" if situation.file.link_hash == "md5" else "sha256")


def scratch() -> Path:
    """Return a directory in memory where there is one: pip and pip-resume sync what they write."""
    shared = Path("/dev/shm")
    return shared if os.access(shared, os.W_OK) else Path(tempfile.gettempdir())


def without_trouble(situation: Situation) -> Situation:
    """Return the situation with a server, a network and a user that do nothing wrong. The file is the same."""
    file = situation.file
    if file.framing.startswith("length"):
        file = replace(file, framing="length")
    return replace(
        situation,
        file=replace(file, gzip_from=None),
        ranges=Ranges(),
        bytes_per_s=Situation().bytes_per_s,
        cuts=(),
        outages=(),
        refusals=(),
        slow=(),
        serves_stale=False,
        sleeps=(),
        user=User(),
    )


def settled(honest: Situation, world: World, at_s: float) -> Situation:
    """Return the situation with the build that the index names by now, and no further change."""
    build = "different" if world.situation.serves_stale else world.build_at(at_s)
    if build == "first":
        return replace(honest, replacement=None)
    changed = honest.replacement or Replacement(build="different")
    return replace(honest, replacement=replace(changed, begins=Moment()))


def _run(world: World, directories: Directories, switches: Switches) -> Run:
    begun_s, bodies, breaks = world.state.now_s, world.state.body_bytes, world.state.breaks
    requests = len(world.state.requests)
    ended, world.state = run_pip(world, directories, switches)
    state = world.state
    return Run(
        ended,
        begun_s,
        state.now_s,
        state.body_bytes - bodies,
        tuple(state.requests[requests:]),
        state.breaks - breaks,
    )


def _fill_cache(situation: Situation, directories: Directories, epoch_s: float) -> None:
    """Let plain pip download once, half an hour ago, from a server that works, so that pip's cache has an entry."""
    earlier = without_trouble(situation)
    file = replace(earlier.file, link_hash="none", framing="length")
    world = World(replace(earlier, file=file, replacement=None), State(), epoch_s - 1800)
    first = build(file.size, "first")
    world.other_content = {
        "right": first,
        "cut": first,
        "empty": first,
        "old build": build(file.size, "different"),
        "wrong bytes": damaged(file.size),
        "truncated": first[: len(first) // 2],
    }[situation.user.cached]
    run_pip(world, directories, Switches(with_plugin=False))
    if situation.user.cached in ("cut", "empty"):
        for path in directories.cache.rglob("*.body"):  # Since pip 23.3. Before, the body is a part of the entry.
            os.truncate(path, path.stat().st_size // 2 if situation.user.cached == "cut" else 0)
