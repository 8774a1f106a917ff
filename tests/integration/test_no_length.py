"""Bodies without Content-Length: chunked, or ended by the connection."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from integration.machine import ONE_ATTEMPT, Machine
from integration.samples import (
    CONTENT,
    FILE,
    HELD,
    OTHER_CONTENT,
    PATH,
    SIZE,
    UNTIL_CLOSE,
    cut,
    link_with_hash,
    link_with_partial,
    link_without_hash,
)
from servers.fault_server import FaultServer, FileAnswer, Framing, Then

from pip_resume.protocol.planning import OVERLAP_BYTES

# Cut at the end of a chunk of 4 KiB: urllib3 loses the bytes of an unfinished chunk.
CUT_CHUNKED = cut(replace(FILE, framing=Framing.CHUNKED), 4096 * 200)
CUT_UNTIL_CLOSE = cut(UNTIL_CLOSE)
WITHOUT_COMPLETE_LENGTH = {"Content-Range": "bytes {first}-{last}/*"}


@pytest.mark.parametrize(
    ("first", "offset"),
    [
        pytest.param(CUT_CHUNKED, 4096 * 200, id="chunked, closed"),
        pytest.param(
            replace(CUT_CHUNKED, framing=Framing.BROKEN_CHUNKS), 4096 * 200, id="chunked, an invalid chunk size"
        ),
        pytest.param(CUT_UNTIL_CLOSE, HELD, id="until close"),
    ],
)
@pytest.mark.parametrize(
    "rest",
    [
        pytest.param(FILE, id="then with Content-Length"),
        pytest.param(replace(FILE, framing=Framing.CHUNKED), id="then chunked"),
        pytest.param(
            replace(FILE, framing=Framing.CHUNKED, fields=WITHOUT_COMPLETE_LENGTH),
            id="then chunked, without complete-length",
        ),
        pytest.param(UNTIL_CLOSE, id="then until close"),
        pytest.param(
            replace(UNTIL_CLOSE, fields=WITHOUT_COMPLETE_LENGTH), id="then until close, without complete-length"
        ),
    ],
)
def test_a_cut_body_is_continued_in_the_same_run(
    first: FileAnswer, offset: int, rest: FileAnswer, machine: Machine, http_server: FaultServer
) -> None:
    http_server.plays(PATH, first, rest)

    outcome = machine.download(link_with_hash(http_server))

    assert outcome.content == CONTENT
    assert http_server.asked_ranges(PATH) == [None, f"bytes={offset}-"]
    assert http_server.sent(PATH) == SIZE
    assert outcome.display.restart_reasons == []


@pytest.mark.parametrize(
    ("first", "offset"),
    [pytest.param(CUT_CHUNKED, 4096 * 200, id="chunked"), pytest.param(CUT_UNTIL_CLOSE, HELD, id="until close")],
)
def test_a_cut_body_is_continued_by_the_next_run(
    first: FileAnswer, offset: int, machine: Machine, http_server: FaultServer
) -> None:
    link = link_with_hash(http_server)
    http_server.plays(PATH, first, FILE)
    report = machine.download_partly(link)
    assert (report.offset, report.complete_length) == (offset, None)

    outcome = machine.download(link)

    assert outcome.content == CONTENT
    assert http_server.asked_ranges(PATH) == [None, f"bytes={offset - OVERLAP_BYTES}-"]


def test_without_a_hash_a_cut_chunked_body_is_continued(machine: Machine, https_server: FaultServer) -> None:
    https_server.plays(PATH, CUT_CHUNKED, FILE)

    outcome = machine.download(link_without_hash(https_server))

    assert outcome.content == CONTENT
    assert https_server.asked_ranges(PATH) == [None, f"bytes={4096 * 200 - OVERLAP_BYTES}-"]
    assert https_server.sent(PATH) == SIZE + OVERLAP_BYTES


@pytest.mark.parametrize(
    "response",
    [
        pytest.param(replace(FILE, framing=Framing.UNFINISHED_CHUNKS), id="no last chunk"),
        pytest.param(replace(UNTIL_CLOSE, then=Then.DROP), id="no TLS close_notify"),
        pytest.param(replace(FILE, framing=Framing.UNFINISHED_CHUNKS, then=Then.RESET), id="reset"),
    ],
)
def test_a_complete_body_without_a_proper_end_is_not_requested_again(
    response: FileAnswer, machine: Machine, https_server: FaultServer
) -> None:
    https_server.plays(PATH, response)

    outcome = machine.download(link_with_hash(https_server), options=ONE_ATTEMPT)

    assert outcome.content == CONTENT
    assert len(https_server.requests(PATH)) == 1
    assert machine.files_in_store() == []


def test_a_complete_rest_without_a_proper_end_is_not_requested_again(
    machine: Machine, http_server: FaultServer
) -> None:
    link = link_with_partial(machine, http_server, replace(FILE, framing=Framing.UNFINISHED_CHUNKS))

    outcome = machine.download(link, options=ONE_ATTEMPT)

    assert outcome.content == CONTENT
    assert len(http_server.requests(PATH)) == 2


def test_a_wrong_file_that_ends_with_the_connection_counts_as_cut_once_and_then_is_pips_to_judge(
    machine: Machine, http_server: FaultServer
) -> None:
    link = link_with_hash(http_server)
    http_server.plays(PATH, replace(UNTIL_CLOSE, content=OTHER_CONTENT, ranges=False))

    assert machine.download(link).content == OTHER_CONTENT

    assert machine.cache_entry(http_server.url(PATH)) is None
    assert len(http_server.requests(PATH)) == 3
    http_server.plays(PATH, FILE)
    assert machine.download(link).content == CONTENT


@pytest.mark.parametrize("has_hash", [True, False])
def test_after_a_page_at_the_end_of_the_body_the_start_of_what_is_held_is_the_complete_file(
    has_hash: bool, machine: Machine, https_server: FaultServer
) -> None:
    """Field report 3.2: a gateway has sent its error page within the body. The next body ends where the file does."""
    page = b"<html>502 Bad Gateway</html>"
    complete = replace(UNTIL_CLOSE, ranges=False)
    https_server.plays(PATH, replace(complete, content=CONTENT + page), complete)

    outcome = machine.download(link_with_hash(https_server) if has_hash else link_without_hash(https_server))

    assert outcome.content == CONTENT
    assert len(https_server.requests(PATH)) == 2
    assert machine.files_in_store() == []


def test_a_length_that_only_a_later_response_has_is_recorded(machine: Machine, https_server: FaultServer) -> None:
    """`pip-resume list` shows how much of the file is there."""
    link = link_with_hash(https_server)
    https_server.plays(PATH, CUT_UNTIL_CLOSE, cut(FILE, 100_000))

    machine.download_partly(link)
    machine.download_partly(link)

    assert machine.stored(link) == CONTENT[: HELD - OVERLAP_BYTES + 100_000]
    assert json.loads(machine.record_path(link).read_text())["complete_length"] == SIZE
