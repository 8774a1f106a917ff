"""A process that is killed before each single call that changes the disk, as by ``kill -9`` or out of memory."""

from __future__ import annotations

import io
import itertools
import time
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from integration.machine import Machine, artifact_of, hashed_link
from integration.processes import RECEIVED, ChildProcess, Job, JobResult
from integration.samples import cut
from integration.system_calls import count_calls, received
from pip._internal.models.link import Link
from servers.fault_server import FaultServer, FileAnswer
from servers.index_pages import IMMUTABLE, noise

from pip_resume.engine.reading import BLOCK_BYTES
from pip_resume.protocol.planning import OVERLAP_BYTES
from pip_resume.settings import DEFAULT_KEEP_DAYS, DEFAULT_MAX_SIZE
from pip_resume.storage.housekeeping import DAY_S, prune, prune_opportunistically

pytestmark = pytest.mark.slow

CONTENT = noise(3_000_000, seed=3)
OTHER_CONTENT = noise(3_000_000, seed=4)
HALF = len(CONTENT) // 2
FILE = FileAnswer(CONTENT, etag='"v1"', fields={"Cache-Control": IMMUTABLE})
NOT_CACHED = replace(FILE, fields={"Cache-Control": "no-store"})
READ_AHEAD_BYTES = io.DEFAULT_BUFFER_SIZE
"""How much http.client reads ahead: a part of the next block. The head of the response is counted as well."""
TWICE_AT_MOST = BLOCK_BYTES + OVERLAP_BYTES + 2 * READ_AHEAD_BYTES
BATCH = 6
"""Number of processes that run at the same time."""
FEWEST_BLOCKS = len(CONTENT) // BLOCK_BYTES
"""A body arrives in at least this many blocks, each of which is a call."""


def path_of(name: object) -> str:
    return f"/files/{name}/sample-1.0-py3-none-any.whl"


def kill_points(calls: tuple[str, ...]) -> list[int]:
    """Return the numbers of the calls before which to kill. Of a call that repeats, every fourth one is enough."""
    repeated = {number for number in range(2, len(calls)) if len(set(calls[number - 2 : number + 1])) == 1}
    return [number for number in range(1, len(calls) + 1) if number not in repeated or number % 4 == 0]


def kill_points_until_end_of_body(calls: tuple[str, ...]) -> list[int]:
    """Return only those up to the end of the body: the calls after it are the same in every run."""
    return [number for number in kill_points(calls) if "pwrite" in calls[number - 1 :]]


def prune_a_month_later(machine: Machine) -> None:
    prune(machine.store.path, DEFAULT_KEEP_DAYS, DEFAULT_MAX_SIZE, time.time() + 30 * DAY_S)


class KilledDownloads:
    """Repeats the same download, each time on a new machine, and kills it at a different point."""

    def __init__(self, directory: Path, server: FaultServer, before: FileAnswer | None, response: FileAnswer) -> None:
        """`before` is the response of an earlier run, which was cut; None: there was no earlier run."""
        self._directory = directory
        self._server = server
        self._before = before
        self._response = response
        self._machines: dict[object, Machine] = {}

    def machine(self, name: object) -> Machine:
        return self._machines.setdefault(name, Machine(self._directory / str(name)))

    def link(self, name: object) -> Link:
        return hashed_link(self._server.url(path_of(name)), CONTENT)

    def start(self, name: object, kill_before: int | None) -> ChildProcess:
        """Do the earlier run, if there is one, and start the run to be killed."""
        machine = self.machine(name)
        if self._before is not None:
            self._server.plays(path_of(name), self._before)
            machine.download_partly(self.link(name))
        self._server.plays(path_of(name), self._response)
        return ChildProcess(Job(self._directory / str(name), self.link(name).url, kill_before=kill_before))

    def check_next_run(self, name: object) -> int:
        """Check that the next run succeeds and leaves nothing; return how many bytes were downloaded twice."""
        machine, path = self.machine(name), path_of(name)
        before = self._server.requests(path)
        reached = before[-1].first_pos + received(self._directory / str(name) / RECEIVED) if before else 0

        assert machine.download(self.link(name)).content == CONTENT

        is_cached = machine.cached_body(self._server.url(path)) == CONTENT
        assert is_cached == (self._response != NOT_CACHED)
        assert machine.stored(self.link(name)) == (None if is_cached else CONTENT)
        prune_a_month_later(machine)
        assert machine.files_in_store() == []
        requests = self._server.requests(path)[len(before) :]
        return max(0, reached - requests[0].first_pos) if requests else 0


CASES = [
    pytest.param(None, FILE, TWICE_AT_MOST, kill_points, id="the first run"),
    pytest.param(None, NOT_CACHED, TWICE_AT_MOST, kill_points, id="the first run, of a file that pip does not cache"),
    pytest.param(cut(FILE, HALF), FILE, TWICE_AT_MOST, kill_points_until_end_of_body, id="a run that continues"),
    pytest.param(
        cut(replace(FILE, content=OTHER_CONTENT), HALF),
        replace(FILE, ranges=False),
        len(CONTENT) + READ_AHEAD_BYTES,
        kill_points,
        id="a run that replaces wrong bytes",
    ),
]


@pytest.mark.timeout(240)
@pytest.mark.parametrize(("before", "response", "twice_at_most", "choose_points"), CASES)
def test_after_a_kill_at_any_point_the_next_run_has_the_right_file_and_leaves_nothing(
    before: FileAnswer | None,
    response: FileAnswer,
    twice_at_most: int,
    choose_points: Callable[[tuple[str, ...]], list[int]],
    tmp_path: Path,
    http_server: FaultServer,
) -> None:
    downloads = KilledDownloads(tmp_path, http_server, before, response)
    complete: JobResult = downloads.start("complete", None).result()
    assert {"open", "pwrite", "link"} <= set(complete.calls)
    assert ("unlink" in complete.calls) == (response != NOT_CACHED)
    points = choose_points(complete.calls)

    while points:
        batch, points = points[:BATCH], points[BATCH:]
        for number, process in [(number, downloads.start(number, number)) for number in batch]:
            call = complete.calls[number - 1]
            if not process.was_killed():
                # The number of blocks differs from run to run: this run ended before the call with this number.
                assert FEWEST_BLOCKS < len(process.result().calls) < number, f"not killed before {number}: {call}"
                continue
            twice = downloads.check_next_run(number)
            assert twice <= twice_at_most, f"{twice} bytes twice after a kill before {number}: {call}"


def prune_in_process(job: Job, sender: Connection) -> None:
    """Prune opportunistically in this child process, and send the calls that were made."""
    machine = Machine(job.directory)
    calls = count_calls(str(machine.cache_directory), job.kill_before)
    prune_opportunistically(machine.store.path, DEFAULT_KEEP_DAYS, DEFAULT_MAX_SIZE, time.time() + 30 * DAY_S)
    sender.send(tuple(calls.made))


def test_pruning_that_is_killed_is_finished_by_the_next_run_and_skips_a_claimed_partial(
    tmp_path: Path, http_server: FaultServer
) -> None:
    def link_of(number: int) -> Link:
        return hashed_link(http_server.url(path_of(number)), CONTENT[: HALF + number] + CONTENT[HALF:])

    def machine_with_two_partials(name: object) -> Machine:
        machine = Machine(tmp_path / str(name))
        for number in range(2):
            http_server.plays(path_of(number), cut(FILE, HALF))
            machine.download_partly(link_of(number))
        return machine

    killed = 0
    for number in itertools.count(1):
        machine = machine_with_two_partials(number)
        claimed = machine.store.claim(artifact_of(link_of(1)))
        if not ChildProcess(Job(tmp_path / str(number), "", kill_before=number), prune_in_process).was_killed():
            claimed.close()
            break
        killed += 1
        assert machine.stored(link_of(1)) == CONTENT[:HALF]
        prune_a_month_later(machine)
        assert machine.stored(link_of(0)) is None
        assert machine.stored(link_of(1)) == CONTENT[:HALF]
        claimed.close()
        prune_a_month_later(machine)
        # The marker is an empty file, whose age says when a run has pruned.
        assert set(machine.files_in_store()) - {"pruned"} == set()
    assert killed >= 3
