"""Runs a case with plain pip and with the plugin, in turn."""

from __future__ import annotations

import dataclasses
import os
import shutil
import signal
from typing import TYPE_CHECKING

from benchmarks.cases import MIB, OTHER_FILES_BYTES, Case
from benchmarks.measure import Command, Figures, Watch, measure_success
from benchmarks.pairs import PLAIN, WITH_PLUGIN, Contender, Pair, variables_below
from benchmarks.results import Result, Round

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.served_wheels import ServedWheel, Site

_KEPT_BYTES = 16 * MIB
"""Files of runs that download less are removed after the last run of their case."""


class Wheels:
    """The wheels that the server has; each is made when a case first needs it."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self._made: dict[str, ServedWheel] = {}

    def of(self, case: Case) -> list[ServedWheel]:
        """Return the wheels that this case downloads."""
        return [self._wheel(f"noise-{size}-{number}", size) for number, size in enumerate(case.sizes)]

    def _wheel(self, project: str, size: int) -> ServedWheel:
        if project not in self._made:
            payload = size - OTHER_FILES_BYTES if size > OTHER_FILES_BYTES else size
            self._made[project] = self.site.publish_wheel(project, payload)
        return self._made[project]


class CaseRuns:
    """The runs of one case in one environment, with all their files below one directory."""

    def __init__(self, case: Case, contender: Contender, wheels: Wheels, home: Path) -> None:
        self._case = case
        self._contender = contender
        self._site = wheels.site
        self._wheels = wheels.of(case)
        self._home = home
        self._saved_cache = home.with_name(f"{home.name}-saved")
        self._discarded = home.with_name(f"{home.name}-discarded")

    def prepare(self) -> None:
        """Do once what every run needs: fill the cache, or store a partial download."""
        self._clear()
        if self._case.keeps_cache:
            self._run(None)
        elif self._resumes:
            # This makes the record of a partial download; each run sets the size of its file.
            self._run(Watch(self._watched, self._wheels[0].size // 50, signal.SIGINT))
            shutil.copytree(self._home / "cache", self._saved_cache)

    def run(self) -> Figures:
        """Run the command once; return its figures."""
        self._clear()
        if self._resumes:
            self._store_partial(self._stored_bytes)
        watch = Watch(self._watched, self._stored_bytes) if self._case.resumed_at is not None else None
        before = self._site.traffic()
        figures = self._run(watch)
        after = self._site.traffic()
        return dataclasses.replace(
            figures, wire_bytes=after.body_bytes - before.body_bytes, requests=after.requests - before.requests
        )

    def remove(self) -> None:
        """Remove all files of the runs."""
        for directory in (self._home, self._saved_cache, self._discarded):
            shutil.rmtree(directory, ignore_errors=True)

    @property
    def _resumes(self) -> bool:
        return self._case.resumed_at is not None and bool(self._contender.switch)

    @property
    def _stored_bytes(self) -> int:
        return int(self._wheels[0].size * (self._case.resumed_at or 0.0))

    @property
    def _watched(self) -> tuple[Path, ...]:
        return (self._home / "tmp", self._home / "cache")

    def _clear(self) -> None:
        names = ("tmp", "result") if self._case.keeps_cache else ("tmp", "result", "cache")
        for name in names:
            self._discard(self._home / name)
        for name in ("tmp", "cache"):
            (self._home / name).mkdir(parents=True, exist_ok=True)

    def _discard(self, directory: Path) -> None:
        """Remove a directory; keep small ones until the end.

        ext4 passes over inodes that were freed in the last minutes (``recently_deleted`` in ``fs/ext4/ialloc.c``), so
        that a run after others that were removed took three times as long to create its files.
        """
        if sum(wheel.size for wheel in self._wheels) > _KEPT_BYTES:
            shutil.rmtree(directory, ignore_errors=True)
        elif directory.exists():
            self._discarded.mkdir(parents=True, exist_ok=True)
            directory.rename(self._discarded / str(len(list(self._discarded.iterdir()))))

    def _store_partial(self, length: int) -> None:
        """Store the first `length` bytes of the file, as an earlier run would have."""
        shutil.copytree(self._saved_cache, self._home / "cache", dirs_exist_ok=True)
        (part,) = (self._home / "cache").rglob("*.part")
        shutil.copyfile(self._site.path(self._wheels[0].filename), part)
        with part.open("rb+") as file:
            file.truncate(length)

    def _run(self, watch: Watch | None) -> Figures:
        index_url = self._site.slow_index_url if self._case.is_slow else self._site.index_url
        result = self._home / "result"
        requirements = self._home / "requirements.txt"
        requirements.write_text("".join(f"{wheel.project}==1.0\n" for wheel in self._wheels))
        pip_command = [part.format(result=result) for part in self._case.pip_command]
        index = ["--index-url", index_url, "--cert", str(self._site.certificates.ca_file)]
        arguments = self._contender.pip_command(*pip_command, "--no-deps", *index, "--requirement", str(requirements))
        variables = variables_below(self._home, self._contender.switch)
        cpus, others = split_cpus() if self._case.on_one_core else (frozenset(), os.sched_getaffinity(0))
        self._site.run_on(set(others))
        return measure_success(Command(arguments, variables, self._home, watch, cpus), self._home / "output.txt")


def split_cpus() -> tuple[frozenset[int], frozenset[int]]:
    """Return one processor for pip, and the others for the server: the same one if there is only one."""
    first, *others = sorted(os.sched_getaffinity(0))
    return frozenset({first}), frozenset(others or [first])


def measure_case(case: Case, pair: Pair, wheels: Wheels, work: Path, rounds: int, place: str) -> Result:
    """Measure a case in rounds, in which plain pip and the plugin are the first in turn. `place` names the file system.

    So neither always has the memory that the other one has just released: in a virtual machine it is cheaper than
    memory that nobody has used for a while.
    """
    plain = CaseRuns(case, pair.plain, wheels, work / PLAIN)
    ours = CaseRuns(case, pair.ours, wheels, work / WITH_PLUGIN)
    try:
        plain.prepare()
        ours.prepare()
        measured = tuple(_round(plain, ours, is_plain_first=number % 2 == 0) for number in range(rounds))
    finally:
        plain.remove()
        ours.remove()
    return Result(case.name, case.title, pair.pip_version, measured, place)


def _round(plain: CaseRuns, ours: CaseRuns, *, is_plain_first: bool) -> Round:
    if is_plain_first:
        return Round(plain.run(), ours.run())
    with_plugin = ours.run()
    return Round(plain.run(), with_plugin)
