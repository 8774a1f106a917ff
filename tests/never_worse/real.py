"""Play situations to real pip processes over real sockets: one to four at once, some killed with SIGKILL."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from environments.environment import Environment
from environments.pythons import THIS_PYTHON
from environments.templates import Templates
from never_worse.compare import Comparison, Violation, find_violations
from never_worse.content import FILENAME
from never_worse.drawing import draw
from never_worse.one_run import Ended, judge_file
from never_worse.playing import MOST_RUNS, Played, Run, settled, without_trouble
from never_worse.real_server import POLL_S, RealServer
from never_worse.session import describe
from never_worse.situation import FOREVER, Situation
from never_worse.world import State, World
from servers.certificates import Certificates, issue_certificates

if TYPE_CHECKING:
    from collections.abc import Iterator

    from environments.processes import Result, RunningProcess

RUN_LIMIT_S = 120.0
LONGEST_S = 6.0
SLOWEST_BYTES_PER_S = 100_000.0
NOISE_S = 3.0
"""A run on a busy machine may take so much longer without anybody's doing."""


def for_real(situation: Situation) -> Situation | None:
    """Return the situation with short times, as far as it can be played in real time; None if it cannot."""
    hows = {outage.how for outage in situation.outages} - {"refused", "silence"}
    file = situation.file
    if hows or situation.sleeps or file.link_hash == "requirements" or situation.user.cached != "nothing":
        return None
    return replace(
        situation,
        file=replace(file, size=min(file.size, 3_000_000)),
        bytes_per_s=max(situation.bytes_per_s, 1_000_000.0),
        outages=tuple(replace(each, lasts_s=min(each.lasts_s, LONGEST_S)) for each in situation.outages),
        refusals=tuple(
            replace(each, lasts_s=FOREVER if each.lasts_s == FOREVER else LONGEST_S, retry_after_s=2)
            for each in situation.refusals
        ),
        slow=tuple(replace(each, bytes_per_s=SLOWEST_BYTES_PER_S) for each in situation.slow),
        user=replace(situation.user, timeout_s=3, gap_s=0.5, retries=min(situation.user.retries, 5)),
    )


@dataclass(frozen=True)
class Tools:
    """What all situations share."""

    templates: Templates
    certificates: Certificates
    folder: Path
    pip_version: str


class RealWorld:
    """One environment with pip, and one server for it."""

    def __init__(self, tools: Tools, situation: Situation, *, with_plugin: bool, pips: int) -> None:
        wheels = [tools.templates.pip_wheel(tools.pip_version)] + [tools.templates.our_wheel()] * with_plugin
        template = tools.templates.environment(THIS_PYTHON, *wheels)
        name = f"{'ours' if with_plugin else 'plain'}-{time.monotonic_ns()}"
        (tools.folder / name).mkdir(parents=True)
        self._environment = Environment(tools.folder / name, template)
        self._environment.variables["PIP_RESUME"] = "1" if with_plugin else "0"
        if situation.user.resume_retries is not None:
            self._environment.variables["PIP_RESUME_RETRIES"] = str(situation.user.resume_retries)
        self._situation = situation
        self._pips = pips
        self.server = RealServer(World(situation, State(), time.time()), tools.certificates)
        self._certificates = tools.certificates

    def play(self) -> Played:
        try:
            runs: list[Run] = []
            while len(runs) < MOST_RUNS and (not runs or runs[-1].ended.how != "right"):
                if runs:
                    time.sleep(self._situation.user.gap_s)
                runs.append(self._run())
            world = self.server.world
            world.situation = settled(without_trouble(self._situation), world, self.server.now_s)
            return Played(tuple(runs), self._run())
        finally:
            self.server.close()
            self._environment.remove()

    def _run(self) -> Run:
        """Start the pips, kill them where the situation says so, and see what they have."""
        server, state = self.server, self.server.world.state
        begun_s, sent, requests, breaks = server.now_s, server.body_bytes, len(state.requests), state.breaks
        targets = [self._environment.new_target() for _ in range(self._pips)]
        running = [self._environment.start(*self._arguments(target)) for target in targets]
        is_stopped = self._stop(running)
        results = [each.wait(RUN_LIMIT_S) for each in running]
        ended_s = server.now_s
        endings = [self._ending(*pair) for pair in zip(results, targets)]
        if is_stopped and any(ending.how != "right" for ending in endings):
            endings = [Ended("killed")]
        worst = next((ending for ending in endings if ending.how != "right"), endings[0])
        lines = tuple(state.requests[requests:])
        return Run(worst, begun_s, ended_s, server.body_bytes - sent, lines, state.breaks - breaks)

    def _arguments(self, target: Path) -> list[str]:
        user = self._situation.user
        trust = ["--cert", str(self._certificates.ca_file)]
        options = ["--retries", str(user.retries), "--timeout", str(user.timeout_s), "--progress-bar", "off"]
        index = ["--index-url", self.server.url("/simple/")]
        return ["download", "--no-deps", *options, *index, *trust, "--dest", str(target), "demo"]

    def _stop(self, running: list[RunningProcess]) -> bool:
        """Stop the pips when so much has been sent for the first time; return whether that has happened."""
        state = self.server.world.state
        stops = [stop for stop in self._situation.user.stops if stop.name not in state.used]
        while stops and any(each.is_running() for each in running):
            stop = stops[0]
            if state.highest >= max(1, int(stop.share * self._situation.file.size)):
                state.used.add(stop.name)
                for each in running:
                    each.kill() if stop.how == "kill" else each.interrupt()
                return True
            time.sleep(POLL_S / 4)
        return False

    def _ending(self, result: Result, target: Path) -> Ended:
        file = target / FILENAME
        if result.returncode == 0 and file.exists():
            return Ended(*judge_file(file, self._situation.file.size))
        last = result.text.strip().splitlines()[-1:]
        failed = next((line for line in result.text.splitlines() if "failed inside pip" in line), "")
        return Ended("failed", "".join(last)[:200], failed_inside_pip=failed)


def compare_for_real(tools: Tools, situation: Situation, pips: int) -> tuple[Played, Played, list[Violation]]:
    """Play a situation to plain pip and to pip-resume in turn."""
    plain = RealWorld(tools, situation, with_plugin=False, pips=pips).play()
    ours = RealWorld(tools, situation, with_plugin=True, pips=pips).play()
    return plain, ours, [each for each in find_violations(situation, plain, ours) if not _is_noise(each, plain, ours)]


def _is_noise(violation: Violation, plain: Played, ours: Played) -> bool:
    return violation.name.startswith("later") and ours.ended_s <= plain.ended_s * 1.1 + NOISE_S


def situations(first: int) -> Iterator[tuple[int, Situation]]:
    """Yield seeds whose situation can be played for real."""
    seed = first
    while True:
        situation = for_real(draw(seed))
        if situation is not None:
            yield seed, situation
        seed += 1


def play_many(first: int, count: int, pip_versions: list[str]) -> int:
    """Play that many situations, the pips in turn, and print what was worse. Return 1 if anything was."""
    failed = 0
    with tempfile.TemporaryDirectory(prefix="never-worse-") as folder:
        certificates = issue_certificates(Path(folder) / "certificates")
        templates = Templates(Path(folder) / "templates", Path(folder) / "pips")
        for number, (seed, situation) in enumerate(islice(situations(first), count)):
            version, pips = pip_versions[number % len(pip_versions)], 1 + number % 4
            tools = Tools(templates, certificates, Path(folder), version)
            plain, ours, violations = compare_for_real(tools, situation, pips)
            failed += bool(violations)
            comparison = Comparison(situation, plain, ours, tuple(violations))
            print(f"{'WORSE' if violations else 'ok'}: pip {version}, {pips} at once", flush=True)
            print("\n".join(describe(seed, comparison)) if violations else f"  seed {seed}", flush=True)
    print(f"{count} situations over real sockets, {failed} with a violation")
    return 1 if failed else 0
