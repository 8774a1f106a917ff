"""The network itself: each condition has the effect that its name says, and nothing is left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from network.clients import Client
from network.conditions import GOOD, LINK_DOWN, NEW_ADDRESS, PORT, REFUSED, SILENT, Condition
from network.hosts import CLIENT_ADDRESSES, SERVER_ADDRESS, Network, namespaces, remove_abandoned, two_hosts
from network.measure import TESTS, measure, serving
from network.offer import Offer, expected, make_offer
from network.rides import BASELINE, outage

CONNECT = f"import socket; socket.create_connection(({SERVER_ADDRESS!r}, {PORT}), 0.5)"
DATAGRAMS, PAYLOAD_BYTES = 1000, 1000
# IP and UDP add 28 bytes, and `arrived_bytes` takes 52 away from each packet.
COUNTED_BYTES = PAYLOAD_BYTES + 28 - 52
SEND = f"""
import socket
with socket.socket(type=socket.SOCK_DGRAM) as sending:
    for _ in range({DATAGRAMS}):
        sending.sendto(bytes({PAYLOAD_BYTES}), ({CLIENT_ADDRESSES[0]!r}, 9))
"""
MAKE_AND_DIE = """
import os
from network.hosts import two_hosts
made = two_hosts()
made.__enter__()
os.kill(os.getpid(), 9)
"""
# A client that writes its process id and ends when it is killed.
SLEEP = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
SLEEPING = Client("sleep", "sleep", (sys.executable, "-c", SLEEP))


pytestmark = pytest.mark.usefixtures("namespaces_or_skip")


@pytest.fixture
def network() -> Iterator[Network]:
    with two_hosts() as made:
        yield made


@pytest.fixture
def offer(tmp_path: Path) -> Offer:
    return make_offer(tmp_path / "offer", payload_bytes=1000, bytes_per_s=1_000_000)


def connect(network: Network) -> str:
    """Connect from the client's host to the server; return the last line of the traceback, empty if it worked."""
    command = network.client.command([sys.executable, "-c", CONNECT])
    said = subprocess.run(command, check=False, stderr=subprocess.PIPE, text=True).stderr
    return said.strip().rpartition("\n")[2]


def ours() -> list[str]:
    return [name for name in namespaces() if f"-{os.getpid()}-" in name]


@pytest.mark.parametrize(
    ("condition", "error"),
    [
        pytest.param(SILENT, "timed out", id="silence"),
        pytest.param(REFUSED, "Connection refused", id="refused"),
        pytest.param(LINK_DOWN, "Network is unreachable", id="link down"),
    ],
)
def test_a_fault_prevents_connections_until_the_network_is_good_again(
    condition: Condition, error: str, network: Network, offer: Offer, tmp_path: Path
) -> None:
    async def errors() -> list[str]:
        found = []
        async with serving(network.server, offer, tmp_path / "server.log"):
            for each in (GOOD, condition, GOOD):
                network.apply(each)
                found.append(connect(network))
        return found

    before, during, after = asyncio.run(errors())

    assert (before, after) == ("", "")
    assert error in during


@pytest.mark.parametrize(("percent", "least", "most"), [(0, 1000, 1000), (8, 870, 970), (100, 0, 0)])
def test_the_given_percentage_of_packets_is_lost(percent: int, least: int, most: int, network: Network) -> None:
    network.apply(Condition(loss_percent=percent))

    subprocess.run(network.server.command([sys.executable, "-c", SEND]), check=True)

    assert least <= network.arrived_bytes() / COUNTED_BYTES <= most


def test_a_new_address_replaces_the_old_one(network: Network) -> None:
    network.apply(NEW_ADDRESS)

    shown = ["ip", "-n", network.client.name, "-brief", "-4", "address", "show", "dev", "eth0"]
    addresses = subprocess.run(shown, check=True, stdout=subprocess.PIPE, text=True).stdout.split()[2:]
    assert addresses == [f"{CLIENT_ADDRESSES[1]}/24"]


def test_two_networks_of_one_process_do_not_affect_each_other(network: Network, offer: Offer, tmp_path: Path) -> None:
    async def errors() -> list[str]:
        async with serving(network.server, offer, tmp_path / "server.log"):
            with two_hosts() as second:
                second.apply(SILENT)
                return [connect(network), connect(second)]

    good, silent = asyncio.run(errors())

    assert good == ""
    assert "timed out" in silent


def test_the_namespaces_are_removed_when_a_test_fails() -> None:
    def failing_test() -> None:
        with two_hosts():
            assert len(ours()) == 2
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failing_test()

    assert ours() == []


def test_the_namespaces_of_a_killed_process_are_removed_by_the_next_one(network: Network) -> None:
    command = [sys.executable, "-c", MAKE_AND_DIE]
    with subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(TESTS)}) as killed:
        assert killed.wait() == -signal.SIGKILL
    abandoned = [name for name in namespaces() if f"-{killed.pid}-" in name]

    remove_abandoned()

    assert len(abandoned) == 2
    assert not set(abandoned) & set(namespaces())
    assert len(ours()) == 2


def test_a_cancelled_run_leaves_no_process_and_no_namespace(offer: Offer, tmp_path: Path) -> None:
    async def cancelled_run() -> int:
        log = tmp_path / "run" / "client.log"
        run = asyncio.ensure_future(measure(BASELINE, SLEEPING, offer, expected(offer), log.parent, 50.0))
        while not log.exists() or not log.read_text().endswith("\n"):
            await asyncio.sleep(0.05)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        return int(log.read_text())

    pid = asyncio.run(cancelled_run())

    assert not Path("/proc", str(pid)).exists()
    assert ours() == []


def test_a_run_whose_ride_never_began_is_an_error(offer: Offer, tmp_path: Path) -> None:
    client = Client("nothing", "nothing", (sys.executable, "-c", ""))
    ride = outage("silence", SILENT, 5)

    with pytest.raises(RuntimeError, match="before the ride began"):
        asyncio.run(measure(ride, client, offer, expected(offer), tmp_path / "run", 50.0))
