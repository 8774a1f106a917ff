"""Kills real downloads at random moments, as ``kill -9`` or a lack of memory does; the next run completes each."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import os
import random
import shutil
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from e2e.broken_downloads import BIG, MOST_FETCHED_TWICE
from environments.environment import Environment, Environments
from environments.pips import PIPS
from environments.processes import RunningProcess
from integration import system_calls
from servers.certificates import Certificates
from servers.fault_server import FaultServer
from servers.index_pages import honest

from pip_resume.settings import DEFAULT_KEEP_DAYS, DEFAULT_MAX_SIZE
from pip_resume.storage.housekeeping import DAY_S, directories, prune

SEED = 20_251
RESPONSE = dataclasses.replace(honest(BIG), rate=8_000_000)
READ_AHEAD_BYTES = 2 * io.DEFAULT_BUFFER_SIZE
"""What http.client has read of a response but not passed on: its head, and a part of the next block."""
CALLS_OF_A_DOWNLOAD = 51
"""As many system calls below the cache directory as a complete download makes with a new pip; with an old one 30."""
CALLS_OF_PRUNING = 5
"""The same at the end of a run, in the store of a pip of a different age."""


@dataclasses.dataclass
class KilledDownload:
    """One download that is killed, and the run after it."""

    pip: Environment
    server: FaultServer
    options: tuple[str, ...]
    name: str

    @property
    def path(self) -> str:
        return f"/{self.name}/{BIG.filename}"

    @property
    def cache_dir(self) -> Path:
        return self.pip.folder / f"cache-{self.name}"

    @property
    def received(self) -> Path:
        """The file in which the process counts the bytes that it has read."""
        return self.pip.folder / f"received-{self.name}"

    def start(self, env: Mapping[str, str] | None = None) -> RunningProcess:
        link = f"{self.server.url(self.path)}#sha256={BIG.sha256}"
        command = ("download", "--no-deps", "--quiet", *self.options, "--dest", self.name, link)
        return self.pip.start(*command, env={"PIP_CACHE_DIR": str(self.cache_dir), **(env or {})})

    def complete(self) -> int:
        """Run again, which has to bring the right bytes and to leave no files; return the bytes fetched twice."""
        before = self.server.requests(self.path)
        reached = before[-1].first_pos + system_calls.received(self.received) if before else 0

        result = self.start().wait()

        assert result.returncode == 0, result.text
        content = (self.pip.work / self.name / BIG.filename).read_bytes()
        assert hashlib.sha256(content).hexdigest() == BIG.sha256
        stores = list(directories(self.cache_dir))
        assert stores, "no run has made a store"
        for directory in stores:
            prune(directory, DEFAULT_KEEP_DAYS, DEFAULT_MAX_SIZE, time.time() + 30 * DAY_S)
            # An empty file, whose time says when a run last removed old partials.
            assert {path.name for path in directory.iterdir()} <= {"pruned"}
        requests = self.server.requests(self.path)[len(before) :]
        shutil.rmtree(self.cache_dir)
        return max(0, reached - requests[0].first_pos) if requests else 0


def has_new_cache(pip: Environment) -> bool:
    """Whether this pip has its HTTP cache in `http-v2`, as all since 23.3."""
    return any("http-v2" in path.read_text() for path in (pip.site_packages / "pip/_internal/cli").glob("*.py"))


def kill_after_a_byte(kill: KilledDownload, chance: random.Random) -> RunningProcess:
    """Kill it in the body, or after the last byte: while it verifies, or while it fills pip's cache."""
    running = kill.start({"RECEIVED": str(kill.received)})
    kill.server.wait_until_sent(kill.path, chance.randrange(1, len(BIG.content) + 1))
    time.sleep(chance.choice([0.0, 0.002, 0.02]) * chance.random())
    running.kill()
    return running


def kill_after_a_time(kill: KilledDownload, chance: random.Random) -> RunningProcess:
    """Kill it in its first second, mostly before the first byte: while pip starts, connects and waits."""
    running = kill.start({"RECEIVED": str(kill.received)})
    time.sleep(chance.random())
    running.kill()
    return running


def kill_before_a_call(kill: KilledDownload, chance: random.Random) -> RunningProcess:
    """Kill it between two system calls, also where the time between them is too short to be hit at random."""
    number = chance.randrange(1, CALLS_OF_A_DOWNLOAD + 1)
    variables = {"KILL_BEFORE": str(number), "KILL_BELOW": str(kill.cache_dir), "RECEIVED": str(kill.received)}
    return kill.start(variables)


def kill_while_pruning(kill: KilledDownload, chance: random.Random) -> RunningProcess:
    """Kill it while it removes old partials of other files, and temporary files of processes that were killed.

    It does so at the end of its run, in both stores. Its own store comes first.
    """
    stores = [kill.cache_dir / cache / "pip-resume" for cache in ("http", "http-v2")]
    for directory in stores:
        directory.mkdir(parents=True)
        for ending in ("part", "json", "1-1-01234567.tmp", "1-2-01234567.new"):
            old = directory / f"{'0' * 64}.{ending}"
            old.write_bytes(b"a month old")
            os.utime(old, (time.time() - 30 * DAY_S,) * 2)
    other = stores[0] if has_new_cache(kill.pip) else stores[1]
    number = chance.randrange(1, CALLS_OF_PRUNING + 1)
    return kill.start({"KILL_BEFORE": str(number), "KILL_BELOW": str(other), "RECEIVED": str(kill.received)})


# The two that hit the most different moments are used twice as often.
WAYS: tuple[Callable[[KilledDownload, random.Random], RunningProcess], ...] = (
    *(kill_after_a_byte, kill_after_a_byte),
    *(kill_before_a_call, kill_before_a_call),
    kill_after_a_time,
    kill_while_pruning,
)


class RandomKills:
    """Kills one download after the other, with each of the pips in turn."""

    def __init__(self, pips: list[Environment], server: FaultServer, certificates: Certificates) -> None:
        self._pips = pips
        self._server = server
        self._options = ("--cert", str(certificates.ca_file))
        for pip in pips:
            shutil.copy(system_calls.__file__, pip.site_packages)
            start = "import system_calls; system_calls.arm_from_environment()\n"
            (pip.site_packages / "system_calls.pth").write_text(start)

    def run(self, kills: int) -> str:
        """Run until so many processes were killed; return the figures. Raises AssertionError at the first damage."""
        chance, killed, most_twice, number = random.Random(SEED), Counter[str](), 0, 0
        while sum(killed.values()) < kills:
            number += 1
            assert number <= 2 * kills + 10, f"too few were killed: {killed}"
            way = WAYS[number % len(WAYS)]
            kill = KilledDownload(self._pips[number % len(self._pips)], self._server, self._options, f"{number}")
            self._server.plays(kill.path, RESPONSE)
            result = way(kill, chance).wait()
            assert result.returncode in (0, -9), result.text
            killed[way.__name__] += result.returncode == -9
            twice = kill.complete()
            assert twice <= MOST_FETCHED_TWICE + READ_AHEAD_BYTES, f"seed {SEED}, number {number}, {way.__name__}"
            most_twice = max(most_twice, twice)
        assert most_twice > 0, "no kill came while the body arrived"
        total = sum(killed.values())
        return f"seed {SEED}: {total} killed ({dict(killed)}), all completed, at most {most_twice} bytes fetched twice"


@pytest.mark.timeout(200)
def test_each_of_twenty_kills_costs_at_most_one_block_and_the_overlap(
    environments: Environments, https_server: FaultServer, certificates: Certificates
) -> None:
    pips = [environments.with_plugin("26.3"), environments.with_plugin("23.2.1")]
    print(RandomKills(pips, https_server, certificates).run(20))


@pytest.mark.storm
@pytest.mark.timeout(3600)
def test_each_of_two_hundred_kills_costs_at_most_one_block_and_the_overlap(
    environments: Environments,
    https_server: FaultServer,
    certificates: Certificates,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pips = [environments.with_plugin(version) for version in PIPS]
    figures = RandomKills(pips, https_server, certificates).run(200)
    with capsys.disabled():
        print(f"\n{figures}")
