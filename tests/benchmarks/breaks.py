"""One file over a line that breaks: how often its bytes go over the wire until pip has it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from benchmarks.environments import Environment, variables
from benchmarks.measure import Command, RunFailed, measure
from benchmarks.results import Broken
from servers.fault_server import FaultServer, FileAnswer, Then
from servers.index_pages import honest, publish, wheel_artifact

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmarks.environments import Pair
    from servers.certificates import Certificates
    from servers.index_pages import Artifact
    from servers.journal import Request
    from servers.script import Reply

COUNTS = (0, 1, 2, 3, 5, 7, 10, 15, 20)
SIZE = 64 * 1024**2


@dataclass(frozen=True)
class BreaksAt(FileAnswer):
    """A file whose connection is reset at a place in the file, wherever in it the answer begins."""

    position: int = 0

    def reply(self, request: Request) -> Reply:
        """Announce the body as a whole one."""
        whole = super().reply(request)
        return replace(whole, body=whole.body[: max(0, self.position - whole.first_pos)])


def measure_breaks(pair: Pair, certificates: Certificates, work: Path, counts: Sequence[int]) -> list[Broken]:
    """For every number of breaks, plain pip as it is and with us; the command is given until it succeeds."""
    artifact = wheel_artifact("broken", size=SIZE)
    measured = []
    with FaultServer(certificates.server_context()) as server:
        publish(server, artifact)
        for count in counts:
            for environment in (pair.plain, pair.ours):
                server.plays(artifact.path, *script(artifact, count))
                server.forget()
                runs = run_until_done(environment, server, certificates, work)
                with_us, sent = environment is pair.ours, server.sent(artifact.path)
                measured.append(Broken(pair.pip_version, with_us, count, len(artifact.content), sent, runs))
    return measured


def script(artifact: Artifact, count: int) -> list[FileAnswer]:
    """The first `count` connections break, each a bit further on in the file; the next ones do not."""
    good = honest(artifact)
    broken = BreaksAt(good.content, good.etag, good.last_modified, good.fields, then=Then.RESET, piece=16384)
    length = len(good.content)
    cuts = [replace(broken, position=length * number // (count + 1)) for number in range(1, count + 1)]
    return [*cuts, replace(good, piece=16384)]


def run_until_done(environment: Environment, server: FaultServer, certificates: Certificates, work: Path) -> int:
    """Give the command again and again, as people do; returns how often. Raises RunFailed if nothing helps."""
    shutil.rmtree(work, ignore_errors=True)
    (work / "tmp").mkdir(parents=True)
    where = ["--index-url", server.url("/simple/"), "--cert", str(certificates.ca_file)]
    arguments = environment.pip("download", "--no-deps", "--dest", str(work / "result"), *where, "broken")
    command = Command(arguments, variables(work, environment.variables), work)
    for runs in range(1, max(COUNTS) + 3):
        if measure(command, work / "output.txt").exit_code == 0:
            return runs
    raise RunFailed((work / "output.txt").read_text())
