"""Makes the picture of an outage: `python -m benchmarks.outage`, in `tests`. Needs root, iproute2 and nftables.

Plain pips and pip with pip-resume download the same wheel between two hosts in network namespaces. In the middle of the
file the link is down for 20 s. A command that fails is run again. The picture has the bytes that have arrived at the
client's host, those that came twice included.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.outage_svg import Course, picture
from environments.checkout import ROOT
from network.clients import prepare
from network.conditions import LINK_DOWN
from network.hosts import remove_abandoned, two_hosts, why_not
from network.measure import cancelled, run_client, serving
from network.offer import expected, make_offer
from network.rides import drive, outage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from network.clients import Client
    from network.hosts import Network
    from network.offer import Expected, Offer

OUTPUT = ROOT / ".github" / "pictures" / "outage.svg"
CLIENTS = {"plain-23.2.1": "plain1", "plain-26.3": "plain0", "ours-26.3": "ours"}
"""With the colours of their curves. pip resumes within one run since 25.1."""
PAYLOAD_BYTES = 20_000_000
BYTES_PER_S = 1_000_000
OUTAGE_S = 20
SAMPLE_S = 0.25
MOST_RUNS = 30
LIMIT_S = 300.0


def parse_options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.outage", description=__doc__)
    parser.add_argument("--seconds", type=int, default=OUTAGE_S, help=f"of the outage (default: {OUTAGE_S})")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="the SVG file to write")
    return parser.parse_args(arguments)


async def courses(seconds: int, folder: Path) -> list[Course]:
    """Return the course of the download with each client, one after the other."""
    offer = make_offer(folder / "offer", PAYLOAD_BYTES, BYTES_PER_S)
    wanted = expected(offer)
    clients = prepare(list(CLIENTS), folder / "clients", offer.ca_file, wanted.file_url)
    return [await course(client, seconds, offer, wanted, folder / client.key) for client in clients]


async def course(client: Client, seconds: int, offer: Offer, wanted: Expected, folder: Path) -> Course:
    """Run a client until it has the file; its outputs are in the folder then. Raises RuntimeError if it never has."""
    home, began = folder / "home", asyncio.Event()
    (home / "tmp").mkdir(parents=True)
    runs: list[tuple[float, int | None]] = []
    with two_hosts() as network:
        async with serving(network.server, offer, folder / "server.log"):
            start_s, samples = time.monotonic(), [(0.0, 0)]
            down_s: list[float] = []
            tasks = [
                asyncio.ensure_future(drive(outage("", LINK_DOWN, seconds), network, wanted.size, began)),
                asyncio.ensure_future(sample(network, start_s, samples)),
                asyncio.ensure_future(note_time(began, start_s, down_s)),
            ]
            while len(runs) < MOST_RUNS and not (runs and runs[-1][1] == 0):
                downloads = folder / f"downloads-{len(runs)}"
                downloads.mkdir()
                command = network.client.command(client.command)
                log = folder / f"run-{len(runs)}.log"
                exit_code = await run_client(command, client.variables(home), downloads, log, LIMIT_S)
                runs.append((time.monotonic() - start_s, exit_code))
            samples.append((runs[-1][0], network.arrived_bytes()))
            for task in tasks:
                await cancelled(task)
    if runs[-1][1] != 0:
        raise RuntimeError(f"{client.title} has failed {MOST_RUNS} times")
    failed_s = tuple(end_s for end_s, exit_code in runs if exit_code != 0)
    return Course(client.title, CLIENTS[client.key], tuple(samples), wanted.size, down_s[0], seconds, failed_s)


async def sample(network: Network, start_s: float, samples: list[tuple[float, int]]) -> None:
    """Add time and arrived bytes again and again."""
    while True:
        await asyncio.sleep(SAMPLE_S)
        samples.append((time.monotonic() - start_s, network.arrived_bytes()))


async def note_time(event: asyncio.Event, start_s: float, times_s: list[float]) -> None:
    await event.wait()
    times_s.append(time.monotonic() - start_s)


def main() -> int:
    chosen = parse_options(sys.argv[1:])
    reason = why_not()
    if reason:
        print(f"not possible: {reason}", file=sys.stderr)
        return 1
    remove_abandoned()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pip-resume-outage-")))
        drawn = asyncio.run(courses(chosen.seconds, folder))
    for each in drawn:
        print(each.summary)
    chosen.output.write_text(picture(drawn))
    return 0


if __name__ == "__main__":
    sys.exit(main())
