"""Partials as runs of earlier days have left them."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

from integration.machine import artifact_of, hashed
from pip._internal.models.link import Link

from pip_resume.protocol.checkpoint import Checkpoint
from pip_resume.storage.housekeeping import DAY_S
from pip_resume.storage.store import Store

NOW_S = 1_800_000_000.0
MIB = 1024 * 1024
serial = itertools.count()


def link_of(number: int) -> Link:
    return hashed(f"https://example.com/sample-{number}.whl", str(number).encode())


def leave(store: Store, *, days_ago: float = 0.0, size: int = MIB) -> Path:
    """A partial as a run of that time has left it."""
    link = link_of(next(serial))
    partial = store.claim(artifact_of(link))
    partial.note(Checkpoint(filename=link.filename, complete_length=2 * MIB))
    partial.append(bytes(size))
    partial.close()
    return grown_old(partial.path, days_ago * DAY_S)


def grown_old(path: Path, age_s: float) -> Path:
    os.utime(path, (NOW_S - age_s, NOW_S - age_s))
    return path
