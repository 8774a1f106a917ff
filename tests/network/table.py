"""The table of all runs, and what was promised and did not happen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from network.offer import Left

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from network.clients import Client
    from network.measure import Outcome
    from network.rides import Ride

LEGEND = """\
One run in each cell: exit code ("killed" after {limit_s:.0f} s); seconds; bytes that arrived at the client's host, as a
multiple of the file's {size:,} bytes; and what the client left, compared with the file.
Each connection is served at {rate:,} bytes/s.
"""


def cell(outcome: Outcome) -> str:
    exit_code = "killed" if outcome.exit_code is None else str(outcome.exit_code)
    return f"{exit_code}, {outcome.seconds:.0f} s, {outcome.wire:.2f}, {outcome.left.value}"


def markdown(
    rides: Sequence[Ride], clients: Sequence[Client], outcomes: Mapping[tuple[str, str], Outcome]
) -> list[str]:
    """Return the lines of a Markdown table; the outcomes are by key of the ride and of the client."""
    lines = [["", *(client.title for client in clients)], ["---"] * (len(clients) + 1)]
    lines += [[ride.name, *(cell(outcomes[ride.key, client.key]) for client in clients)] for ride in rides]
    widths = [max(len(line[column]) for line in lines) for column in range(len(clients) + 1)]
    return [f"| {' | '.join(text.ljust(width) for text, width in zip(line, widths))} |" for line in lines]


def violations(
    rides: Sequence[Ride], clients: Sequence[Client], outcomes: Mapping[tuple[str, str], Outcome]
) -> list[str]:
    """Return a line for each run of pip-resume that did not end with exit code 0 and the right file."""
    ours = [(ride, client, outcomes[ride.key, client.key]) for ride in rides for client in clients if client.is_ours]
    return [
        f"{client.title}, {ride.name}: {cell(outcome)}"
        for ride, client, outcome in ours
        if (outcome.exit_code, outcome.left) != (0, Left.RIGHT)
    ]
