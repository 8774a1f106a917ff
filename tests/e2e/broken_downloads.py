"""Downloads whose first response ends at half: what the server sends then, and what is stored on disk."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import tarfile
import time
import zipfile
from pathlib import Path

from environments.environment import Environment
from servers.certificates import Certificates
from servers.fault_server import FaultServer, Then
from servers.index_pages import Artifact, honest, publish, wheel_artifact
from servers.nginx import Nginx
from servers.range_server import RangeServer

BLOCK_BYTES = 256 * 1024
"""A kill loses what arrived in the last tenth of a second, and this much at most. A lost connection costs nothing."""
OVERLAP_BYTES = 64 * 1024
"""The first request of a later run begins this far before the end of the stored bytes."""
MOST_FETCHED_TWICE = BLOCK_BYTES + OVERLAP_BYTES
"""After a kill while bytes arrive."""

BIG = wheel_artifact("big", size=3_000_000)
SMALL = wheel_artifact("small", size=1_000_000)
"""Below 1 MiB, so it is not stored for the next run."""


def index_options(
    server: FaultServer | RangeServer | Nginx, certificates: Certificates | None = None
) -> tuple[str, ...]:
    """Return the options that make pip use the index of this server, and trust its certificate."""
    trust = ("--cert", str(certificates.ca_file)) if certificates else ()
    return ("--index-url", server.url("/simple/"), *trust)


def half(artifact: Artifact) -> int:
    """Return the position in the middle of the file."""
    return len(artifact.content) // 2


def payload(artifact: Artifact) -> bytes:
    """Return the file payload.bin in a wheel or a source distribution: what an installation of it has."""
    if artifact.filename.endswith(".whl"):
        with zipfile.ZipFile(io.BytesIO(artifact.content)) as wheel:
            return wheel.read(f"{artifact.project}/payload.bin")
    with tarfile.open(fileobj=io.BytesIO(artifact.content)) as sdist:
        file = sdist.extractfile(f"{artifact.filename.removesuffix('.tar.gz')}/payload.bin")
        assert file is not None
        return file.read()


def break_once(server: FaultServer, artifact: Artifact, then: Then = Then.STALL) -> None:
    """Have the first response for this file end at half in this way, and all later responses be complete."""
    complete = honest(artifact)
    server.plays(artifact.path, dataclasses.replace(complete, cut_after=half(artifact), then=then), complete)


def publish_broken(server: FaultServer, *artifacts: Artifact, then: Then = Then.STALL) -> None:
    """Publish these files; the first response for each of them ends at half."""
    publish(server, *artifacts)
    for artifact in artifacts:
        break_once(server, artifact, then)


def files_of_the_plugin(cache_dir: Path) -> list[Path]:
    """Return all files of the plugin in pip's cache directory."""
    return sorted(path for path in cache_dir.rglob("*") if "pip-resume" in path.parts and path.is_file())


def stored_files(cache_dir: Path) -> list[Path]:
    """Return the files that are stored for a later run: partial downloads, and the records beside them."""
    # There may also be an empty file without a suffix, whose time says when old partials were last looked for.
    return [path for path in files_of_the_plugin(cache_dir) if path.suffix]


def stored_contents(cache_dir: Path) -> list[bytes]:
    """Return the content of each partial download in pip's cache directory, also of those that are complete."""
    return [path.read_bytes() for path in stored_files(cache_dir) if path.suffix == ".part"]


def stored_bytes(cache_dir: Path) -> int:
    """Return the size of the one partial download in pip's cache directory; 0 if there is none."""
    for path in stored_files(cache_dir):
        with contextlib.suppress(FileNotFoundError):
            if path.suffix == ".part":
                return path.stat().st_size
    return 0


def wait_until_stored(cache_dir: Path, size: int, timeout_s: float = 30.0) -> None:
    """Block until a partial download has at least this size; raise TimeoutError when the time is up."""
    deadline_s = time.monotonic() + timeout_s
    while stored_bytes(cache_dir) < size:
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"{stored_bytes(cache_dir)} of {size} bytes stored after {timeout_s} s")
        time.sleep(0.001)


def wait_until_half_is_stored(server: FaultServer, artifact: Artifact, cache_dir: Path) -> None:
    """Block until all that the server sends before it stalls is stored: half of the file."""
    server.wait_until_sent(artifact.path, half(artifact))
    wait_until_stored(cache_dir, half(artifact))


def kill_at_half(pip: Environment, server: FaultServer, artifact: Artifact, *command: str | Path) -> None:
    """Run pip until the server stalls, and kill it: half of the file is stored then, to the byte."""
    running = pip.start(*command)
    wait_until_half_is_stored(server, artifact, pip.cache_dir)
    running.kill_and_wait()
    assert stored_bytes(pip.cache_dir) == half(artifact)


def range_from(position: int) -> str:
    """Return the Range field that requests everything from this position on."""
    return f"bytes={position}-"


def assert_resumed_at_half(
    server: FaultServer, artifact: Artifact, *, is_later_run: bool = False, output: str = ""
) -> None:
    """Two requests fetched the file: one for all of it, and one from where the first response ended.

    A later run begins before that, with the overlap. ``output`` is that of pip, and is shown if this fails.
    """
    again = half(artifact) - OVERLAP_BYTES if is_later_run else half(artifact)
    asked = server.asked_ranges(artifact.path)
    assert asked == [None, range_from(again)], f"{asked}\n{output}"
    assert server.fetched_twice(artifact.path) == half(artifact) - again


def assert_there(pip: Environment, artifact: Artifact, command: str) -> None:
    """The command of pip has put the file, or installed what is in it, into the directory "there"."""
    if command.startswith("install"):
        assert (pip.work / "there" / artifact.project / "payload.bin").read_bytes() == payload(artifact)
    else:
        assert (pip.work / "there" / artifact.filename).read_bytes() == artifact.content


def assert_cached(pip: Environment, server: FaultServer, artifact: Artifact, *command: str | Path) -> None:
    """The next download of the file, to the directory that ends the command, needs no request for it."""
    server.forget()
    again = pip.run(*command)

    assert again.returncode == 0, again.text
    assert "Using cached" in again.stdout
    assert (pip.work / command[-1] / artifact.filename).read_bytes() == artifact.content
    assert server.requests(artifact.path) == []


def filename_pattern(artifact: Artifact) -> str:
    """Return the name of the file as a regular expression."""
    return artifact.filename.replace(".", r"\.")
