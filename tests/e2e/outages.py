"""Responses that break off or refuse, the command that meets them, and what pip prints then."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

from e2e.broken_downloads import BIG, half, index_options, range_from
from environments.environment import Environment
from servers.fault_server import Answer, FaultServer, FileAnswer, Then
from servers.index_pages import Artifact, honest

HALF = half(BIG)
AGAIN = "run the same command again to continue"
LOST = r"  WARNING: Connection lost at (.+) of 3\.0 MB \((.+)\); resuming"
MOST_ON_ITS_WAY = 512 * 1024
"""As much of a response may arrive in the buffers of the system although pip never reads it."""
FRAME = re.compile(r"[\s\u2500-\u257f\u00d7>]+")
"""White space, and what new pips draw around an error."""


def cut(artifact: Artifact, after: int | None = None, then: Then = Then.DROP, **more: Any) -> FileAnswer:
    """Return a response that ends after so many bytes; None means half of the file."""
    return dataclasses.replace(honest(artifact), cut_after=after or half(artifact), then=then, **more)


def busy(status: int, **fields: str) -> Answer:
    """Return a response without the file; the names of its fields are given with _ for -."""
    return Answer(status, {name.replace("_", "-"): value for name, value in fields.items()}, b"busy")


def download_command(server: FaultServer, artifact: Artifact = BIG) -> tuple[str, ...]:
    return ("download", "--no-deps", *index_options(server), artifact.project)


def is_complete(pip: Environment, artifact: Artifact = BIG) -> bool:
    """Whether the downloaded file is there, with the right bytes."""
    return (pip.work / artifact.filename).read_bytes() == artifact.content


def assert_resumed_after_outage(server: FaultServer, artifact: Artifact = BIG) -> None:
    """After a first response that ended at half one request of a range fetched the rest.

    A request without a range may come before it, since the server might refuse ranges only. Its response is closed
    after its head, and only what was on its way by then counts.
    """
    first, *probes, last = server.requests(artifact.path)
    assert (first.range, last.range) == (None, range_from(half(artifact)))
    assert [probe.range for probe in probes] in ([], [None])
    assert all(probe.sent <= MOST_ON_ITS_WAY for probe in probes)


def without_frame(text: str) -> str:
    """Return the text as one line, without the frame that new pips draw around an error."""
    return FRAME.sub(" ", text)
