"""Partials that earlier runs have left in a store."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

from integration.machine import artifact_of, hashed_link
from pip._internal.models.link import Link

from pip_resume.protocol.checkpoint import Checkpoint
from pip_resume.storage.housekeeping import DAY_S
from pip_resume.storage.store import Store

NOW_S = 1_800_000_000.0
MIB = 1024 * 1024
numbers = itertools.count()


def numbered_link(number: int) -> Link:
    """Return a link of its own for each number."""
    return hashed_link(f"https://example.com/sample-{number}.whl", str(number).encode())


def leave_partial(store: Store, *, days_ago: float = 0.0, size: int = MIB) -> Path:
    """Store `size` bytes of a new link, as a run `days_ago` before NOW_S would; return the path of the part file."""
    link = numbered_link(next(numbers))
    partial = store.claim(artifact_of(link))
    partial.note(Checkpoint(filename=link.filename, complete_length=2 * MIB))
    partial.append(bytes(size))
    partial.close()
    return set_age(partial.path, days_ago * DAY_S)


def set_age(path: Path, age_s: float) -> Path:
    """Set the modification time to `age_s` before NOW_S; return the path."""
    os.utime(path, (NOW_S - age_s, NOW_S - age_s))
    return path
