"""A complete file goes from the store into pip's cache while other pips look for it. The same on every system."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pip._internal.network.session import PipSession
from pip._vendor.requests import Request
from storage.conftest import CONTENT, HALF

from pip_resume.artifact import Artifact
from pip_resume.inside_pip import compat, http_cache
from pip_resume.storage.store import Store
from pip_resume.storage.stored_partial import StoredPartial

FIELDS = {"etag": '"v1"', "cache-control": "max-age=600", "content-length": str(len(CONTENT))}


@pytest.fixture
def session(store: Store) -> Iterator[PipSession]:
    with closing(PipSession(cache=str(store.cache_directory))) as opened:
        yield opened


def is_cached(session: PipSession, artifact: Artifact) -> bool:
    """Whether pip's cache has the complete file."""
    found = http_cache.find_cached(session, artifact.url, {}, any_age=True)
    if found is None:
        return False
    with closing(found):
        raw: Any = found.raw
        assert raw.read() == CONTENT
    return True


def cache_of(session: PipSession, artifact: Artifact) -> Any:
    adapter: Any = session.get_adapter(artifact.url)
    return adapter.cache


@pytest.mark.parametrize("mode", [0o700, 0o755, 0o775])
def test_the_entry_is_as_pip_writes_it(
    session: PipSession, artifact: Artifact, partial: StoredPartial, tmp_path: Path, mode: int
) -> None:
    cache = cache_of(session, artifact)
    if not compat.has_separate_body(cache):
        pytest.skip("this pip has entry and body in one file")
    Path(cache.directory).chmod(mode)
    partial.append(CONTENT[HALF:])
    placed = tmp_path / artifact.filename
    partial.place(placed)
    request = session.prepare_request(Request("GET", artifact.url))
    assert http_cache.store(session, request, FIELDS, placed, partial.link_to, partial.copy_to)

    entry = Path(cache._get_cache_path(artifact.url))
    content, entry_mode = entry.read_bytes(), entry.stat().st_mode
    cache.set(artifact.url, content)
    assert (content, entry_mode) == (entry.read_bytes(), entry.stat().st_mode)
    assert {path.name for path in entry.parent.iterdir()} == {entry.name, f"{entry.name}.body"}


def test_at_each_sync_the_file_is_in_the_store_or_in_the_cache(
    session: PipSession,
    store: Store,
    artifact: Artifact,
    partial: StoredPartial,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A sync takes seconds on a busy disk. A pip that finds the file in neither place meanwhile downloads it again."""
    partial.append(CONTENT[HALF:])
    placed = tmp_path / artifact.filename
    partial.place(placed)
    request = session.prepare_request(Request("GET", artifact.url))
    found: list[bool] = []
    real = os.fsync

    def look_and_sync(descriptor: int) -> None:
        found.append(store.holds(artifact) or is_cached(session, artifact))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", look_and_sync)
    stored = http_cache.store(session, request, FIELDS, placed, partial.link_to, partial.copy_to)

    assert stored
    assert found
    assert all(found)
    partial.discard()
    assert not store.holds(artifact)
    assert is_cached(session, artifact)
