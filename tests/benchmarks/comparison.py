"""Compares how other tools handle a broken download: `python -m benchmarks.comparison`, in the folder `tests`.

The table has a row for each tool and a column for each problem. The same command is run until it exits with 0. A cell
has the bytes sent in all these runs, as a multiple of the file's length, the number of runs, and whether the file is
wrong.
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

from benchmarks.pairs import make_pair, variables_below
from environments.checkout import build_distribution
from environments.pips import fetch_pip
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
    """A command that downloads one file, and the path of its result."""

    name: str
    command: Callable[[FaultServer, Artifact, Path], list[str]]
    result: Callable[[Artifact, Path], Path]
    environment: dict[str, str]


@dataclass(frozen=True)
class Problem:
    """What goes wrong: the responses of the server, and whether the first run is killed at half of the file."""

    name: str
    responses: Callable[[FileAnswer], list[FileAnswer]]
    is_killed: bool = False
    is_replaced: bool = False
    """After the first run the URL has different bytes under the same ETag; the page of the index has their hash."""


def cut(file: FileAnswer, share: float, then: Then) -> FileAnswer:
    return replace(file, cut_after=int(share * len(file.content)), then=then)


PROBLEMS = (
    Problem("killed at 50 %, run again", lambda file: [replace(file, rate=6_000_000), file], is_killed=True),
    Problem("reset at 50 %", lambda file: [cut(file, 0.5, Then.RESET), file]),
    Problem("bad TLS record at 50 %", lambda file: [cut(file, 0.5, Then.BAD_MAC), file]),
    Problem("10 breaks", lambda file: [*[cut(file, 0.1, Then.DROP)] * 10, file]),
    Problem("Range ignored after a break", lambda file: [cut(file, 0.5, Then.DROP), replace(file, ranges=False)]),
    Problem(
        "killed, file replaced, same ETag",
        lambda file: [replace(file, rate=6_000_000), file],
        is_killed=True,
        is_replaced=True,
    ),
)


def tools(work: Path, ca_file: Path) -> Iterator[Tool]:
    """Yield the tools that are installed, and pip without and with pip-resume."""
    pair = make_pair(work / "environments", fetch_pip(PIP, work / "pips"), build_distribution(work / "built"))
    for name, contender in ((f"pip {PIP}", pair.plain), (f"pip {PIP} with pip-resume", pair.ours)):
        yield Tool(
            name,
            lambda server, artifact, target, contender=contender: contender.pip_command(  # type: ignore[misc]
                "download", "--no-deps", "--quiet", "-d", str(target), "-i", server.url("/simple/"), artifact.project
            ),
            lambda artifact, directory: directory / artifact.filename,
            {**contender.switch, "PIP_CERT": str(ca_file)},
        )
    if uv := shutil.which("uv"):
        yield Tool(
            "uv",
            lambda server, artifact, directory: [
                *(uv, "pip", "install", "--quiet", "--no-config", "--no-deps", "--target", str(directory / "target")),
                *("--python", sys.executable, "--default-index", server.url("/simple/"), artifact.project),
            ],
            lambda artifact, directory: directory / "target" / artifact.project / "payload.bin",
            {"SSL_CERT_FILE": str(ca_file), "UV_CACHE_DIR": str(work / "uv-cache")},
        )
    plain: list[tuple[str, list[str]]] = [
        ("curl", ["-fsS", "--cacert", str(ca_file), "-C", "-", "-O"]),
        ("wget", ["-q", "--ca-certificate", str(ca_file), "-c"]),
        ("aria2c", ["-q", "--ca-certificate", str(ca_file), "-c", "-x1", "--file-allocation=none"]),
    ]
    for program, arguments in plain:
        if found := shutil.which(program):
            label = {"curl": "curl -C -", "wget": "wget -c", "aria2c": "aria2c -c"}[program]
            yield Tool(
                label,
                lambda server, artifact, _directory, found=found, arguments=arguments: [  # type: ignore[misc]
                    found,
                    *arguments,
                    server.url(artifact.path),
                ],
                lambda artifact, directory: directory / artifact.filename,
                {},
            )


def measure_cell(tool: Tool, problem: Problem, certificates: Certificates, work: Path) -> str:
    """Run a tool until it succeeds despite a problem; return the cell of the table."""
    directory = Path(tempfile.mkdtemp(dir=work))
    (directory / "tmp").mkdir()
    artifact = wheel_artifact("payload", size=SIZE, seed=1)
    environment = variables_below(directory, tool.environment)
    with FaultServer(certificates.server_context()) as server:
        publish_uncached(server, artifact)
        server.plays(artifact.path, *problem.responses(honest(artifact)))
        for run in range(1, MOST_RUNS + 1):
            process = subprocess.Popen(
                tool.command(server, artifact, directory),
                cwd=directory,
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            if run == 1 and problem.is_killed:
                with contextlib.suppress(TimeoutError):
                    server.wait_until_sent(artifact.path, len(artifact.content) // 2, timeout_s=30)
                process.kill()
            exit_code = process.wait(RUN_TIMEOUT_S)
            if run == 1 and problem.is_replaced:
                artifact = replace_file(artifact, server)
            if exit_code == 0:
                return format_cell(server.sent(artifact.path), run, tool, artifact, directory)
        return f"{server.sent(artifact.path) / SIZE:.2f}, fails after {MOST_RUNS} runs"


def replace_file(artifact: Artifact, server: FaultServer) -> Artifact:
    """Publish different bytes of the same length at the same URL, under the same ETag."""
    other = wheel_artifact("payload", size=SIZE, seed=2)
    publish_uncached(server, other)
    server.plays(other.path, replace(honest(other), etag=honest(artifact).etag))
    return other


def publish_uncached(server: FaultServer, artifact: Artifact) -> None:
    """Publish an artifact on a page that is not cached, so that a later run gets the hash of a replaced file."""
    publish(server, artifact)
    server.plays(artifact.index_path, replace(html_page(artifact), fields={"Content-Type": HTML_TYPE}))


def format_cell(sent: int, runs: int, tool: Tool, artifact: Artifact, directory: Path) -> str:
    label = f"{sent / SIZE:.2f}" + (f", {runs} runs" if runs > 1 else "")
    result = tool.result(artifact, directory)
    if result.suffix == ".bin":
        return label  # Installed: the installer has compared the digest.
    is_right = hashlib.sha256(result.read_bytes()).hexdigest() == artifact.sha256
    return label if is_right else f"**{label}, exit 0 with wrong bytes**"


def main() -> None:
    chosen = argparse.ArgumentParser(description=__doc__)
    chosen.add_argument("--work", type=Path, default=None, help="where to write files (default: a temporary directory)")
    base = chosen.parse_args().work
    with tempfile.TemporaryDirectory(dir=base) as directory:
        work = Path(directory)
        certificates = issue_certificates(work / "certificates")
        print("| " + " | ".join(["tool", *(problem.name for problem in PROBLEMS)]) + " |")
        print("|---" * (len(PROBLEMS) + 1) + "|")
        for tool in tools(work, certificates.ca_file):
            cells = [measure_cell(tool, problem, certificates, work) for problem in PROBLEMS]
            print("| " + " | ".join([tool.name, *cells]) + " |", flush=True)


if __name__ == "__main__":
    os.environ.pop("PYTHONPATH", None)
    main()
