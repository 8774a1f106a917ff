"""What can be wrong with the network between the two hosts, and the nftables rules that cause it. No I/O."""

from __future__ import annotations

from dataclasses import dataclass

PORT = 443
TABLE = "pip_resume"
COUNTER = "arrived"
# Packets are dropped where they arrive: a packet dropped where it is sent would be an error for the sender's TCP.
# Counted is what passes the rules and is for an address that the host has.
SETUP = f"""
table ip {TABLE} {{
    counter {COUNTER} {{ }}
    chain arriving {{ type filter hook prerouting priority -300; }}
    chain refusing {{ type filter hook input priority 0; }}
    chain counting {{ type filter hook input priority 10; counter name {COUNTER}; }}
}}
"""


@dataclass(frozen=True)
class Condition:
    """The network from one moment on; the defaults are a network without faults."""

    loss_percent: int = 0
    """Percentage of packets lost in each direction; 100 is silence."""
    is_refused: bool = False
    """Whether the server's host answers every packet for the port with a reset."""
    link_is_up: bool = True
    """False: the client's interface is down, so that the client has no route."""
    has_new_address: bool = False
    """Whether the client's host gets a different address at the beginning, and loses the one that it had."""


GOOD = Condition()
SILENT = Condition(loss_percent=100)
REFUSED = Condition(is_refused=True)
LINK_DOWN = Condition(link_is_up=False)
NEW_ADDRESS = Condition(has_new_address=True)


def rules(condition: Condition) -> str:
    """Return the commands for `nft -f` that make these the only faults on a host; they are the same on both hosts."""
    lines = [f"flush chain ip {TABLE} arriving", f"flush chain ip {TABLE} refusing"]
    if condition.loss_percent:
        # nft refuses a comparison that is always true.
        lost = "" if condition.loss_percent == 100 else f"numgen random mod 100 < {condition.loss_percent}"
        lines.append(f"add rule ip {TABLE} arriving {lost} drop")
    if condition.is_refused:
        # A reset from the client passes, so that the server's TCP hears that the connection is gone.
        closed = f"tcp dport {PORT} tcp flags & rst == 0 reject with tcp reset"
        lines.append(f"add rule ip {TABLE} refusing {closed}")
    return "\n".join([*lines, ""])
