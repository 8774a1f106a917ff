"""The system calls of one download: below the store's directory everything goes by the descriptor of the directory."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from integration.machine import Machine, artifact_of
from integration.samples import CONTENT, CUT, FILE, HELD, PATH, link_with_hash
from servers.fault_server import FaultServer

from pip_resume.storage import housekeeping
from pip_resume.storage.store import DIRECTORY

EVENTS = (
    *("open", "os.chmod", "os.chown", "os.link", "os.listdir", "os.mkdir", "os.remove", "os.rename", "os.rmdir"),
    *("os.scandir", "os.symlink", "os.truncate", "os.utime", "shutil.rmtree"),
)
"""The events of `sys.audit` whose arguments have paths (the Python documentation, "Audit events table")."""
TESTS = Path(__file__).parents[1]
# What a download, in a process of its own, does: store a part, continue it, and prune.
SCRIPT = """
import sys, time
from pathlib import Path
sys.path[:0] = sys.argv[3:]
from integration.machine import Machine
from pip._internal.models.link import Link
from pip_resume.errors import GaveUp
from pip_resume.storage.housekeeping import prune
machine = Machine(Path(sys.argv[1]))
link = Link(sys.argv[2])
try:
    machine.download_partly(link)
    finished = machine.download(link)
    print(len(finished.content))
    machine.download(link)
    prune(machine.store.path, 0, 0, time.time() + 9e7)
finally:
    machine.store.close()
"""
needs_descriptors = pytest.mark.skipif(os.open not in os.supports_dir_fd, reason="this system has no dir_fd")


class Audit:
    """Records the paths of audited calls, while it is on. A hook cannot be removed."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self.below = ""
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.below and event in EVENTS:
            for each in arguments[:2]:
                path = os.fspath(each) if isinstance(each, (str, os.PathLike)) else ""
                if path.startswith(self.below) and path != self.below:
                    self.calls.append((event, path))


@pytest.fixture(scope="module")
def recorder() -> Audit:
    return Audit()


@pytest.fixture
def audit(recorder: Audit, machine: Machine) -> Iterator[Audit]:
    recorder.calls.clear()
    recorder.below = str(machine.store.path)
    yield recorder
    recorder.below = ""


@pytest.fixture
def other_file_system(machine: Machine, tmp_path: Path) -> Iterator[Machine]:
    """A machine whose temporary directory is on a different file system than its cache."""
    shared_memory = Path("/dev/shm")
    if not shared_memory.is_dir() or shared_memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second file system to write to")
    directory = Path(tempfile.mkdtemp(prefix="pip-resume-", dir=shared_memory))
    made = Machine(directory, cache_directory=machine.cache_directory)
    with closing(made.store):
        yield made
    shutil.rmtree(directory)


@needs_descriptors
class TestAudit:
    def test_a_path_below_the_store_is_noticed(self, audit: Audit, machine: Machine) -> None:
        machine.store.path.mkdir(parents=True)
        (machine.store.path / "file").touch()

        assert ("open", str(machine.store.path / "file")) in audit.calls

    def test_a_download_from_the_store_uses_no_path_below_it(
        self, audit: Audit, machine: Machine, http_server: FaultServer
    ) -> None:
        http_server.plays(PATH, CUT, FILE)
        link = link_with_hash(http_server)
        machine.download_partly(link)
        held = machine.store.path / f"{artifact_of(link).key}.part"
        assert held.stat().st_size == HELD
        assert machine.download(link).content == CONTENT
        housekeeping.prune(machine.store.path, 0, 0, 9e9)

        assert audit.calls == []

    def test_a_file_from_pips_cache_and_one_that_stays_in_the_store_use_no_path_below_it(
        self, audit: Audit, machine: Machine, http_server: FaultServer
    ) -> None:
        http_server.plays(PATH, replace(FILE, fields={"Cache-Control": "no-store"}))
        http_server.plays("/cached.whl", FILE)
        link = link_with_hash(http_server)
        cached = type(link)(link.url.replace(PATH, "/cached.whl"))
        for each in (link, link, cached, cached):
            assert machine.download(each).content == CONTENT

        assert audit.calls == []

    def test_a_download_to_a_different_file_system_uses_no_path_below_the_store(
        self, audit: Audit, other_file_system: Machine, http_server: FaultServer
    ) -> None:
        http_server.plays(PATH, CUT, FILE)
        link = link_with_hash(http_server)
        other_file_system.download_partly(link)
        assert other_file_system.download(link).content == CONTENT
        assert other_file_system.download(link).content == CONTENT

        assert audit.calls == []

    def test_the_commands_use_no_path_below_the_store(
        self, audit: Audit, machine: Machine, http_server: FaultServer
    ) -> None:
        http_server.plays(PATH, CUT)
        machine.download_partly(link_with_hash(http_server))
        (entry,) = housekeeping.entries(machine.store.path)
        assert not housekeeping.is_in_use(entry)
        housekeeping.remove_leftovers(machine.store.path, 9e9)
        assert housekeeping.remove(entry)

        assert audit.calls == []


@needs_descriptors
@pytest.mark.skipif(shutil.which("strace") is None, reason="this system has no strace")
def test_the_kernel_sees_no_path_below_the_store(machine: Machine, http_server: FaultServer, tmp_path: Path) -> None:
    """`sys.audit` reports neither stat nor the calls of libraries. strace sees every call that has a path."""
    http_server.plays(PATH, CUT, FILE)
    log, directory = tmp_path / "log", tmp_path / "machine"
    strace = ["strace", "-f", "-qq", "-s", "4096", "-e", "trace=%file,%desc", "-o", str(log)]
    command = [sys.executable, "-c", SCRIPT, str(directory), link_with_hash(http_server).url]
    finished = subprocess.run(
        [*strace, *command, str(TESTS), str(TESTS.parent)], capture_output=True, text=True, check=False, timeout=50
    )
    if "ptrace" in finished.stderr:
        pytest.skip("this system does not allow strace")

    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.split()[-1] == str(len(CONTENT))
    lines = log.read_text().splitlines()
    store = directory / "cache" / DIRECTORY
    assert [line for line in lines if f'"{store}/' in line] == []
    relative = [line for line in lines if re.search(r"\w+at\((?!AT_FDCWD)\d+, \"[0-9a-f]{64}", line)]
    assert len(relative) > 10
