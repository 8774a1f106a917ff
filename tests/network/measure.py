"""One client on one ride, in a network of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from network.hosts import two_hosts
from network.rides import drive

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from network.clients import Client
    from network.hosts import Host
    from network.offer import Expected, Left, Offer
    from network.rides import Ride

TESTS = Path(__file__).parents[1]
START_S = 30.0


@dataclass(frozen=True)
class Outcome:
    """How a run ended."""

    exit_code: int | None
    """None: it was killed because it took too long."""
    seconds: float
    wire: float
    """TCP payload that arrived at the client's host, as a multiple of the file's size."""
    left: Left
    output: str
    """What it wrote to standard output and standard error."""


async def measure(ride: Ride, client: Client, offer: Offer, wanted: Expected, folder: Path, limit_s: float) -> Outcome:
    """Run the client to its end, `limit_s` seconds at most; its files and the two logs are in the new folder then.

    Raise RuntimeError if it had the file before the ride began.
    """
    downloads, home, log = folder / "downloads", folder / "home", folder / "client.log"
    for each in (downloads, home / "tmp"):
        each.mkdir(parents=True)
    with two_hosts() as network:
        async with serving(network.server, offer, folder / "server.log"):
            begun_s, ride_begun = time.monotonic(), asyncio.Event()
            driving = asyncio.ensure_future(drive(ride, network, wanted.size, ride_begun))
            try:
                command = network.client.command(client.command)
                exit_code = await run_client(command, client.variables(home), downloads, log, limit_s)
            finally:
                await cancelled(driving)
            seconds = time.monotonic() - begun_s
        wire = network.arrived_bytes() / wanted.size
    if exit_code == 0 and not ride_begun.is_set():
        raise RuntimeError(f"{client.title} had the file before the ride began: {ride.name}")
    return Outcome(exit_code, seconds, wire, wanted.left_in(downloads), log.read_text(errors="replace"))


async def run_client(
    command: list[str], variables: dict[str, str], directory: Path, log: Path, limit_s: float
) -> int | None:
    """Return its exit code, None if it had to be killed."""
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=directory,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        return await asyncio.wait_for(process.wait(), limit_s)
    except asyncio.TimeoutError:
        return None
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


async def cancelled(driving: asyncio.Future[None]) -> None:
    """End the ride; raise what it has raised by itself."""
    driving.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await driving


@contextlib.asynccontextmanager
async def serving(host: Host, offer: Offer, log: Path) -> AsyncIterator[None]:
    """Run the server on the host meanwhile; raise RuntimeError with its output if it does not start."""
    program = [sys.executable, "-m", "network.server"]
    command = [*program, str(offer.folder), str(offer.payload_bytes), str(offer.bytes_per_s)]
    with log.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            *host.command(command),
            env={**os.environ, "PYTHONPATH": str(TESTS)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
        )
    try:
        assert process.stdout is not None
        if await asyncio.wait_for(process.stdout.readline(), START_S) != b"ready\n":
            raise RuntimeError(f"the server did not start:\n{log.read_text()}")
        yield
    finally:
        # Its threads may wait for a client that is gone.
        if process.returncode is None:
            process.kill()
        await process.communicate()
