"""What other tools make of a broken download: `python -m benchmarks.comparison`, from the folder `tests`.

One table row for each tool, one column for each mishap. A cell has the bytes on the wire as multiples of the file's
length, over all runs of the same command until one exits with 0, how many runs that took, and whether the result is
right.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Callable

from benchmarks.environments import build_wheel, get_pip, make_pair, variables
from servers.certificates import Certificates, issue_certificates
from servers.fault_server import FaultServer
from servers.index_pages import HTML_TYPE, Artifact, honest, html_page, publish, wheel_artifact
from servers.script import FileAnswer, Then

if TYPE_CHECKING:
    from collections.abc import Iterator

SIZE = 8_000_000
MOST_RUNS = 4
PIP = "26.3"
RUN_TIMEOUT_S = 120


@dataclass(frozen=True)
class Tool:
    """A command that downloads one file, and how to look at its result."""

    name: str
    command: Callable[[FaultServer, Artifact, Path], list[str]]
    result: Callable[[Artifact, Path], Path]
    environment: dict[str, str]


@dataclass(frozen=True)
class Mishap:
    """What goes wrong: the answers of the server, and whether the first run is killed in mid-body."""

    name: str
    answers: Callable[[FileAnswer], list[FileAnswer]]
    is_killed: bool = False
    is_replaced: bool = False
    """After the first run other bytes are at the same URL, under the same ETag; an index tells their hash."""


def cut(file: FileAnswer, share: float, then: Then) -> FileAnswer:
    return replace(file, cut_after=int(share * len(file.content)), then=then)


MISHAPS = (
    Mishap("killed at 50 %, run again", lambda file: [replace(file, rate=6_000_000), file], is_killed=True),
    Mishap("reset at 50 %", lambda file: [cut(file, 0.5, Then.RESET), file]),
    Mishap("bad TLS record at 50 %", lambda file: [cut(file, 0.5, Then.BAD_MAC), file]),
    Mishap("10 breaks", lambda file: [*[cut(file, 0.1, Then.DROP)] * 10, file]),
    Mishap("Range ignored after a break", lambda file: [cut(file, 0.5, Then.DROP), replace(file, ranges=False)]),
    Mishap(
        "killed, file replaced, same ETag",
        lambda file: [replace(file, rate=6_000_000), file],
        is_killed=True,
        is_replaced=True,
    ),
)


def tools(work: Path, ca_file: Path) -> Iterator[Tool]:
    """Those that are here."""
    pair = make_pair(work / "environments", get_pip(PIP, work / "pips"), build_wheel(work))
    for name, environment in ((f"pip {PIP}", pair.plain), (f"pip {PIP} with pip-resume", pair.ours)):
        yield Tool(
            name,
            lambda server, artifact, place, environment=environment: environment.pip(  # type: ignore[misc]
                "download", "--no-deps", "--quiet", "-d", str(place), "-i", server.url("/simple/"), artifact.project
            ),
            lambda artifact, place: place / artifact.filename,
            {**environment.variables, "PIP_CERT": str(ca_file)},
        )
    if uv := shutil.which("uv"):
        yield Tool(
            "uv",
            lambda server, artifact, place: [
                *(uv, "pip", "install", "--quiet", "--no-config", "--no-deps", "--target", str(place / "target")),
                *("--python", sys.executable, "--default-index", server.url("/simple/"), artifact.project),
            ],
            lambda artifact, place: place / "target" / artifact.project / "payload.bin",
            {"SSL_CERT_FILE": str(ca_file), "UV_CACHE_DIR": str(work / "uv-cache")},
        )
    plain: list[tuple[str, list[str]]] = [
        ("curl", ["-fsS", "--cacert", str(ca_file), "-C", "-", "-O"]),
        ("wget", ["-q", "--ca-certificate", str(ca_file), "-c"]),
        ("aria2c", ["-q", "--ca-certificate", str(ca_file), "-c", "-x1", "--file-allocation=none"]),
    ]
    for program, arguments in plain:
        if found := shutil.which(program):
            words = {"curl": "curl -C -", "wget": "wget -c", "aria2c": "aria2c -c"}[program]
            yield Tool(
                words,
                lambda server, artifact, _place, found=found, arguments=arguments: [  # type: ignore[misc]
                    found,
                    *arguments,
                    server.url(artifact.path),
                ],
                lambda artifact, place: place / artifact.filename,
                {},
            )


def experience(tool: Tool, mishap: Mishap, certificates: Certificates, work: Path) -> str:
    """Run a tool through a mishap; the cell of the table."""
    place = Path(tempfile.mkdtemp(dir=work))
    (place / "tmp").mkdir()
    artifact = wheel_artifact("payload", size=SIZE, seed=1)
    environment = {**variables(place, tool.environment), "HOME": str(place)}
    with FaultServer(certificates.server_context()) as server:
        offer(server, artifact)
        server.plays(artifact.path, *mishap.answers(honest(artifact)))
        for run in range(1, MOST_RUNS + 1):
            process = subprocess.Popen(
                tool.command(server, artifact, place),
                cwd=place,
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            if run == 1 and mishap.is_killed:
                with contextlib.suppress(TimeoutError):
                    server.wait_until_sent(artifact.path, len(artifact.content) // 2, timeout_s=30)
                process.kill()
            exit_code = process.wait(RUN_TIMEOUT_S)
            if run == 1 and mishap.is_replaced:
                artifact = replaced(artifact, server)
            if exit_code == 0:
                return cell(server.sent(artifact.path), run, tool, artifact, place)
        return f"{server.sent(artifact.path) / SIZE:.2f}, fails after {MOST_RUNS} runs"


def replaced(artifact: Artifact, server: FaultServer) -> Artifact:
    """Other bytes of the same length at the same URL, under the ETag of the first."""
    other = wheel_artifact("payload", size=SIZE, seed=2)
    offer(server, other)
    server.plays(other.path, replace(honest(other), etag=honest(artifact).etag))
    return other


def offer(server: FaultServer, artifact: Artifact) -> None:
    """Publish an artifact on pages that nobody caches, so that a later run is told the hash of the replaced file."""
    publish(server, artifact)
    server.plays(artifact.index_path, replace(html_page(artifact), fields={"Content-Type": HTML_TYPE}))


def cell(sent: int, runs: int, tool: Tool, artifact: Artifact, place: Path) -> str:
    words = f"{sent / SIZE:.2f}" + (f", {runs} runs" if runs > 1 else "")
    result = tool.result(artifact, place)
    if result.suffix == ".bin":
        return words  # installed: its installer has checked the digest
    is_right = hashlib.sha256(result.read_bytes()).hexdigest() == artifact.sha256
    return words if is_right else f"**{words}, exit 0 with wrong bytes**"


def main() -> None:
    chosen = argparse.ArgumentParser(description=__doc__)
    chosen.add_argument("--work", type=Path, default=None, help="where to work (default: a temporary directory)")
    base = chosen.parse_args().work
    with tempfile.TemporaryDirectory(dir=base) as directory:
        work = Path(directory)
        certificates = issue_certificates(work / "certificates")
        print("| " + " | ".join(["tool", *(mishap.name for mishap in MISHAPS)]) + " |")
        print("|---" * (len(MISHAPS) + 1) + "|")
        for tool in tools(work, certificates.ca_file):
            cells = [experience(tool, mishap, certificates, work) for mishap in MISHAPS]
            print("| " + " | ".join([tool.name, *cells]) + " |", flush=True)


if __name__ == "__main__":
    os.environ.pop("PYTHONPATH", None)
    main()
