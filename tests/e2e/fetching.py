"""One file offered, fetched with `pip download`, and what is on disk then."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import NamedTuple

import pytest
from e2e.halves import BIG, BLOCK_BYTES, half, held_bytes, held_files, wait_until_held
from e2e.real_pip import Environment
from e2e.running import Result
from servers.fault_server import Answer, FaultServer, Then
from servers.index_pages import Artifact, honest, html_page
from servers.script import Scripted

BOTH = pytest.mark.parametrize("pip_version", ["23.2.1", "26.3"])
"""One pip that cannot resume and whose cache has entries of one file, one that resumes in its own way."""
SIZE = len(BIG.content)
WHOLE = honest(BIG)
SILENT = dataclasses.replace(WHOLE, cut_after=half(BIG), then=Then.STALL)
LARGE_BYTES = 500_000
"""From here on a file in pip's cache is a wheel of these tests, or part of one."""


def page_not_to_be_kept(artifact: Artifact) -> Answer:
    """A page that each run fetches; pip writes the URLs on other pages to its cache, whatever secrets they have."""
    page = html_page(artifact)
    return dataclasses.replace(page, fields={**page.fields, "Cache-Control": "no-store"})


def offer(server: FaultServer, *answers: Scripted, artifact: Artifact = BIG) -> None:
    """Publish it, and answer requests for the file so."""
    server.plays(artifact.index_path, page_not_to_be_kept(artifact))
    server.plays(artifact.path, *answers)


class Fetched(NamedTuple):
    """How a `pip download big` ended."""

    result: Result
    sha256: str | None
    """Of the wheel that is there then; None if there is none."""


def fetch(pip: Environment, *options: str) -> Fetched:
    """Download it into a new directory, with whatever pip's cache and an earlier run have left."""
    there = pip.new_target()
    result = pip.run("download", "--no-deps", "--dest", there, *options, "big")
    wheel = there / BIG.filename
    return Fetched(result, hashlib.sha256(wheel.read_bytes()).hexdigest() if wheel.exists() else None)


def begin(pip: Environment, *options: str) -> int:
    """Do the same where the server falls silent at half, and kill it then; returns the number of bytes kept."""
    running = pip.start("download", "--no-deps", "--dest", pip.new_target(), *options, "big")
    wait_until_held(pip.cache_dir, half(BIG) - BLOCK_BYTES + 1)
    running.kill()
    running.wait()
    return held_bytes(pip.cache_dir)


def cached(cache_dir: Path, artifact: Artifact = BIG) -> list[bool]:
    """For each large file in pip's cache, whether all of the artifact is in it: alone, or inside an entry."""
    ours = held_files(cache_dir)
    theirs = [path for path in cache_dir.rglob("*") if path.is_file() and path not in ours]
    return [artifact.content in path.read_bytes() for path in theirs if path.stat().st_size >= LARGE_BYTES]


def files_with(secret: bytes, pip: Environment) -> list[Path]:
    """Files below the cache, the home and the temporary directory that have it in their content or their name."""
    files = [path for top in (pip.cache_dir, pip.home, pip.temporary) for path in top.rglob("*") if path.is_file()]
    assert files, "there is nothing to search"
    return [path for path in files if secret in path.read_bytes() or secret in bytes(path)]
