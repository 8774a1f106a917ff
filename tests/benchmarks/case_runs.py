"""Runs a case with plain pip and with us, in turn."""

from __future__ import annotations

import dataclasses
import shutil
import signal
from typing import TYPE_CHECKING

from benchmarks.cases import BESIDE, Case
from benchmarks.environments import Environment, Pair, variables
from benchmarks.measure import Command, Figures, Watch, measure_success
from benchmarks.results import Result, Round

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.published import Published, Site


class Shelf:
    """The wheels that are served; each is made when it is first asked for, and kept."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self._published: dict[str, Published] = {}

    def wheels(self, case: Case) -> list[Published]:
        return [self._wheel(f"noise-{size}-{number}", size) for number, size in enumerate(case.sizes)]

    def _wheel(self, project: str, size: int) -> Published:
        if project not in self._published:
            self._published[project] = self.site.publish_wheel(project, size - BESIDE if size > BESIDE else size)
        return self._published[project]


class Contender:
    """One environment's runs of one case, all below one directory."""

    def __init__(self, case: Case, environment: Environment, shelf: Shelf, home: Path) -> None:
        self._case = case
        self._environment = environment
        self._site = shelf.site
        self._wheels = shelf.wheels(case)
        self._home = home
        self._kept = home.with_name(f"{home.name}-kept")

    def prepare(self) -> None:
        """Do once what every run builds upon."""
        self._clear()
        if self._case.keeps_cache:
            self._run(None)
        elif self._holds_a_part:
            # The record of an interrupted run; how many bytes there are is settled before each run.
            self._run(Watch(self._watched, self._wheels[0].size // 50, signal.SIGINT))
            shutil.copytree(self._home / "cache", self._kept)

    def run(self) -> Figures:
        self._clear()
        if self._holds_a_part:
            self._hold(self._held_bytes)
        watch = Watch(self._watched, self._held_bytes) if self._case.resumed_at is not None else None
        before = self._site.traffic()
        figures = self._run(watch)
        after = self._site.traffic()
        return dataclasses.replace(
            figures, wire_bytes=after.body_bytes - before.body_bytes, requests=after.requests - before.requests
        )

    def remove(self) -> None:
        for directory in (self._home, self._kept):
            shutil.rmtree(directory, ignore_errors=True)

    @property
    def _holds_a_part(self) -> bool:
        return self._case.resumed_at is not None and bool(self._environment.variables)

    @property
    def _held_bytes(self) -> int:
        return int(self._wheels[0].size * (self._case.resumed_at or 0.0))

    @property
    def _watched(self) -> tuple[Path, ...]:
        return (self._home / "tmp", self._home / "cache")

    def _clear(self) -> None:
        names = ("tmp", "result") if self._case.keeps_cache else ("tmp", "result", "cache")
        for name in names:
            shutil.rmtree(self._home / name, ignore_errors=True)
        for name in ("tmp", "cache"):
            (self._home / name).mkdir(parents=True, exist_ok=True)

    def _hold(self, length: int) -> None:
        """Have the first bytes of the file as the partial of an earlier run."""
        shutil.copytree(self._kept, self._home / "cache", dirs_exist_ok=True)
        (part,) = (self._home / "cache").rglob("*.part")
        shutil.copyfile(self._site.path(self._wheels[0].filename), part)
        with part.open("rb+") as file:
            file.truncate(length)

    def _run(self, watch: Watch | None) -> Figures:
        index_url = self._site.slow_index_url if self._case.is_slow else self._site.index_url
        result = self._home / "result"
        wanted = self._home / "requirements.txt"
        wanted.write_text("".join(f"{wheel.project}==1.0\n" for wheel in self._wheels))
        verb = [part.format(result=result) for part in self._case.verb]
        where = ["--index-url", index_url, "--cert", str(self._site.certificates.ca_file)]
        arguments = self._environment.pip(*verb, "--no-deps", *where, "--requirement", str(wanted))
        seen = variables(self._home, self._environment.variables)
        return measure_success(Command(arguments, seen, self._home, watch), self._home / "output.txt")


def compare(case: Case, pair: Pair, shelf: Shelf, work: Path, rounds: int) -> Result:
    """Measure a case: plain, ours, plain, ours, ..."""
    plain = Contender(case, pair.plain, shelf, work / "plain")
    ours = Contender(case, pair.ours, shelf, work / "wheel")
    try:
        plain.prepare()
        ours.prepare()
        taken = tuple(Round(plain.run(), ours.run()) for _ in range(rounds))
    finally:
        plain.remove()
        ours.remove()
    return Result(case.name, case.title, pair.pip_version, taken)
