"""Downloads that end at half at first: what the server does then, and what is on disk."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from pathlib import Path

from servers.fault_server import FaultServer, Then
from servers.index_pages import Artifact, honest, publish, wheel_artifact

BLOCK_BYTES = 64 * 1024
"""What an interruption may cost."""
OVERLAP_BYTES = 64 * 1024
"""What the first request of a later run asks for once more."""
TWICE_AT_MOST = BLOCK_BYTES + OVERLAP_BYTES

BIG = wheel_artifact("big", size=3_000_000)
SMALL = wheel_artifact("small", size=1_000_000)
"""Below 1 MiB, so not worth a file for the next run."""


def half(artifact: Artifact) -> int:
    return len(artifact.content) // 2


def breaks_once(server: FaultServer, artifact: Artifact, then: Then = Then.STALL) -> None:
    """Let the first answer for this file end at half in this way, and all later ones be whole."""
    whole = honest(artifact)
    server.plays(artifact.path, dataclasses.replace(whole, cut_after=half(artifact), then=then), whole)


def offer_broken(server: FaultServer, *artifacts: Artifact, then: Then = Then.STALL) -> None:
    """Publish these files, each of which breaks once."""
    publish(server, *artifacts)
    for artifact in artifacts:
        breaks_once(server, artifact, then)


def held_files(cache_dir: Path) -> list[Path]:
    """What is kept for a later run: bytes and the records beside them, wherever in pip's cache directory."""
    # Besides them there may be a file without content whose time says when old ones were last looked for.
    ours = (path for path in cache_dir.rglob("*") if "pip-resume" in path.parts and path.is_file())
    return sorted(path for path in ours if path.suffix)


def held_bytes(cache_dir: Path) -> int:
    """How much of the one file that is not whole is on disk; 0 while none is."""
    for path in held_files(cache_dir):
        with contextlib.suppress(FileNotFoundError):
            if path.suffix == ".part":
                return path.stat().st_size
    return 0


def wait_until_held(cache_dir: Path, size: int, timeout_s: float = 30.0) -> None:
    """Block until so many bytes are on disk, or more."""
    deadline_s = time.monotonic() + timeout_s
    while held_bytes(cache_dir) < size:
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"{held_bytes(cache_dir)} of {size} bytes on disk after {timeout_s} s")
        time.sleep(0.001)


def wait_until_half_is_held(server: FaultServer, artifact: Artifact, cache_dir: Path) -> None:
    """Block until all that the server sends before it falls silent is on disk, but for a block that is not full."""
    server.wait_until_sent(artifact.path, half(artifact))
    wait_until_held(cache_dir, half(artifact) - BLOCK_BYTES + 1)


def names(artifact: Artifact) -> str:
    """The name as a regular expression."""
    return artifact.filename.replace(".", r"\.")
