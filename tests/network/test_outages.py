"""pip-resume over a network that fails for some seconds; `python -m network` has longer outages and other clients."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from benchmarks.environments import Environment, build_wheel, get_pip, make_pair
from network.clients import pip_client
from network.conditions import LINK_DOWN, SILENT, Condition
from network.measure import measure
from network.offer import Left, expected, make_offer
from network.rides import Phase, Ride, outage

if TYPE_CHECKING:
    from network.clients import Client

# A pip that cannot continue a download by itself.
PIP = "23.2.1"
LIMIT_S = 50.0

pytestmark = pytest.mark.usefixtures("namespaces_or_skip")


@pytest.fixture(scope="module")
def pip_with_plugin(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    folder = tmp_path_factory.mktemp("environments")
    try:
        pip_wheel = get_pip(PIP, folder / "pip-wheel")
    except subprocess.CalledProcessError as error:
        pytest.skip(f"pip {PIP} cannot be fetched: {error}")
    return make_pair(folder, pip_wheel, build_wheel(folder / "our-wheel")).ours


@pytest.mark.parametrize(
    ("ride", "payload_bytes", "options"),
    [
        pytest.param(outage("link down", LINK_DOWN, 5), 3_000_000, (), id="link down for 5 s"),
        pytest.param(outage("silence", SILENT, 8), 3_000_000, ("--timeout", "3"), id="silence for 8 s, timeout 3 s"),
        pytest.param(Ride("loss", (Phase(Condition(loss_percent=8)),)), 1_000_000, (), id="8 % of packets lost"),
    ],
)
def test_one_run_downloads_the_file_about_once(
    ride: Ride, payload_bytes: int, options: tuple[str, ...], pip_with_plugin: Environment, tmp_path: Path
) -> None:
    offer = make_offer(tmp_path / "offer", payload_bytes, bytes_per_s=800_000)
    client: Client = pip_client(pip_with_plugin, offer.ca_file, *options)

    outcome = asyncio.run(measure(ride, client, offer, expected(offer), tmp_path / "run", LIMIT_S))

    assert (outcome.exit_code, outcome.left) == (0, Left.RIGHT), outcome.output
    assert outcome.wire <= 1.05, outcome.output
