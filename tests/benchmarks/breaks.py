"""One file over connections that break: how many bytes the server sends until pip has the file."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from benchmarks.measure import Command, RunFailed, measure
from benchmarks.pairs import Contender, variables_below
from benchmarks.results import Broken
from servers.fault_server import FaultServer, FileAnswer, Then
from servers.index_pages import honest, publish, wheel_artifact

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmarks.pairs import Pair
    from servers.certificates import Certificates
    from servers.index_pages import Artifact
    from servers.journal import Request
    from servers.script import Reply

COUNTS = (0, 1, 2, 3, 5, 7, 10, 15, 20)
SIZE = 64 * 1024**2


@dataclass(frozen=True)
class BreaksAt(FileAnswer):
    """A file whose connection is reset at a position in the file, wherever in the file the response begins."""

    position: int = 0

    def reply(self, request: Request) -> Reply:
        """Return the head of a complete response, with the body up to the position."""
        complete = super().reply(request)
        return replace(complete, body=complete.body[: max(0, self.position - complete.first_pos)])


def measure_breaks(pair: Pair, certificates: Certificates, work: Path, counts: Sequence[int]) -> list[Broken]:
    """Measure plain pip and the plugin with each number of breaks; the command is run until it succeeds."""
    artifact = wheel_artifact("broken", size=SIZE)
    measured = []
    with FaultServer(certificates.server_context()) as server:
        publish(server, artifact)
        for count in counts:
            for contender in (pair.plain, pair.ours):
                server.plays(artifact.path, *broken_responses(artifact, count))
                server.forget()
                runs = run_until_success(contender, server, certificates, work)
                is_ours, sent = contender is pair.ours, server.sent(artifact.path)
                measured.append(Broken(pair.pip_version, is_ours, count, len(artifact.content), sent, runs))
    return measured


def broken_responses(artifact: Artifact, count: int) -> list[FileAnswer]:
    """Return `count` responses that break, each further on in the file than the one before, and a complete one."""
    complete = honest(artifact)
    broken = BreaksAt(
        complete.content, complete.etag, complete.last_modified, complete.fields, then=Then.RESET, piece=16384
    )
    length = len(complete.content)
    cuts = [replace(broken, position=length * number // (count + 1)) for number in range(1, count + 1)]
    return [*cuts, replace(complete, piece=16384)]


def run_until_success(contender: Contender, server: FaultServer, certificates: Certificates, work: Path) -> int:
    """Run the command until it succeeds, as users do; return the number of runs. Raises RunFailed if all fail."""
    shutil.rmtree(work, ignore_errors=True)
    (work / "tmp").mkdir(parents=True)
    index = ["--index-url", server.url("/simple/"), "--cert", str(certificates.ca_file)]
    arguments = contender.pip_command("download", "--no-deps", "--dest", str(work / "result"), *index, "broken")
    command = Command(arguments, variables_below(work, contender.switch), work)
    for runs in range(1, max(COUNTS) + 3):
        if measure(command, work / "output.txt").exit_code == 0:
            return runs
    raise RunFailed((work / "output.txt").read_text())
