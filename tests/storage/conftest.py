"""Fixtures for the tests of the store's files with the real system; they run on Windows as well."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from storage.holding import Holder

from pip_resume.artifact import Artifact, Digest
from pip_resume.protocol.checkpoint import Checkpoint
from pip_resume.storage import sharing
from pip_resume.storage.store import Store
from pip_resume.storage.stored_partial import StoredPartial

CONTENT = bytes(range(256)) * 4096
HALF = len(CONTENT) // 2


@pytest.fixture(autouse=True)
def nothing_waited(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each test be a process that has not waited yet."""
    monkeypatch.setattr(sharing, "_waited_s", [0.0])


@pytest.fixture
def artifact() -> Artifact:
    digest = Digest("sha256", hashlib.sha256(CONTENT).hexdigest())
    return Artifact("https://files.test/big-1.0-py3-none-any.whl", "big-1.0-py3-none-any.whl", digest)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "cache" / "http-v2", "this boot")
    yield made
    made.close()


@pytest.fixture
def partial(store: Store, artifact: Artifact) -> Iterator[StoredPartial]:
    """The first half of the file, stored, and open."""
    claimed = store.claim(artifact)
    claimed.note(Checkpoint(filename=artifact.filename, complete_length=len(CONTENT)))
    claimed.append(CONTENT[:HALF])
    yield claimed
    claimed.close()


@pytest.fixture
def holder() -> Iterator[Holder]:
    """A program that has files open on Windows, and shares nothing or everything but their removal."""
    made = Holder()
    yield made
    made.release()
