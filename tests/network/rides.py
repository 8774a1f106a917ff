"""Rides: what happens to the network while a client downloads the file."""

from __future__ import annotations

import asyncio
import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from network.conditions import GOOD, LINK_DOWN, NEW_ADDRESS, REFUSED, SILENT, Condition

if TYPE_CHECKING:
    from network.hosts import Network

POLL_S = 0.2


@dataclass(frozen=True)
class Phase:
    """A condition and how long it lasts."""

    condition: Condition
    seconds: float = math.inf


@dataclass(frozen=True)
class Ride:
    """After the last phase the network is good, unless the phases repeat."""

    name: str
    phases: tuple[Phase, ...] = ()
    begins_at: float = 0.0
    """The share of the file, between 0 and 1, that arrives before the first phase."""
    repeats: bool = False

    @property
    def key(self) -> str:
        """The name as a file name and as a command's option."""
        return self.name.replace("%", "percent").replace(",", "").replace(" ", "-")

    @property
    def seconds(self) -> float:
        """How long the phases last; infinite if they repeat."""
        return math.inf if self.repeats else sum(phase.seconds for phase in self.phases)


def outage(name: str, condition: Condition, seconds: int) -> Ride:
    """Return a ride with this condition for so many seconds from the middle of the file on."""
    return Ride(f"{name} for {seconds} s", (Phase(condition, seconds),), begins_at=0.5)


BASELINE = Ride("no fault")
# The last three begin when the index has been read. pip's timeout is 15 s: changes every 5 s can keep in step with it.
UNEVEN_S = (4, 5.5, 6, 4.5)
RIDES = (
    BASELINE,
    *(Ride(f"{percent} % of packets lost", (Phase(Condition(loss_percent=percent)),)) for percent in (2, 8)),
    *(outage("silence", SILENT, seconds) for seconds in (10, 40, 100)),
    *(outage("link down", LINK_DOWN, seconds) for seconds in (10, 30, 90, 240)),
    *(outage("refused", REFUSED, seconds) for seconds in (10, 30, 90, 240)),
    Ride("new address every 5 s", (Phase(NEW_ADDRESS, 5),), begins_at=0.1, repeats=True),
    Ride("new address every 4 to 6 s", tuple(Phase(NEW_ADDRESS, s) for s in UNEVEN_S), begins_at=0.1, repeats=True),
    Ride("3 s good, 20 s silent", (Phase(SILENT, 20), Phase(GOOD, 3)), begins_at=0.1, repeats=True),
)


async def drive(ride: Ride, network: Network, size: int, begun: asyncio.Event) -> None:
    """Do to the network what the ride says while a file of this size, in bytes, is downloaded.

    Set `begun` when the first phase begins.
    """
    while network.arrived_bytes() < ride.begins_at * size:
        await asyncio.sleep(POLL_S)
    begun.set()
    for phase in itertools.cycle(ride.phases) if ride.repeats else ride.phases:
        network.apply(phase.condition)
        await asyncio.sleep(phase.seconds)
    network.apply(GOOD)
