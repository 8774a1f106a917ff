"""Two hosts, each a network namespace of its own, and the link between them, whose condition can be changed.

Addresses, interfaces and rules exist only inside the namespaces; they go when the namespaces are removed.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from network.conditions import COUNTER, SETUP, TABLE, Condition, rules

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# RFC 5737 section 3: never the address of a real host.
SERVER_ADDRESS = "192.0.2.1"
CLIENT_ADDRESSES = tuple(f"192.0.2.{number}" for number in range(2, 255))
PREFIX_LENGTH = 24
LINK = "eth0"
NAME = re.compile(r"pip-resume-(\d+)-\d+-(client|server)")
# Of IP and TCP, with the timestamps that Linux sends in every segment.
HEADER_BYTES = 52

_numbers = itertools.count(1)


class CommandFailed(Exception):
    """A command that changes or reads the network ended with an error; the text has both."""


class Host:
    """A network namespace."""

    def __init__(self, name: str) -> None:
        self.name = name

    def command(self, command: Sequence[str]) -> list[str]:
        """Return the command that runs this command on the host; both have the same process id."""
        return ["ip", "netns", "exec", self.name, *command]

    def nft(self, *arguments: str, text: str = "") -> str:
        """Run nft on the host and return its output; raise CommandFailed if it fails."""
        return run(self.command(["nft", *arguments]), text)

    def ip(self, *arguments: str) -> None:
        """Run ip for the host; raise CommandFailed if it fails."""
        run(["ip", "-n", self.name, *arguments])


class Network:
    """A client's host and a server's host with a veth pair between them; made by `two_hosts`."""

    def __init__(self, client: Host, server: Host) -> None:
        self.client = client
        self.server = server
        self._addresses = itertools.cycle(CLIENT_ADDRESSES)
        self._address = next(self._addresses)
        client.ip("link", "add", "name", LINK, "type", "veth", "peer", "name", LINK, "netns", server.name)
        for host, address in ((client, self._address), (server, SERVER_ADDRESS)):
            host.nft("-f", "-", text=SETUP)
            host.ip("link", "set", "dev", "lo", "up")
            # Else up to 64 KiB would cross the link as one packet, and be lost as one.
            host.ip("link", "set", "dev", LINK, "gso_max_segs", "1")
            host.ip("address", "add", f"{address}/{PREFIX_LENGTH}", "dev", LINK)
            host.ip("link", "set", "dev", LINK, "up")

    def apply(self, condition: Condition) -> None:
        """Put the network into this condition, whatever it was in before."""
        for host in (self.client, self.server):
            host.nft("-f", "-", text=rules(condition))
        self.client.ip("link", "set", "dev", LINK, "up" if condition.link_is_up else "down")
        if condition.has_new_address:
            self._change_address()

    def arrived_bytes(self) -> int:
        """Return how many bytes of TCP payload have arrived at the client's host, those that came twice included."""
        listed = json.loads(self.client.nft("-j", "list", "counter", "ip", TABLE, COUNTER))
        (counter,) = (each["counter"] for each in listed["nftables"] if "counter" in each)
        return max(0, int(counter["bytes"]) - HEADER_BYTES * int(counter["packets"]))

    def _change_address(self) -> None:
        self.client.ip("address", "delete", f"{self._address}/{PREFIX_LENGTH}", "dev", LINK)
        self._address = next(self._addresses)
        self.client.ip("address", "add", f"{self._address}/{PREFIX_LENGTH}", "dev", LINK)


@contextlib.contextmanager
def two_hosts() -> Iterator[Network]:
    """Make a network in good condition and remove it at the end; raise CommandFailed if it cannot be made."""
    prefix = f"pip-resume-{os.getpid()}-{next(_numbers)}"
    with namespace(f"{prefix}-client") as client, namespace(f"{prefix}-server") as server:
        yield Network(client, server)


@contextlib.contextmanager
def namespace(name: str) -> Iterator[Host]:
    run(["ip", "netns", "add", name])
    try:
        yield Host(name)
    finally:
        run(["ip", "netns", "delete", name])


def namespaces() -> list[str]:
    """Return the names of all network namespaces that these tests have made, here or in a different process."""
    listed = (line.split()[0] for line in run(["ip", "netns", "list"]).splitlines() if line)
    return [name for name in listed if NAME.fullmatch(name)]


def remove_abandoned() -> None:
    """Remove the namespaces of processes that were killed before they could do it themselves."""
    for name in namespaces():
        named = NAME.fullmatch(name)
        if named and not Path("/proc", named[1]).exists():
            run(["ip", "netns", "delete", name])


@functools.cache
def why_not() -> str | None:
    """Return why there can be no such network on this machine, None if there can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    missing = [program for program in ("ip", "nft") if shutil.which(program) is None]
    if missing:
        return f"not installed: {', '.join(missing)} (Debian: apt install iproute2 nftables)"
    try:
        # Not with `two_hosts`: its own errors must not look like missing features.
        with namespace(f"pip-resume-{os.getpid()}-0-client") as host:
            host.ip("link", "add", "name", LINK, "type", "veth")
            host.nft("-f", "-", text=SETUP + rules(Condition(loss_percent=50, is_refused=True)))
    except CommandFailed as error:
        return str(error)
    return None


def run(command: Sequence[str], text: str = "") -> str:
    done = subprocess.run(command, input=text, check=False, capture_output=True, text=True)
    if done.returncode:
        raise CommandFailed(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout
