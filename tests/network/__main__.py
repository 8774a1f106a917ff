"""Downloads one file with several clients over a network that fails: `python -m network --help`, in the folder `tests`.

Needs root, iproute2 and nftables.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from network.clients import NAMES, prepare
from network.hosts import remove_abandoned, why_not
from network.measure import measure
from network.offer import expected, make_offer
from network.rides import RIDES
from network.table import LEGEND, cell, markdown, violations

if TYPE_CHECKING:
    from collections.abc import Sequence

    from network.clients import Client
    from network.measure import Outcome
    from network.offer import Expected, Offer
    from network.rides import Ride

OUTPUT = Path(__file__).parents[2] / "build" / "network"
PAYLOAD_BYTES = 12_000_000
BYTES_PER_S = 800_000
LIMIT_S = 600.0
# Where two pips start at once on two cores, the others wait.
GAP_S = 1.5


def options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="network", description=__doc__.splitlines()[0])
    keys = [ride.key for ride in RIDES]
    parser.add_argument("--ride", action="append", choices=keys, help="repeatable (default: all)")
    parser.add_argument("--client", action="append", choices=NAMES, help="repeatable (default: all)")
    parser.add_argument("--jobs", type=int, default=12, help="runs at the same time (default: 12)")
    parser.add_argument("--limit", type=float, default=LIMIT_S, help="kill a client after so many seconds (600)")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="new folder for the table and the clients' logs")
    chosen = parser.parse_args(arguments)
    if chosen.output == OUTPUT:
        shutil.rmtree(OUTPUT, ignore_errors=True)
    elif chosen.output.exists():
        parser.error(f"{chosen.output} exists already")
    return chosen


async def measure_all(
    runs: Sequence[tuple[Ride, Client]], offer: Offer, wanted: Expected, chosen: argparse.Namespace
) -> dict[tuple[str, str], Outcome]:
    """Run them, the longest first, some at the same time; return the outcomes by ride and client."""
    free = asyncio.Semaphore(chosen.jobs)
    outcomes: dict[tuple[str, str], Outcome] = {}

    async def one(ride: Ride, client: Client) -> None:
        folder = chosen.output / f"{ride.key}-{client.key}"
        try:
            outcome = await measure(ride, client, offer, wanted, folder, chosen.limit)
        finally:
            free.release()
        outcomes[ride.key, client.key] = outcome
        print(f"{len(outcomes)} of {len(runs)}: {ride.name}, {client.title}: {cell(outcome)}", file=sys.stderr)

    started = []
    for ride, client in sorted(runs, key=lambda run: -run[0].seconds):
        await free.acquire()
        started.append(asyncio.ensure_future(one(ride, client)))
        await asyncio.sleep(GAP_S)
    await asyncio.gather(*started)
    return outcomes


async def main(chosen: argparse.Namespace) -> int:
    task = asyncio.current_task()
    assert task is not None
    # As Ctrl-C: everything is removed.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    begun_s = time.monotonic()
    offer = make_offer(chosen.output / "offer", PAYLOAD_BYTES, BYTES_PER_S)
    wanted = expected(offer)
    names = [name for name in NAMES if not chosen.client or name in chosen.client]
    clients = prepare(names, chosen.output / "clients", offer.ca_file, wanted.file_url)
    rides = [ride for ride in RIDES if not chosen.ride or ride.key in chosen.ride]
    outcomes = await measure_all([(ride, client) for ride in rides for client in clients], offer, wanted, chosen)

    broken = violations(rides, clients, outcomes)
    report = [LEGEND.format(limit_s=chosen.limit, size=wanted.size, rate=BYTES_PER_S)]
    report += markdown(rides, clients, outcomes)
    report += ["", "pip-resume ends with exit code 0 and the right file in one run:"]
    report += [f"- VIOLATED: {line}" for line in broken] or ["- not violated"]
    report += [f"Not installed: {name}" for name in names if name not in {client.key for client in clients}]
    report += [f"All runs together took {(time.monotonic() - begun_s) / 60:.1f} minutes."]
    (chosen.output / "results.md").write_text("\n".join([*report, ""]))
    print("\n".join(report))
    return 1 if broken else 0


if __name__ == "__main__":
    reason = why_not()
    if reason:
        print(f"skipped: {reason}")
        sys.exit(0)
    remove_abandoned()
    try:
        sys.exit(asyncio.run(main(options(sys.argv[1:]))))
    except (asyncio.CancelledError, KeyboardInterrupt):
        sys.exit("interrupted; all namespaces and processes are gone")
