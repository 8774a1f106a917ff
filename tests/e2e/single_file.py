"""One file: publish it, download it with `pip download`, and look at what is on disk then."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import NamedTuple

import pytest
from e2e.broken_downloads import BIG, half, stored_bytes, stored_files, wait_until_stored
from environments.environment import Environment
from environments.processes import Result
from servers.fault_server import Answer, FaultServer, Then
from servers.index_pages import Artifact, honest, html_page
from servers.script import Scripted

TWO_PIPS = pytest.mark.parametrize("pip_version", ["23.2.1", "26.3"])
"""A pip that cannot resume and has one file for each cache entry, and one that resumes in its own way."""
SIZE = len(BIG.content)
COMPLETE = honest(BIG)
STALLED = dataclasses.replace(COMPLETE, cut_after=half(BIG), then=Then.STALL)
LARGE_BYTES = 500_000
"""A file of this size or more in pip's cache is a wheel of these tests, or part of one."""


def uncacheable_page(artifact: Artifact) -> Answer:
    """Return an index page that pip does not store: the URLs on a page that it stores may have secrets."""
    page = html_page(artifact)
    return dataclasses.replace(page, fields={**page.fields, "Cache-Control": "no-store"})


def publish_scripted(server: FaultServer, *responses: Scripted, artifact: Artifact = BIG) -> None:
    """Publish the file, and respond to requests for it with these responses, one after the other."""
    server.plays(artifact.index_path, uncacheable_page(artifact))
    server.plays(artifact.path, *responses)


class Download(NamedTuple):
    """How a `pip download big` ended."""

    result: Result
    sha256: str | None
    """Of the downloaded wheel; None if there is none."""


def download_big(pip: Environment, *options: str) -> Download:
    """Download the file into a new directory, with what an earlier run has left in pip's cache."""
    target = pip.new_target()
    result = pip.run("download", "--no-deps", "--dest", target, *options, "big")
    wheel = target / BIG.filename
    return Download(result, hashlib.sha256(wheel.read_bytes()).hexdigest() if wheel.exists() else None)


def kill_big_at_half(pip: Environment, *options: str) -> None:
    """Download the file from a server that stalls at half, and kill pip then: half is stored, to the byte."""
    running = pip.start("download", "--no-deps", "--dest", pip.new_target(), *options, "big")
    wait_until_stored(pip.cache_dir, half(BIG))
    running.kill_and_wait()
    assert stored_bytes(pip.cache_dir) == half(BIG)


def cached_completely(cache_dir: Path, artifact: Artifact = BIG) -> list[bool]:
    """Return for each large file in pip's cache whether it contains the complete artifact."""
    ours = stored_files(cache_dir)
    files = [path for path in cache_dir.rglob("*") if path.is_file() and path not in ours]
    return [artifact.content in path.read_bytes() for path in files if path.stat().st_size >= LARGE_BYTES]


def files_with(secret: bytes, *folders: Path) -> list[Path]:
    """Return the files below these folders that have the secret in their content or in their path."""
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    assert files, "there is nothing to search"
    return [path for path in files if secret in path.read_bytes() or secret in bytes(path)]
