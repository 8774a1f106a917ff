"""pip-resume over a network that fails for some seconds; `python -m network` has longer outages and other clients."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from environments.pythons import THIS_PYTHON
from environments.templates import Templates
from environments.virtual_environment import VirtualEnvironment
from network.clients import our_client
from network.conditions import LINK_DOWN, SILENT, Condition
from network.measure import measure
from network.offer import Left, expected, make_offer
from network.rides import Phase, Ride, outage

# A pip that cannot continue a download by itself.
PIP = "23.2.1"
LIMIT_S = 50.0

pytestmark = pytest.mark.usefixtures("namespaces_or_skip")


@pytest.fixture(scope="module")
def pip_with_plugin(templates: Templates) -> VirtualEnvironment:
    root = templates.environment(THIS_PYTHON, templates.pip_wheel(PIP), templates.our_wheel())
    return VirtualEnvironment(root)


@pytest.mark.parametrize(
    ("ride", "payload_bytes", "options"),
    [
        pytest.param(outage("link down", LINK_DOWN, 5), 3_000_000, (), id="link down for 5 s"),
        pytest.param(outage("silence", SILENT, 8), 3_000_000, ("--timeout", "3"), id="silence for 8 s, timeout 3 s"),
        pytest.param(Ride("loss", (Phase(Condition(loss_percent=8)),)), 1_000_000, (), id="8 % of packets lost"),
    ],
)
def test_one_run_downloads_the_file_about_once(
    ride: Ride, payload_bytes: int, options: tuple[str, ...], pip_with_plugin: VirtualEnvironment, tmp_path: Path
) -> None:
    offer = make_offer(tmp_path / "offer", payload_bytes, bytes_per_s=800_000)
    client = our_client(PIP, pip_with_plugin, offer.ca_file, *options)

    outcome = asyncio.run(measure(ride, client, offer, expected(offer), tmp_path / "run", LIMIT_S))

    assert (outcome.exit_code, outcome.left) == (0, Left.RIGHT), outcome.output
    assert outcome.wire <= 1.05, outcome.output
