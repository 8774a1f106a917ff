"""Responses that break off or refuse, the command that meets them, and what pip prints then."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

from e2e.broken_downloads import BIG, half, index_options
from environments.environment import Environment
from servers.fault_server import Answer, FaultServer, FileAnswer, Then
from servers.index_pages import Artifact, honest

HALF = half(BIG)
AGAIN = "run the same command again to continue"
LOST = r"  WARNING: Connection lost at (.+) of 3\.0 MB \((.+)\); resuming"
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


def without_frame(text: str) -> str:
    """Return the text as one line, without the frame that new pips draw around an error."""
    return FRAME.sub(" ", text)
