"""What plain pip does while it cannot connect, from the urllib3 inside it: the measure of our patience. No I/O."""

from __future__ import annotations

from typing import NamedTuple

from pip._vendor.urllib3.exceptions import ConnectTimeoutError
from pip._vendor.urllib3.util.retry import Retry

BACKOFF_FACTOR = 0.25
"""As ``pip._internal.network.session`` gives it to urllib3."""
LONGEST_WAIT_S = 120.0
"""The default of urllib3."""


class Tries(NamedTuple):
    """The requests that follow a lost connection until the download is given up."""

    requests: int
    waits_s: float
    """All waits between them."""


def waits_of(retries: int, factor: float = BACKOFF_FACTOR) -> tuple[float, ...]:
    """Return the wait before each of urllib3's retries of a connection that always fails."""
    retry, waits_s = Retry(total=retries, backoff_factor=factor), []
    for _ in range(retries):
        retry = retry.increment("GET", "/", error=ConnectTimeoutError())
        waits_s.append(float(retry.get_backoff_time()))
    return tuple(waits_s)


def tries_of(resume_retries: int, retries: int = 5) -> Tries:
    """Return what pip 25.1 and newer do after a connection was lost, while no other is possible.

    Each of its ``--resume-retries`` is a request with ``--retries`` of its own.
    """
    return Tries(resume_retries * (1 + retries), resume_retries * sum(waits_of(retries)))
