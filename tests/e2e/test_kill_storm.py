"""Kills real downloads at random, as ``kill -9``, the end of a CI job or want of memory do; then another run ends."""

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
from e2e.halves import BIG, TWICE_AT_MOST
from e2e.real_pip import PIPS, Environment, Environments
from e2e.running import RunningPip
from integration import counted_calls
from servers.certificates import Certificates
from servers.fault_server import FaultServer
from servers.index_pages import honest

from pip_resume.settings import DEFAULT_KEEP_DAYS, DEFAULT_MAX_SIZE
from pip_resume.storage.housekeeping import DAY_S, directories, prune

SEED = 20_251
ANSWER = dataclasses.replace(honest(BIG), rate=8_000_000)
READ_AHEAD_BYTES = 2 * io.DEFAULT_BUFFER_SIZE
"""The head of the answer, and what http.client has read of the block that comes next."""
MOST_CALLS = 95
"""About as many calls below the cache directory as a download makes that nobody kills."""
CALLS_WHILE_PRUNING = 12


@dataclasses.dataclass
class Kill:
    """One download that is to be killed, and the run after it."""

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
        """Where the process writes down how much it has read."""
        return self.pip.folder / f"received-{self.name}"

    def start(self, env: Mapping[str, str] | None = None) -> RunningPip:
        link = f"{self.server.url(self.path)}#sha256={BIG.sha256}"
        command = ("download", "--no-deps", "--quiet", *self.options, "--dest", self.name, link)
        return self.pip.start(*command, env={"PIP_CACHE_DIR": str(self.cache_dir), **(env or {})})

    def bytes_fetched_twice(self) -> int:
        """Let the next run end, and see that it has the right bytes and leaves no trace."""
        before = self.server.requests(self.path)
        reached = before[-1].first_pos + counted_calls.received(self.received) if before else 0

        result = self.start().wait()

        assert result.returncode == 0, result.text
        got = (self.pip.work / self.name / BIG.filename).read_bytes()
        assert hashlib.sha256(got).hexdigest() == BIG.sha256
        for directory in directories(self.cache_dir):
            prune(directory, DEFAULT_KEEP_DAYS, DEFAULT_MAX_SIZE, time.time() + 30 * DAY_S)
            # An empty file, whose age says when a run has pruned in passing.
            assert {path.name for path in directory.iterdir()} <= {"pruned"}
        asked = self.server.requests(self.path)[len(before) :]
        shutil.rmtree(self.cache_dir)
        return max(0, reached - asked[0].first_pos) if asked else 0


def at_a_byte(kill: Kill, chance: random.Random) -> RunningPip:
    """In mid-body, and after the last byte: while verifying, and while handing over to pip's cache."""
    running = kill.start({"RECEIVED": str(kill.received)})
    kill.server.wait_until_sent(kill.path, chance.randrange(1, len(BIG.content) + 1))
    time.sleep(chance.choice([0.0, 0.002, 0.02]) * chance.random())
    running.kill()
    return running


def at_a_time(kill: Kill, chance: random.Random) -> RunningPip:
    """Before the first byte, most often: while pip starts, connects and waits."""
    running = kill.start({"RECEIVED": str(kill.received)})
    time.sleep(chance.random())
    running.kill()
    return running


def at_a_call(kill: Kill, chance: random.Random) -> RunningPip:
    """Between two changes of the disk: also where a moment is too short to be met by chance."""
    number = chance.randrange(1, MOST_CALLS)
    armed = {"KILL_BEFORE": str(number), "KILL_BELOW": str(kill.cache_dir), "RECEIVED": str(kill.received)}
    return kill.start(armed)


def while_pruning(kill: Kill, chance: random.Random) -> RunningPip:
    """With old partials of other files, and what dead processes have left."""
    for cache in ("http", "http-v2"):
        directory = kill.cache_dir / cache / "pip-resume"
        directory.mkdir(parents=True)
        for ending in ("part", "json", "1-1.tmp", "1-2.new"):
            old = directory / f"{'0' * 64}.{ending}"
            old.write_bytes(b"of last month")
            os.utime(old, (time.time() - 30 * DAY_S,) * 2)
    number = chance.randrange(1, CALLS_WHILE_PRUNING)
    return kill.start({"KILL_BEFORE": str(number), "KILL_BELOW": str(kill.cache_dir), "RECEIVED": str(kill.received)})


# Twice as often: the two that hit the most different moments.
WAYS: tuple[Callable[[Kill, random.Random], RunningPip], ...] = (
    *(at_a_byte, at_a_byte),
    *(at_a_call, at_a_call),
    at_a_time,
    while_pruning,
)


class Storm:
    """Kills one download after the other, in one pip after the other."""

    def __init__(self, pips: list[Environment], server: FaultServer, certificates: Certificates) -> None:
        self._pips = pips
        self._server = server
        self._options = ("--cert", str(certificates.ca_file))
        for pip in pips:
            shutil.copy(counted_calls.__file__, pip.site_packages)
            armed = pip.site_packages / "counted_calls.pth"
            armed.write_text("import counted_calls; counted_calls.arm_from_environment()\n")

    def rage(self, kills: int) -> str:
        """Until so many processes were killed. AssertionError for the first that did any harm. Returns the figures."""
        chance, met, most_twice, number = random.Random(SEED), Counter[str](), 0, 0
        while sum(met.values()) < kills:
            number += 1
            assert number <= 2 * kills + 10, f"too few are killed: {met}"
            way = WAYS[number % len(WAYS)]
            kill = Kill(self._pips[number % len(self._pips)], self._server, self._options, f"{number}")
            self._server.plays(kill.path, ANSWER)
            result = way(kill, chance).wait()
            assert result.returncode in (0, -9), result.text
            met[way.__name__] += result.returncode == -9
            twice = kill.bytes_fetched_twice()
            assert twice <= TWICE_AT_MOST + READ_AHEAD_BYTES, f"seed {SEED}, number {number}, {way.__name__}"
            most_twice = max(most_twice, twice)
        return f"seed {SEED}: {sum(met.values())} killed ({dict(met)}), all right, at most {most_twice} bytes twice"


@pytest.mark.timeout(200)
def test_twenty_kills_cost_a_block_and_the_overlap_each(
    environment: Environments, https_server: FaultServer, certificates: Certificates
) -> None:
    print(Storm([environment("26.3"), environment("23.2.1")], https_server, certificates).rage(20))


@pytest.mark.storm
@pytest.mark.timeout(3600)
def test_two_hundred_kills_cost_a_block_and_the_overlap_each(
    environment: Environments,
    https_server: FaultServer,
    certificates: Certificates,
    capsys: pytest.CaptureFixture[str],
) -> None:
    figures = Storm([environment(version) for version in PIPS], https_server, certificates).rage(200)
    with capsys.disabled():
        print(f"\n{figures}")
