"""Bodies that do not tell how long they are: chunked, or ended by the connection."""

from __future__ import annotations

from dataclasses import replace

import pytest
from integration.machine import Machine, hashed
from integration.samples import CONTENT, CUT, FILE, HELD, OTHER, PATH, SIZE
from pip._internal.models.link import Link
from servers.fault_server import FaultServer, FileAnswer, Framing, Then

from pip_resume.protocol.verdicts import OVERLAP_BYTES

# Chunks of 4 KiB, cut where one ends: what urllib3 has of an unfinished one is lost.
CUT_CHUNKS = replace(CUT, framing=Framing.CHUNKED, cut_after=4096 * 200)
CUT_UNSIZED = replace(CUT, framing=Framing.UNTIL_CLOSE)
UNSIZED = replace(FILE, framing=Framing.UNTIL_CLOSE)
UNKNOWN = {"Content-Range": "bytes {first}-{last}/*"}


@pytest.mark.parametrize(
    ("first", "offset"),
    [
        pytest.param(CUT_CHUNKS, 4096 * 200, id="chunked, closed"),
        pytest.param(replace(CUT_CHUNKS, framing=Framing.BROKEN_CHUNKS), 4096 * 200, id="chunked, a size that is none"),
        pytest.param(CUT_UNSIZED, HELD, id="until close"),
    ],
)
@pytest.mark.parametrize(
    "rest",
    [
        pytest.param(FILE, id="then with a length"),
        pytest.param(replace(FILE, framing=Framing.CHUNKED), id="then chunked"),
        pytest.param(replace(FILE, framing=Framing.CHUNKED, fields=UNKNOWN), id="then chunked, of unknown length"),
        pytest.param(UNSIZED, id="then until close"),
        pytest.param(replace(UNSIZED, fields=UNKNOWN), id="then until close, of unknown length"),
    ],
)
def test_a_cut_body_is_continued(
    first: FileAnswer, offset: int, rest: FileAnswer, machine: Machine, http_server: FaultServer
) -> None:
    http_server.plays(PATH, first, rest)

    outcome = machine.download(hashed(http_server.url(PATH), CONTENT))

    assert outcome.content == CONTENT
    assert http_server.asked_ranges(PATH) == [None, f"bytes={offset}-"]
    assert http_server.sent(PATH) == SIZE
    assert outcome.told.reasons == []


@pytest.mark.parametrize(
    ("first", "offset"),
    [pytest.param(CUT_CHUNKS, 4096 * 200, id="chunked"), pytest.param(CUT_UNSIZED, HELD, id="until close")],
)
def test_it_is_continued_by_the_next_run(
    first: FileAnswer, offset: int, machine: Machine, http_server: FaultServer
) -> None:
    link = hashed(http_server.url(PATH), CONTENT)
    http_server.plays(PATH, first, FILE)
    report = machine.interrupted(link)
    assert (report.offset, report.complete_length) == (offset, None)

    outcome = machine.download(link)

    assert outcome.content == CONTENT
    assert http_server.asked_ranges(PATH) == [None, f"bytes={offset - OVERLAP_BYTES}-"]


def test_without_a_hash_a_chunked_body_is_continued_as_well(machine: Machine, https_server: FaultServer) -> None:
    https_server.plays(PATH, CUT_CHUNKS, FILE)

    outcome = machine.download(Link(https_server.url(PATH)))

    assert outcome.content == CONTENT
    assert https_server.sent(PATH) == SIZE


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(replace(FILE, framing=Framing.UNFINISHED_CHUNKS), id="no last chunk"),
        pytest.param(replace(UNSIZED, then=Then.DROP), id="no TLS close_notify"),
        pytest.param(replace(FILE, framing=Framing.UNFINISHED_CHUNKS, then=Then.RESET), id="reset"),
    ],
)
def test_a_body_that_is_complete_but_not_properly_ended_is_not_fetched_again(
    answer: FileAnswer, machine: Machine, https_server: FaultServer
) -> None:
    https_server.plays(PATH, answer)

    outcome = machine.download(hashed(https_server.url(PATH), CONTENT), retries=0)

    assert outcome.content == CONTENT
    assert len(https_server.requests(PATH)) == 1
    assert machine.left_in_store() == []


def test_a_rest_that_is_complete_but_not_properly_ended_is_not_fetched_again(
    machine: Machine, http_server: FaultServer
) -> None:
    link = hashed(http_server.url(PATH), CONTENT)
    http_server.plays(PATH, CUT, replace(FILE, framing=Framing.UNFINISHED_CHUNKS))
    machine.interrupted(link)

    outcome = machine.download(link, retries=0)

    assert outcome.content == CONTENT
    assert len(http_server.requests(PATH)) == 2


def test_a_wrong_file_until_close_is_taken_for_an_interruption_and_never_for_the_file(
    machine: Machine, http_server: FaultServer
) -> None:
    link = hashed(http_server.url(PATH), CONTENT)
    http_server.plays(PATH, replace(UNSIZED, content=OTHER, ranges=False))

    machine.given_up(link, retries=2)

    assert machine.entry(http_server.url(PATH)) is None
    assert len(http_server.requests(PATH)) == 3
    http_server.plays(PATH, FILE)
    assert machine.download(link).content == CONTENT
