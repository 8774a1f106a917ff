"""What was requested from a server, and what it sent."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Request:
    """One request as it arrived."""

    method: str
    path: str
    """With the query string."""
    fields: Mapping[str, str]
    """Names in lower case."""


@dataclass
class Exchange:
    """A request, and what has been sent as its response so far."""

    request: Request
    status: int | None = None
    """None if no status line was sent."""
    first_pos: int = 0
    sent: int = 0
    """Number of bytes of the body, without framing, that the client's system has acknowledged."""
    started_s: float = field(default_factory=time.monotonic)

    @property
    def range(self) -> str | None:
        """The Range field, or None."""
        return self.request.fields.get("range")

    @property
    def carried_file_bytes(self) -> bool:
        return self.status in {200, 206} and self.sent > 0

    @property
    def path(self) -> str:
        """Without the query string."""
        return self.request.path.partition("?")[0]


class Journal:
    """The exchanges of one server, in the order of the requests.

    A path can be given with its query or without.
    """

    def __init__(self) -> None:
        self._exchanges: list[Exchange] = []
        self._changed = threading.Condition()

    def begin(self, request: Request) -> Exchange:
        exchange = Exchange(request)
        with self._changed:
            self._exchanges.append(exchange)
            self._changed.notify_all()
        return exchange

    def note_sent(self, exchange: Exchange, sent: int) -> None:
        """Record that `sent` bytes of the body have been sent so far. A smaller number than before changes nothing."""
        with self._changed:
            exchange.sent = max(exchange.sent, sent)
            self._changed.notify_all()

    def exchanges(self, path: str | None = None) -> list[Exchange]:
        """Return all exchanges, or those of one path."""
        with self._changed:
            return [e for e in self._exchanges if path is None or path in {e.path, e.request.path}]

    def clear(self) -> None:
        with self._changed:
            self._exchanges.clear()

    def wait_until(self, path: str, sent: int, timeout_s: float) -> None:
        """Wait until `sent` bytes of this path have been sent in all its exchanges. Raises TimeoutError."""
        deadline_s = time.monotonic() + timeout_s
        with self._changed:
            while (so_far := sum(e.sent for e in self.exchanges(path) if e.carried_file_bytes)) < sent:
                if not self._changed.wait(deadline_s - time.monotonic()):
                    raise TimeoutError(f"{path}: {so_far} of {sent} bytes sent after {timeout_s} s")


class Recorded:
    """A server with a journal, and what tests ask about it."""

    def __init__(self) -> None:
        self.journal = Journal()

    def requests(self, path: str | None = None) -> list[Exchange]:
        """Return all exchanges, or those of one path, oldest first."""
        return self.journal.exchanges(path)

    def asked_ranges(self, path: str) -> list[str | None]:
        """Return the Range field of each GET; None for a GET without one."""
        return [e.range for e in self.requests(path) if e.request.method == "GET"]

    def statuses(self, path: str) -> list[int | None]:
        """Return the status of each response; None for a request without one."""
        return [e.status for e in self.requests(path)]

    def sent(self, path: str) -> int:
        """Return the number of bytes of the file in all 200 and 206 responses of this path."""
        return sum(e.sent for e in self.requests(path) if e.carried_file_bytes)

    def wait_until_sent(self, path: str, sent: int, timeout_s: float = 30.0) -> None:
        """Wait until this many bytes of the file have been sent. Raises TimeoutError after `timeout_s` seconds."""
        self.journal.wait_until(path, sent, timeout_s)

    def fetched_twice(self, path: str) -> int:
        """Return how many bytes were sent again: for each response, those below the highest position sent before it."""
        highest = twice = 0
        for exchange in (e for e in self.requests(path) if e.carried_file_bytes):
            twice += max(0, highest - exchange.first_pos)
            highest = max(highest, exchange.first_pos + exchange.sent)
        return twice

    def forget(self) -> None:
        """Forget all exchanges. Scripts continue where they are."""
        self.journal.clear()
