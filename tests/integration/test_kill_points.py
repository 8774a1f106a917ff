"""A process that is killed before each single call that changes the disk, as by ``kill -9`` or for want of memory."""

from __future__ import annotations

import io
import itertools
import time
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from integration.counted_calls import received
from integration.machine import Machine, artifact_of, hashed
from integration.processes import RECEIVED, Job, Report, Running, count_calls
from pip._internal.models.link import Link
from servers.fault_server import FaultServer, FileAnswer, Then
from servers.index_pages import IMMUTABLE, noise

from pip_resume.engine.reading import MAX_BLOCK_BYTES
from pip_resume.protocol.verdicts import OVERLAP_BYTES
from pip_resume.settings import DEFAULT_KEEP_DAYS, DEFAULT_MAX_SIZE
from pip_resume.storage.housekeeping import DAY_S, prune, prune_opportunistically

CONTENT = noise(3_000_000, seed=3)
OTHER = noise(3_000_000, seed=4)
HALF = len(CONTENT) // 2
FILE = FileAnswer(CONTENT, etag='"v1"', fields={"Cache-Control": IMMUTABLE})
READ_AHEAD_BYTES = io.DEFAULT_BUFFER_SIZE
"""Of http.client, so that the next block is begun when one is whole; the head of the answer is in it as well."""
TWICE_AT_MOST = MAX_BLOCK_BYTES + OVERLAP_BYTES + 2 * READ_AHEAD_BYTES
BATCH = 6


def path_of(name: object) -> str:
    return f"/files/{name}/sample-1.0-py3-none-any.whl"


def points(calls: tuple[str, ...]) -> list[int]:
    """The numbers of the calls before which to kill: of those that repeat the one before them every fourth."""
    repeated = {number for number in range(2, len(calls)) if len(set(calls[number - 2 : number + 1])) == 1}
    return [number for number in range(1, len(calls) + 1) if number not in repeated or number % 4 == 0]


def points_up_to_the_end_of_the_body(calls: tuple[str, ...]) -> list[int]:
    """What follows is the same in every run."""
    return [number for number in points(calls) if "pwrite" in calls[number - 1 :]]


def later_prune(machine: Machine) -> None:
    """Prune as a run in a month would."""
    prune(machine.store.directory, DEFAULT_KEEP_DAYS, DEFAULT_MAX_SIZE, time.time() + 30 * DAY_S)


class Case:
    """A download of which the same is killed at one point after the other, each on a machine of its own."""

    def __init__(self, directory: Path, server: FaultServer, before: FileAnswer | None, then: FileAnswer) -> None:
        self._directory = directory
        self._server = server
        self._before = before
        self._then = then
        self._machines: dict[object, Machine] = {}

    def machine(self, name: object) -> Machine:
        return self._machines.setdefault(name, Machine(self._directory / str(name)))

    def link(self, name: object) -> Link:
        return hashed(self._server.url(path_of(name)), CONTENT)

    def start(self, name: object, kill_before: int | None) -> Running:
        """What was before it, then the run to be killed."""
        (self._directory / str(name)).mkdir()
        if self._before is not None:
            self._server.plays(path_of(name), self._before)
            self.machine(name).interrupted(self.link(name))
        self._server.plays(path_of(name), self._then)
        return Running(Job(self._directory / str(name), self.link(name).url, kill_before=kill_before))

    def check_next_run(self, name: object) -> int:
        """Returns how many bytes were fetched twice."""
        machine, path = self.machine(name), path_of(name)
        before = self._server.requests(path)
        reached = before[-1].first_pos + received(self._directory / str(name) / RECEIVED) if before else 0

        assert machine.download(self.link(name)).content == CONTENT

        assert machine.entry(self._server.url(path_of(name))) is not None
        later_prune(machine)
        assert machine.left_in_store() == []
        asked = self._server.requests(path)[len(before) :]
        return max(0, reached - asked[0].first_pos) if asked else 0


# A body comes in so many blocks at least, each of which is a call.
FIRST_UNSURE = len(CONTENT) // (64 * 1024)

CASES = [
    pytest.param(None, FILE, TWICE_AT_MOST, id="the first run"),
    pytest.param(
        replace(FILE, cut_after=HALF, then=Then.CLOSE),
        FILE,
        TWICE_AT_MOST,
        id="a run that goes on",
    ),
    pytest.param(
        replace(FILE, content=OTHER, cut_after=HALF, then=Then.CLOSE),
        replace(FILE, ranges=False),
        len(CONTENT) + READ_AHEAD_BYTES,
        id="a run that replaces wrong bytes",
    ),
]


@pytest.mark.timeout(240)
@pytest.mark.parametrize(("before", "then", "twice_at_most"), CASES)
def test_whatever_a_killed_run_did_last_the_next_has_the_right_bytes_and_no_trace_remains(
    before: FileAnswer | None, then: FileAnswer, twice_at_most: int, tmp_path: Path, http_server: FaultServer
) -> None:
    case = Case(tmp_path, http_server, before, then)
    unharmed: Report = case.start("unharmed", None).answer()
    assert {"mkdir", "open", "pwrite", "replace", "link", "unlink"} <= set(unharmed.calls)
    pending = (points if before is None else points_up_to_the_end_of_the_body)(unharmed.calls)

    while pending:
        batch, pending = pending[:BATCH], pending[BATCH:]
        killed = [(number, case.start(number, number)) for number in batch]
        for number, run in killed:
            if not run.was_killed():
                # Blocks come in as the line lets them: a run that had fewer to write ended before its turn.
                assert FIRST_UNSURE < len(run.answer().calls) < number, f"{number}: {unharmed.calls[number - 1]}"
                continue
            twice = case.check_next_run(number)
            assert twice <= twice_at_most, f"{twice} bytes twice after {number}: {unharmed.calls[number - 1]}"


def prune_and_answer(job: Job, answer: Connection) -> None:
    """Prune in passing in this process, which has no other purpose; answers with the calls made."""
    machine = Machine(job.directory)
    calls = count_calls(machine.cache_directory, job.kill_before)
    prune_opportunistically(machine.store.directory, DEFAULT_KEEP_DAYS, DEFAULT_MAX_SIZE, time.time() + 30 * DAY_S)
    answer.send(tuple(calls.made))


def test_pruning_that_is_killed_is_finished_by_the_next_and_spares_what_is_claimed(
    tmp_path: Path, http_server: FaultServer
) -> None:
    def prepared(name: object) -> Machine:
        machine = Machine(tmp_path / str(name))
        for number in range(2):
            (tmp_path / str(name)).mkdir(exist_ok=True)
            http_server.plays(path_of(number), replace(FILE, cut_after=HALF, then=Then.CLOSE))
            machine.interrupted(hashed(http_server.url(path_of(number)), CONTENT[: HALF + number] + CONTENT[HALF:]))
        return machine

    killed = 0
    for number in itertools.count(1):
        machine = prepared(number)
        held = hashed(http_server.url(path_of(1)), CONTENT[: HALF + 1] + CONTENT[HALF:])
        claimed = machine.store.claim(artifact_of(held))
        if not Running(Job(tmp_path / str(number), "", kill_before=number), prune_and_answer).was_killed():
            claimed.close()
            break
        killed += 1
        assert machine.kept(held) == CONTENT[:HALF]
        later_prune(machine)
        assert machine.part(held).name in machine.left_in_store()
        claimed.close()
        later_prune(machine)
        # An empty file whose age says when a run has pruned in passing.
        assert set(machine.left_in_store()) <= {"pruned"}
    assert killed >= 3
