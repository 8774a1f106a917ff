"""A run of pip may download thousands of files, and a process may have 1,024 descriptors open (``ulimit -n``)."""

from __future__ import annotations

import contextlib
import gc
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Callable

import pytest
from integration.machine import Machine, hashed_link
from integration.samples import CUT, FILE, PATH, cut, link_with_hash, link_without_hash

if TYPE_CHECKING:
    from servers.fault_server import FaultServer

DESCRIPTORS = Path("/proc/self/fd")
SMALL = replace(FILE, content=FILE.content[:5000])
pytestmark = pytest.mark.skipif(not DESCRIPTORS.exists(), reason="only Linux lists the descriptors of a process")


def open_files() -> list[str]:
    """Return what this process has open, without sockets: those of the server are here as well."""
    gc.collect()
    found = []
    for descriptor in DESCRIPTORS.iterdir():
        with contextlib.suppress(OSError):  # The descriptor that lists the directory is closed by now.
            found.append(str(descriptor.readlink()))
    return sorted(path for path in found if path.startswith("/"))


def fresh(machine: Machine, server: FaultServer) -> None:
    server.plays(PATH, FILE)
    shutil.rmtree(machine.cache_directory, ignore_errors=True)
    machine.download(link_with_hash(server))


def from_pips_cache(machine: Machine, server: FaultServer) -> None:
    server.plays(PATH, FILE)
    machine.download(link_with_hash(server))


def small(machine: Machine, server: FaultServer) -> None:
    """It is not stored."""
    server.plays("/small.whl", SMALL)
    shutil.rmtree(machine.cache_directory, ignore_errors=True)
    machine.download(hashed_link(server.url("/small.whl"), SMALL.content))


def without_hash(machine: Machine, server: FaultServer) -> None:
    server.plays(PATH, FILE)
    shutil.rmtree(machine.cache_directory, ignore_errors=True)
    machine.download(link_without_hash(server))


def resumed(machine: Machine, server: FaultServer) -> None:
    server.plays(PATH, CUT, FILE)
    shutil.rmtree(machine.cache_directory, ignore_errors=True)
    machine.download_partly(link_with_hash(server))
    machine.download(link_with_hash(server))


def replaced(machine: Machine, server: FaultServer) -> None:
    """The second body differs from the first one."""
    other = replace(FILE, content=bytes(100) + FILE.content[100:], partial_status=200)
    server.plays(PATH, cut(other), FILE)
    shutil.rmtree(machine.cache_directory, ignore_errors=True)
    machine.download(link_with_hash(server))


@pytest.mark.parametrize("kind", [fresh, from_pips_cache, small, without_hash, resumed, replaced])
def test_a_download_leaves_nothing_open(
    kind: Callable[[Machine, FaultServer], None], machine: Machine, http_server: FaultServer
) -> None:
    kind(machine, http_server)
    before = open_files()

    for _ in range(3):
        kind(machine, http_server)

    assert open_files() == before
