"""Downloads in processes of their own, which may be killed, or have locks that lie.

They are forked from a server that has loaded pip once.
"""

from __future__ import annotations

import functools
import hashlib
import multiprocessing
import os
import signal
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
from integration.counted_calls import CountedCalls, count_received, kill_before
from integration.machine import BOOT_ID, MODULE, FakeClock, Machine, Told, artifact_of
from pip._internal.models.link import Link
from pip._internal.network.session import PipSession

from pip_resume.engine import transfer
from pip_resume.engine.clock import Clock, SystemClock
from pip_resume.inside_pip.transport import PipTransport
from pip_resume.protocol.retry import Budget
from pip_resume.storage import part_file
from pip_resume.storage.store import Store

CONTEXT = multiprocessing.get_context("forkserver")
RECEIVED = "received"
"""In the machine's directory: how many bytes the process that was to be killed has read."""
TESTS = Path(__file__).parents[1]


@dataclass
class Listening(Told):
    """What the user is told where there are other pips."""

    waited: list[tuple[int, int | None]] = field(default_factory=list)
    """How much the other one had, of how much."""

    def waiting_for_other(self, offset: int, complete_length: int | None) -> None:
        self.waited.append((offset, complete_length))


class MachineWithoutTrust(Machine):
    """pip without ``--trusted-host``: it caches nothing that came over plain http."""

    def session(self) -> PipSession:
        return PipSession(cache=str(self.cache_directory))


@dataclass(frozen=True)
class Job:
    """One download in a process of its own."""

    directory: Path
    """Of the machine."""
    link: str
    ca_file: Path | None = None
    trusted: bool = True
    """Whether pip caches what this server sends over plain http."""
    kill_before: int | None = None
    """The number of the system call below the cache directory that is never made."""
    lock: bool | None = None
    """What every lock says instead of the truth."""
    boot_id: str = BOOT_ID


@dataclass(frozen=True)
class Report:
    """How a download in another process ended."""

    sha256: str
    waited: int
    """How often it was told to wait."""
    unusable: tuple[str, ...]
    calls: tuple[str, ...]
    """The system calls below the cache directory."""


def fetch(
    machine: Machine, link: Link, told: Told, clock: Clock, *, store: Store | None = None, retries: int = 5
) -> bytes:
    """One run of pip in this process, with another clock and somebody else who is told."""
    with tempfile.TemporaryDirectory() as location, closing(machine.session()) as session:
        artifact = artifact_of(link)
        transport = PipTransport(MODULE, session, link, artifact)
        used = store or machine.store
        finished = transfer.download(artifact, Path(location), transport, used, told, Budget(retries), clock)
        return finished.path.read_bytes()


@functools.cache
def start_server() -> None:
    """Start what the processes are forked from; with the environment of the first test that needs one."""
    CONTEXT.set_forkserver_preload([__name__])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(map(str, (TESTS, TESTS.parent))))
        forkserver.ensure_running()


def count_calls(cache_directory: Path, last: int | None) -> CountedCalls:
    """Count the calls below the cache directory from here on, and be killed before the one with the number ``last``."""
    calls = CountedCalls(str(cache_directory), kill_before(last or 0))
    for name, stand_in in calls.stand_ins.items():
        setattr(os, name, stand_in)
    return calls


def download(job: Job, answer: Connection) -> None:
    """One run of pip in this process, which has no other purpose; answers with a Report."""
    machine = (Machine if job.trusted else MachineWithoutTrust)(job.directory, job.ca_file)
    calls = count_calls(machine.cache_directory, job.kill_before)
    if job.kill_before is not None:
        count_received(job.directory / RECEIVED)
    if job.lock is not None:
        vars(part_file)["try_lock"] = lambda _descriptor: job.lock
    told = Listening()
    # Who waits for a lock that nobody ever gets need not do so in real time.
    clock = FakeClock() if job.lock is False else SystemClock()
    content = fetch(machine, Link(job.link), told, clock, store=Store(machine.cache_directory, job.boot_id))
    unusable = tuple(str(error) for error in told.unusable)
    answer.send(Report(hashlib.sha256(content).hexdigest(), len(told.waited), unusable, tuple(calls.made)))


class Running:
    """A process of its own that runs ``work(job, answer)``."""

    def __init__(self, job: object, work: Callable[[Any, Connection], None] = download) -> None:
        start_server()
        self._answers, answer = CONTEXT.Pipe(duplex=False)
        self._process = CONTEXT.Process(target=work, args=(job, answer))
        self._process.start()
        answer.close()

    def answer(self, timeout_s: float = 50.0) -> Any:
        """Wait for its answer and its end. EOFError when it is killed or fails."""
        answer = self.first_answer(timeout_s)
        self._process.join(timeout_s)
        return answer

    def first_answer(self, timeout_s: float = 50.0) -> Any:
        """Wait for its answer only."""
        if not self._answers.poll(timeout_s):
            raise TimeoutError(f"no answer in {timeout_s} s")
        return self._answers.recv()

    def was_killed(self, timeout_s: float = 50.0) -> bool:
        """Wait for its end."""
        self._process.join(timeout_s)
        return self._process.exitcode == -signal.SIGKILL

    def kill(self) -> None:
        """As ``kill -9`` does; returns when it is gone."""
        self._process.kill()
        self._process.join(50)
