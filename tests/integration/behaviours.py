"""Measure what each behaviour of a server costs: `PYTHONPATH=.:tests python -m integration.behaviours`."""

from __future__ import annotations

import logging
import os
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Union

from integration.fakes import RecordingDisplay
from integration.gateway import Gateway
from integration.machine import VARIABLES_OF_REQUESTS, Machine
from integration.samples import (
    CONTENT,
    CUT,
    FILE,
    HELD,
    LOGIN_PAGE,
    OTHER_CONTENT,
    PATH,
    SIZE,
    UNTIL_CLOSE,
    WITHOUT_RANGES,
    cut,
    link_with_hash,
    link_without_hash,
)
from servers.certificates import Certificates, issue_certificates
from servers.fault_server import Answer, FileAnswer, Framing, NoResponse, Then
from servers.index_pages import LONG_AGO

from pip_resume.errors import GaveUp, PipError
from pip_resume.inside_pip.run import RUN

Responses = tuple[Union[FileAnswer, Answer], ...]


@dataclass(frozen=True)
class Behaviour:
    """How a server behaves in one run of pip, or in two runs."""

    name: str
    responses: Responses
    """In order. The last one repeats."""
    most: float
    """How many bytes of the file the server may send at most, as a multiple of the file's size."""
    outcome: str = "right file"
    runs: int = 1
    """If 2, the first run ends at its first broken connection."""
    has_hash: bool = True
    for_ranges: FileAnswer | Answer | NoResponse | None = None
    """The response to each request with Range; None: the next one of `responses`."""


@dataclass(frozen=True)
class Measured:
    """What a behaviour has cost, and how the last run ended."""

    requests: int
    sent: int
    """Bytes of the file, in all responses together."""
    outcome: str
    reasons: tuple[str, ...]
    """Why something was requested again."""

    @property
    def multiple(self) -> float:
        return self.sent / SIZE


CHUNKED = replace(FILE, framing=Framing.CHUNKED)
WEAK_ETAG = replace(FILE, etag='W/"v1"')
WEAK_ETAG_AND_DATE = replace(WEAK_ETAG, last_modified=LONG_AGO)
OTHER_FILE = replace(FILE, content=OTHER_CONTENT)
WITH_OVERLAP = 1.05
PROBED = 2

BEHAVIOURS = [
    Behaviour("complete in one response", (FILE,), 1),
    Behaviour("cut, then the rest", (CUT, FILE), 1),
    Behaviour("reset every 300 kB", (cut(FILE, 300_000, Then.RESET),), 1.25),
    Behaviour("cut, then the rest in the next run", (CUT, FILE), WITH_OVERLAP, runs=2),
    Behaviour("busy with Retry-After, then the rest", (CUT, Answer(503, {"Retry-After": "5"}), FILE), 1),
    Behaviour("rest with a different ETag", (CUT, replace(FILE, etag='"v2"')), 1),
    Behaviour(
        "rest without complete-length", (CUT, replace(FILE, fields={"Content-Range": "bytes {first}-{last}/*"})), 1
    ),
    Behaviour("rest that starts 5 kB early", (CUT, replace(FILE, shift=-5000)), 1.01),
    Behaviour("206 without Content-Range", (CUT, replace(FILE, fields={"Content-Range": None}), FILE), 1),
    Behaviour("206 that starts too late", (CUT, replace(FILE, shift=1), FILE), 2.05),
    Behaviour("206 multipart", (CUT, replace(FILE, multipart=True), FILE), 2.05),
    Behaviour("206 with a different complete-length", (CUT, FileAnswer(CONTENT + b"more"), FILE), 2.05),
    Behaviour(
        "206 with a different content coding", (CUT, replace(FILE, fields={"Content-Encoding": "gzip"}), FILE), 2.05
    ),
    Behaviour("416 with a different complete-length", (CUT, Answer(416, {"Content-Range": "bytes */7"}), FILE), 1.85),
    Behaviour("Range refused with 404", (CUT, FILE), 1.8, for_ranges=Answer(404)),
    Behaviour("Range refused with 501", (CUT, FILE), 1.8, for_ranges=Answer(501)),
    # These may also mean "later", so the complete file is requested after a probe, of which some bytes arrive.
    Behaviour("Range refused with 502", (CUT, FILE), PROBED, for_ranges=Answer(502)),
    Behaviour("connection reset for Range", (CUT, FILE), PROBED, for_ranges=NoResponse(Then.RESET)),
    Behaviour("login page for Range", (CUT, FILE), PROBED, for_ranges=LOGIN_PAGE),
    Behaviour("Range refused with 404, next run", (CUT, FILE), 1.8, runs=2, for_ranges=Answer(404)),
    Behaviour("Range ignored", (cut(WITHOUT_RANGES), WITHOUT_RANGES), 1.85),
    Behaviour("Range ignored, cut twice", (cut(WITHOUT_RANGES, 300_000), cut(WITHOUT_RANGES), FILE), 1.25),
    Behaviour("login page once", (CUT, LOGIN_PAGE, FILE), 1.01),
    Behaviour("cut after 60 kB, every run", (cut(FILE, 60_000),), 1.05, runs=2),
    Behaviour("login page from then on", (CUT, LOGIN_PAGE), 0.85, "wrong file for pip to judge, bytes stored"),
    Behaviour("404 in the next run", (CUT, Answer(404)), 0.85, "refused, bytes stored", runs=2),
    Behaviour("chunked, cut, then the rest", (cut(CHUNKED, 4096 * 200), FILE), 1.01),
    Behaviour("until close, cut, then the rest", (cut(UNTIL_CLOSE), FILE), 1.01),
    Behaviour("chunked, complete, no last chunk", (replace(FILE, framing=Framing.UNFINISHED_CHUNKS),), 1),
    Behaviour("wrong bytes in the rest", (CUT, replace(FILE, flips=(SIZE - 1,)), FILE), 2),
    Behaviour("file replaced before the next run", (cut(OTHER_FILE), FILE), 2.05, runs=2),
    Behaviour("wrong file from then on", (OTHER_FILE,), 2, "wrong file for pip to judge"),
    Behaviour("no hash: strong ETag, next run", (CUT, FILE), WITH_OVERLAP, runs=2, has_hash=False),
    Behaviour("no hash: strong ETag, same run", (CUT, FILE), WITH_OVERLAP, has_hash=False),
    Behaviour(
        "no hash: weak ETag and a date", (cut(WEAK_ETAG_AND_DATE), WEAK_ETAG_AND_DATE), WITH_OVERLAP, has_hash=False
    ),
    Behaviour("no hash: login page once", (CUT, LOGIN_PAGE, FILE), WITH_OVERLAP, has_hash=False),
    Behaviour("no hash: weak ETag", (cut(WEAK_ETAG), WEAK_ETAG), 1.85, has_hash=False),
    Behaviour(
        "no hash: file replaced, new ETag", (cut(replace(OTHER_FILE, etag='"v0"')), FILE), 1.85, runs=2, has_hash=False
    ),
    Behaviour("no hash: file replaced, same ETag", (cut(OTHER_FILE), FILE), 2.05, runs=2, has_hash=False),
]


def measure(behaviour: Behaviour, certificates: Certificates) -> Measured:
    """Download from a server that behaves so, over https, on a new machine."""
    RUN.forget()
    with tempfile.TemporaryDirectory() as directory, Gateway(certificates.server_context()) as server:
        machine = Machine(Path(directory), certificates.ca_file)
        server.plays(PATH, *behaviour.responses)
        server.answers_ranges(PATH, behaviour.for_ranges)
        link = link_with_hash(server) if behaviour.has_hash else link_without_hash(server)
        for _run in range(behaviour.runs - 1):
            machine.download_partly(link)
        display = RecordingDisplay()
        try:
            content = machine.download(link, display=display).content
        except GaveUp:
            outcome = "given up"
        except PipError:
            outcome = "refused"
        else:
            outcome = "right file" if content == CONTENT else "wrong file for pip to judge"
        if machine.stored(link):
            outcome += ", bytes stored"
        return Measured(len(server.asked_ranges(PATH)), server.sent(PATH), outcome, tuple(display.reasons))


def main() -> None:
    for name in VARIABLES_OF_REQUESTS:
        os.environ.pop(name, None)
    logging.disable()
    print(f"The file has {SIZE} bytes. A response that is cut ends after {HELD} bytes unless the row says otherwise.\n")
    print("| the server | requests | bytes of the file sent / file size | outcome |")
    print("| --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as directory:
        certificates = issue_certificates(Path(directory))
        for behaviour in BEHAVIOURS:
            measured = measure(behaviour, certificates)
            reasons = f" ({'; '.join(measured.reasons)})" if measured.reasons else ""
            print(f"| {behaviour.name} | {measured.requests} | {measured.multiple:.3f} | {measured.outcome}{reasons} |")


if __name__ == "__main__":
    main()
