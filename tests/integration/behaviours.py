"""What each behaviour of a server costs, measured: `PYTHONPATH=.:tests python -m integration.behaviours`."""

from __future__ import annotations

import logging
import os
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Union

from integration.machine import FOREIGN, Machine, hashed
from integration.samples import CONTENT, CUT, FILE, OTHER, PATH, SIZE
from pip._internal.models.link import Link
from servers.certificates import Certificates, issue_certificates
from servers.fault_server import Answer, FaultServer, FileAnswer, Framing, Then

from pip_resume.errors import GaveUp, PipError

Lines = tuple[Union[FileAnswer, Answer], ...]


@dataclass(frozen=True)
class Behaviour:
    """How a server behaves over one run, or over two with a stop in between."""

    name: str
    lines: Lines
    """Answers in order; the last repeats."""
    most: float
    """Bytes on the wire, as a multiple of the file's, that it may cost."""
    outcome: str = "right file"
    runs: int = 1
    """With two, the first ends at its first break."""
    has_hash: bool = True


@dataclass(frozen=True)
class Measured:
    """What came of it."""

    asked: tuple[str | None, ...]
    sent: int
    outcome: str
    reasons: tuple[str, ...]

    @property
    def multiple(self) -> float:
        return self.sent / SIZE


PAGE = Answer(200, {"Content-Type": "text/html"}, b"<html>Please log in</html>" * 200)
WITHOUT_RANGES = replace(FILE, ranges=False)
UNTIL_CLOSE = replace(FILE, framing=Framing.UNTIL_CLOSE)
CHUNKED = replace(FILE, framing=Framing.CHUNKED)
OVERLAP = 1.05


def cut(answer: FileAnswer, after: int = CUT.cut_after or 0) -> FileAnswer:
    return replace(answer, cut_after=after, then=Then.CLOSE)


BEHAVIOURS = [
    Behaviour("whole in one go", (FILE,), 1),
    Behaviour("cut, then the rest", (CUT, FILE), 1),
    Behaviour("reset every 300 kB", (replace(FILE, cut_after=300_000, then=Then.RESET),), 1.25),
    Behaviour("cut, next run", (CUT, FILE), OVERLAP, runs=2),
    Behaviour("busy with Retry-After, then the rest", (CUT, Answer(503, {"Retry-After": "5"}), FILE), 1),
    Behaviour("another ETag on the rest", (CUT, replace(FILE, etag='"v2"')), 1),
    Behaviour(
        "rest without complete-length", (CUT, replace(FILE, fields={"Content-Range": "bytes {first}-{last}/*"})), 1
    ),
    Behaviour("rest that starts 5 kB early", (CUT, replace(FILE, shift=-5000)), 1.01),
    Behaviour("206 without Content-Range", (CUT, replace(FILE, fields={"Content-Range": None}), FILE), 2.05),
    Behaviour("206 that starts too late", (CUT, replace(FILE, shift=1), FILE), 2.05),
    Behaviour("206 multipart", (CUT, replace(FILE, multipart=True), FILE), 2.05),
    Behaviour("206 with another complete-length", (CUT, FileAnswer(CONTENT + b"more"), FILE), 2.05),
    Behaviour("206 with another coding", (CUT, replace(FILE, fields={"Content-Encoding": "gzip"}), FILE), 2.05),
    Behaviour("416 elsewhere", (CUT, Answer(416, {"Content-Range": "bytes */7"}), FILE), 1.85),
    Behaviour("Range ignored", (cut(WITHOUT_RANGES), WITHOUT_RANGES), 1.85),
    Behaviour(
        "Range ignored, cut in the middle again", (cut(WITHOUT_RANGES, 300_000), cut(WITHOUT_RANGES), FILE), 1.25
    ),
    Behaviour("login page once", (CUT, PAGE, FILE), 1.01),
    Behaviour("login page for good", (CUT, PAGE), 0.85, "for pip to judge, bytes kept"),
    Behaviour("404 in the next run", (CUT, Answer(404)), 0.85, "refused, bytes kept", runs=2),
    Behaviour("chunked, cut, then the rest", (replace(cut(CHUNKED, 4096 * 200)), FILE), 1.01),
    Behaviour("until close, cut, then the rest", (cut(UNTIL_CLOSE), FILE), 1.01),
    Behaviour("chunked, complete, no last chunk", (replace(FILE, framing=Framing.UNFINISHED_CHUNKS),), 1),
    Behaviour("wrong bytes in the rest", (CUT, replace(FILE, flips=(SIZE - 1,)), FILE), 2),
    Behaviour("file replaced, next run", (cut(replace(FILE, content=OTHER)), FILE), 2.05, runs=2),
    Behaviour("wrong for good", (replace(FILE, content=OTHER),), 2, "for pip to judge"),
    Behaviour("no hash: strong ETag, next run", (CUT, FILE), OVERLAP, runs=2, has_hash=False),
    Behaviour(
        "no hash: weak ETag", (cut(replace(FILE, etag='W/"v1"')), replace(FILE, etag='W/"v1"')), 1.85, has_hash=False
    ),
    Behaviour(
        "no hash: replaced, new ETag",
        (cut(replace(FILE, content=OTHER, etag='"v0"')), FILE),
        1.85,
        runs=2,
        has_hash=False,
    ),
    Behaviour("no hash: replaced, same ETag", (cut(replace(FILE, content=OTHER)), FILE), 2.05, runs=2, has_hash=False),
]


def measure(behaviour: Behaviour, certificates: Certificates) -> Measured:
    """Let a server behave so, over https, towards a machine of its own."""
    with tempfile.TemporaryDirectory() as directory, FaultServer(certificates.server_context()) as server:
        machine = Machine(Path(directory), certificates.ca_file)
        server.plays(PATH, *behaviour.lines)
        link = hashed(server.url(PATH), CONTENT) if behaviour.has_hash else Link(server.url(PATH))
        for _run in range(behaviour.runs - 1):
            machine.interrupted(link)
        reasons: tuple[str, ...] = ()
        try:
            done = machine.download(link)
        except GaveUp:
            outcome = "given up"
        except PipError:
            outcome = "refused"
        else:
            outcome, reasons = "right file" if done.content == CONTENT else "for pip to judge", tuple(done.told.reasons)
        if machine.kept(link):
            outcome += ", bytes kept"
        carried = [exchange for exchange in server.requests(PATH) if exchange.carried_file_bytes]
        return Measured(tuple(server.asked_ranges(PATH)), sum(e.sent for e in carried), outcome, reasons)


def main() -> None:
    for name in FOREIGN:
        os.environ.pop(name, None)
    logging.disable()
    print(f"A file of {SIZE} bytes. Where a behaviour cuts, it does so at {CUT.cut_after} unless it says otherwise.\n")
    print("| the server | requests | bytes on the wire / file size | outcome |")
    print("| --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as directory:
        certificates = issue_certificates(Path(directory))
        for behaviour in BEHAVIOURS:
            measured = measure(behaviour, certificates)
            said = f" ({'; '.join(measured.reasons)})" if measured.reasons else ""
            print(f"| {behaviour.name} | {len(measured.asked)} | {measured.multiple:.3f} | {measured.outcome}{said} |")


if __name__ == "__main__":
    main()
