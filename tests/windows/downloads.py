"""Downloads with a pip under wine, whose processes start slowly."""

from __future__ import annotations

import dataclasses

from e2e.broken_downloads import BIG, half, stored_bytes, wait_until_stored
from e2e.single_file import COMPLETE
from environments.processes import RunningProcess
from servers.fault_server import FaultServer, Then
from windows.environment import PROCESS_TIMEOUT_S, WindowsEnvironment

CUT = dataclasses.replace(COMPLETE, cut_after=half(BIG), then=Then.RESET)
SLOW = dataclasses.replace(COMPLETE, rate=60_000)
"""Slow enough that a second pip starts before the first one has finished."""
BEGUN_BYTES = 300_000
"""Some blocks of the file, far from its end."""


def start_download(pip: WindowsEnvironment, *options: str) -> RunningProcess:
    """Start to download the file into a new directory."""
    return pip.start("download", "--no-deps", "--dest", pip.new_target(), *options, "big")


def start_and_wait_until_begun(pip: WindowsEnvironment, server: FaultServer, *options: str) -> RunningProcess:
    """Start to download the file; return when a part of it has been sent."""
    running = start_download(pip, *options)
    server.wait_until_sent(BIG.path, BEGUN_BYTES, PROCESS_TIMEOUT_S)
    return running


def kill_at_half(pip: WindowsEnvironment, *options: str) -> None:
    """Download the file from a server that stalls at half, and kill pip then: half is stored, to the byte."""
    running = start_download(pip, *options)
    wait_until_stored(pip.cache_dir, half(BIG), PROCESS_TIMEOUT_S)
    running.kill_and_wait()
    assert stored_bytes(pip.cache_dir) == half(BIG)
