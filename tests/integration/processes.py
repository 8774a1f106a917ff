"""Downloads in child processes, which can be killed, and whose locks can be broken.

They are forked from one server process, which has loaded pip once.
"""

from __future__ import annotations

import functools
import hashlib
import multiprocessing
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
from integration.fakes import FakeClock, WaitRecordingDisplay
from integration.machine import Machine
from integration.system_calls import count_calls, count_received
from pip._internal.models.link import Link

from pip_resume.engine.clock import SystemClock
from pip_resume.storage import part_file

CONTEXT = multiprocessing.get_context("forkserver")
RECEIVED = "received"
"""The name of a file in the machine's directory: the number of bytes that a process to be killed has read."""
TESTS = Path(__file__).parents[1]


@dataclass(frozen=True)
class Job:
    """One download in a child process."""

    directory: Path
    """The machine's directory."""
    url: str
    """Of the link, with its fragment."""
    ca_file: Path | None = None
    caches_http: bool = True
    """See Machine."""
    kill_before: int | None = None
    """The number of the system call below the cache directory before which the process is killed."""
    lock_result: bool | None = None
    """What every attempt to lock a file returns, in place of the truth. None: the locks work."""


@dataclass(frozen=True)
class JobResult:
    """What a child process reports after its download."""

    sha256: str
    waits: int
    """How often it waited for another pip."""
    calls: tuple[str, ...]
    """The system calls below the cache directory."""


@functools.cache
def start_fork_server() -> None:
    """Start the process from which the others are forked. It has the environment of the first test that needs one."""
    CONTEXT.set_forkserver_preload([__name__])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(map(str, (TESTS, TESTS.parent))))
        forkserver.ensure_running()


def run_job(job: Job, sender: Connection) -> None:
    """Download once in this child process, and send a JobResult."""
    machine = Machine(job.directory, job.ca_file, caches_http=job.caches_http)
    calls = count_calls(str(machine.cache_directory), job.kill_before)
    if job.kill_before is not None:
        count_received(job.directory / RECEIVED)
    if job.lock_result is not None:
        vars(part_file)["try_lock"] = lambda _descriptor: job.lock_result
    display = WaitRecordingDisplay()
    # A wait for a lock that no process ever gets need not take real time.
    clock = FakeClock() if job.lock_result is False else SystemClock()
    content = machine.download(Link(job.url), display=display, clock=clock).content
    sender.send(JobResult(hashlib.sha256(content).hexdigest(), len(display.waits), tuple(calls.made)))


class ChildProcess:
    """A process that runs ``work(job, sender)`` and sends a result."""

    def __init__(self, job: object, work: Callable[[Any, Connection], None] = run_job) -> None:
        start_fork_server()
        self._receiver, sender = CONTEXT.Pipe(duplex=False)
        self._process = CONTEXT.Process(target=work, args=(job, sender))
        self._process.start()
        sender.close()

    def result(self, timeout_s: float = 50.0) -> Any:
        """Wait for the result and for the end of the process. Raises EOFError if it is killed or fails."""
        result = self.early_result(timeout_s)
        self._process.join(timeout_s)
        return result

    def early_result(self, timeout_s: float = 50.0) -> Any:
        """Wait for the result only: the process goes on."""
        if not self._receiver.poll(timeout_s):
            raise TimeoutError(f"no result in {timeout_s} s")
        return self._receiver.recv()

    def was_killed(self, timeout_s: float = 50.0) -> bool:
        """Wait for the end of the process; return whether SIGKILL ended it."""
        self._process.join(timeout_s)
        return self._process.exitcode == -signal.SIGKILL

    def kill(self) -> None:
        """Kill the process with SIGKILL, and wait until it has ended."""
        self._process.kill()
        self._process.join(50)
