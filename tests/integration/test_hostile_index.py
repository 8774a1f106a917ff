"""An index that names the hash of a file that a different index has, which an earlier run has stored in part."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace

import pytest
from integration.machine import Machine, hashed_link
from integration.samples import (
    CONTENT,
    CUT,
    FILE,
    HELD,
    NEXT_RUN_RANGE,
    PATH,
    SIZE,
    UNTIL_CLOSE,
    cut,
    link_with_hash,
    link_with_partial,
    link_without_hash,
)
from pip._internal.models.link import Link
from servers.fault_server import Answer, FaultServer, FileAnswer, Then

from pip_resume.artifact import url_key
from pip_resume.errors import GaveUp, PipError, ResumeError
from pip_resume.protocol.planning import OVERLAP_BYTES

START = HELD - OVERLAP_BYTES
HOSTILE = "/hostile/sample-1.0-py3-none-any.whl"


def after(known: int) -> bytes:
    """Return a file that has the right bytes of the overlap, `known` of them, and zeros everywhere else."""
    return bytes(START) + CONTENT[START : START + known] + bytes(SIZE - START - known)


@pytest.mark.parametrize(
    "known",
    [
        pytest.param(0, id="it knows nothing"),
        pytest.param(1, id="it has guessed the first byte of the overlap"),
        pytest.param(1000, id="it knows the start of the overlap"),
        pytest.param(OVERLAP_BYTES, id="it knows the overlap"),
    ],
)
@pytest.mark.parametrize("ranges", [True, False])
def test_it_cannot_erase_more_than_the_overlap(
    ranges: bool, known: int, machine: Machine, http_server: FaultServer
) -> None:
    link = link_with_partial(machine, http_server, FILE)
    http_server.plays(HOSTILE, replace(FILE, content=after(known), etag='"hostile"', ranges=ranges))
    outcome = machine.download(hashed_link(http_server.url(HOSTILE), CONTENT))

    assert outcome.content != CONTENT  # pip judges it, and finds the wrong hash.
    stored = machine.stored(link) or b""
    assert len(stored) >= START
    assert stored == CONTENT[: len(stored)]
    outcome = machine.download(link)
    assert outcome.content == CONTENT
    assert http_server.sent(PATH) <= SIZE + 2 * OVERLAP_BYTES


@pytest.mark.parametrize("known", [0, 1, 1000, OVERLAP_BYTES])
def test_its_requests_tell_where_the_overlap_differs_and_nothing_before_it(
    known: int, machine: Machine, http_server: FaultServer
) -> None:
    link_with_partial(machine, http_server, FILE)
    short = FileAnswer(after(known), etag='"hostile"', cut_after=known + 1, then=Then.CLOSE)
    http_server.plays(HOSTILE, short, replace(short, cut_after=None, then=Then.KEEP_ALIVE))
    machine.download(hashed_link(http_server.url(HOSTILE), CONTENT))

    asked = [int(each[len("bytes=") :].rstrip("-")) for each in http_server.asked_ranges(HOSTILE) if each]
    assert min(asked) >= START


def test_it_cannot_erase_more_with_several_responses(machine: Machine, http_server: FaultServer) -> None:
    """A wrong file, a plain one that breaks, a range that starts too early, and a second wrong file."""
    link = link_with_partial(machine, http_server, FILE)
    wrong = replace(FILE, content=after(1), etag='"hostile"')
    early = Answer(206, {"Content-Range": f"bytes 1-{SIZE - 1}/{SIZE}"}, CONTENT[1:4] + bytes(SIZE - 4))
    http_server.plays(HOSTILE, wrong, cut(wrong, 10), early, cut(wrong, 10), wrong, cut(wrong, 10), wrong)
    with contextlib.suppress(GaveUp, PipError, ResumeError):
        machine.download(hashed_link(http_server.url(HOSTILE), CONTENT))

    stored = machine.stored(link) or b""
    assert len(stored) >= START
    assert stored == CONTENT[: len(stored)]


@pytest.mark.parametrize("has_length", [True, False])
@pytest.mark.parametrize(
    "hostile",
    [
        pytest.param(Answer(416, {"Content-Range": f"bytes */{HELD}"}), id="416 at the offset"),
        pytest.param(Answer(416, {"Content-Range": "bytes */10"}), id="416 at 10"),
        pytest.param(Answer(206, {"Content-Range": f"bytes {HELD}-{HELD - 1}/{HELD}"}), id="206 without a byte"),
        pytest.param(
            Answer(206, {"Content-Range": f"bytes {START}-{START + 9}/{START + 10}"}, CONTENT[START : START + 10]),
            id="206 of a file that is shorter than what is held",
        ),
        pytest.param(
            Answer(206, {"Content-Range": f"bytes {START}-{START + 9}/{SIZE + 1}"}, CONTENT[START : START + 10]),
            id="206 of a file that is longer",
        ),
        pytest.param(
            Answer(206, {"Content-Range": f"bytes 1-{SIZE - 1}/{SIZE}"}, CONTENT[1:4] + bytes(SIZE - 4)),
            id="206 from the second byte, which is known of every wheel",
        ),
        pytest.param(
            Answer(206, {"Content-Range": f"bytes 0-{SIZE - 1}/{SIZE}"}, CONTENT[:4] + bytes(SIZE - 4)),
            id="206 from the first byte",
        ),
        pytest.param(Answer(200, {}, CONTENT[:10]), id="the first bytes"),
        pytest.param(Answer(200, {}, b"\1" * 10), id="a short page"),
        pytest.param(Answer(404), id="404"),
        pytest.param(Answer(403), id="403"),
    ],
)
def test_its_other_responses_cannot_erase_more_than_the_overlap_either(
    hostile: Answer, has_length: bool, machine: Machine, http_server: FaultServer
) -> None:
    link = hashed_link(http_server.url(PATH), CONTENT)
    http_server.plays(PATH, CUT if has_length else cut(replace(UNTIL_CLOSE, fields={}), then=Then.RESET))
    machine.download_partly(link)
    http_server.plays(PATH, FILE)
    http_server.forget()
    http_server.plays(HOSTILE, hostile)
    with contextlib.suppress(GaveUp, PipError, ResumeError):
        machine.download(hashed_link(http_server.url(HOSTILE), CONTENT))

    stored = machine.stored(link) or b""
    assert len(stored) >= START
    assert stored == CONTENT[: len(stored)]
    assert machine.download(link).content == CONTENT
    # A wrong length is believed if no other is known. That costs bytes on the wire, and none on the disk.
    assert http_server.sent(PATH) <= SIZE + 4 * OVERLAP_BYTES - (START if has_length else 0)


def test_the_right_index_is_continued_after_a_hostile_one_in_the_same_run(
    machine: Machine, http_server: FaultServer
) -> None:
    """A mirror with a wrong end of the file, which is right at the second request."""
    link = link_with_partial(machine, http_server, replace(FILE, content=after(1000)), FILE)

    outcome = machine.download(link)

    assert outcome.content == CONTENT


def test_it_cannot_store_bytes_for_a_link_without_a_hash(machine: Machine, https_server: FaultServer) -> None:
    """The key of such a link is a hash of its URL, which anybody can compute, and name as the sha256 of a file."""
    victim = link_without_hash(https_server)
    https_server.plays(PATH, FILE)
    https_server.plays(HOSTILE, cut(replace(FILE, content=bytes(SIZE)), SIZE - 700))
    hostile = Link(f"{https_server.url(HOSTILE)}#sha256={url_key(victim.url)}")
    machine.download_partly(hostile)
    assert machine.part_path(hostile) == machine.part_path(victim)

    assert machine.download(victim).content == CONTENT
    assert https_server.asked_ranges(PATH) == [None]


@pytest.mark.parametrize(("host", "is_used"), [("localhost", True), ("localhost.example", False), ("", False)])
def test_a_record_of_an_older_version_without_a_hash_is_used_for_its_host_only(
    host: str, is_used: bool, machine: Machine, https_server: FaultServer
) -> None:
    """Format 2 does not tell whether there was a hash."""
    link = link_with_partial(machine, https_server, FILE, has_hash=False)
    older = {**json.loads(machine.record_path(link).read_bytes()), "format": 2, "host": host}
    del older["is_unhashed"]
    machine.record_path(link).write_text(json.dumps(older))

    assert machine.download(link).content == CONTENT
    assert (https_server.asked_ranges(PATH) == [None, NEXT_RUN_RANGE]) is is_used


def test_it_cannot_name_the_file_of_a_different_host(
    machine: Machine, http_server: FaultServer, https_server: FaultServer
) -> None:
    """pip unpacks a file by its name: an sdist that is called a wheel ends in a traceback."""
    name = {"Content-Disposition": 'attachment; filename="sample-1.0-cp39-cp39-win32.whl"'}
    http_server.plays(HOSTILE, cut(replace(FILE, fields=name)))
    machine.download_partly(hashed_link(http_server.url(HOSTILE), CONTENT))
    https_server.plays(PATH, FILE)
    link = link_with_hash(https_server)

    outcome = machine.download(link)

    assert (outcome.content, outcome.path.name) == (CONTENT, link.filename)
    assert https_server.asked_ranges(PATH) == [NEXT_RUN_RANGE]
