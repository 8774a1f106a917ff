"""Files without a hash: their bytes are continued only with a validator, compared, and stored only over https."""

from __future__ import annotations

from dataclasses import replace

import pytest
from integration.machine import Machine
from integration.samples import (
    CONTENT,
    CUT,
    FILE,
    HELD,
    NEXT_RUN_RANGE,
    OTHER_CONTENT,
    PATH,
    SIZE,
    cut,
    link_with_partial,
    link_without_hash,
)
from servers.fault_server import FaultServer, FileAnswer
from servers.index_pages import LONG_AGO

from pip_resume.protocol.planning import OVERLAP_BYTES

OBSOLETE_FORM = "Friday, 03-Jan-20 10:00:00 GMT"
ONE_SECOND_LATER = "Fri, 03 Jan 2020 10:00:01 GMT"


def dated(last_modified: str, date: str = ONE_SECOND_LATER, etag: str | None = None) -> FileAnswer:
    return replace(FILE, etag=etag, last_modified=last_modified, fields={"Date": date})


STRONG = [
    pytest.param(FILE, '"v1"', id="strong ETag"),
    pytest.param(replace(FILE, etag='""'), '""', id="empty ETag"),
    pytest.param(dated(LONG_AGO), LONG_AGO, id="Last-Modified a second before Date"),
    pytest.param(dated(OBSOLETE_FORM), OBSOLETE_FORM, id="Last-Modified in an obsolete form"),
    pytest.param(dated(LONG_AGO, etag='"v1"'), '"v1"', id="ETag and Last-Modified"),
    pytest.param(dated(LONG_AGO, etag="v1"), LONG_AGO, id="unquoted ETag beside a Last-Modified"),
    # Field report 2.5. A date is never sent where an ETag exists: both are compared (RFC 9110 section 15.3.7.3).
    pytest.param(dated(LONG_AGO, etag='W/"v1"'), None, id="weak ETag beside a strong Last-Modified"),
]
NOT_STRONG = [
    pytest.param(replace(FILE, etag='W/"v1"'), id="weak ETag"),
    pytest.param(replace(FILE, etag="v1"), id="unquoted ETag"),
    pytest.param(replace(FILE, etag=None), id="no validator"),
    pytest.param(
        dated(LONG_AGO, date=LONG_AGO, etag='W/"v1"'), id="weak ETag beside a Last-Modified in the same second as Date"
    ),
    pytest.param(dated(LONG_AGO, date=LONG_AGO), id="Last-Modified in the same second as Date"),
    pytest.param(dated(LONG_AGO, date="yesterday"), id="Last-Modified beside an invalid Date"),
]


@pytest.mark.parametrize(("response", "validator"), STRONG)
class TestStrongValidator:
    def test_if_range_has_the_validator_as_it_was_received(
        self, response: FileAnswer, validator: str | None, machine: Machine, https_server: FaultServer
    ) -> None:
        https_server.plays(PATH, cut(response), response)

        outcome = machine.download(link_without_hash(https_server))

        assert outcome.content == CONTENT
        rest = https_server.requests(PATH)[1]
        assert (rest.range, rest.request.fields.get("if-range")) == (NEXT_RUN_RANGE, validator)
        assert https_server.sent(PATH) == SIZE + OVERLAP_BYTES
        assert outcome.display.reasons == []

    def test_the_bytes_are_continued_in_the_next_run(
        self, response: FileAnswer, validator: str | None, machine: Machine, https_server: FaultServer
    ) -> None:
        https_server.plays(PATH, cut(response), response)
        machine.download_partly(link_without_hash(https_server))

        outcome = machine.download(link_without_hash(https_server))

        assert outcome.content == CONTENT
        rest = https_server.requests(PATH)[1]
        assert (rest.range, rest.request.fields.get("if-range")) == (NEXT_RUN_RANGE, validator)
        assert https_server.fetched_twice(PATH) == OVERLAP_BYTES
        assert outcome.display.reasons == []
        assert machine.files_in_store() == []


@pytest.mark.parametrize("response", NOT_STRONG)
class TestNoStrongValidator:
    def test_the_complete_file_is_requested_again(
        self, response: FileAnswer, machine: Machine, https_server: FaultServer
    ) -> None:
        https_server.plays(PATH, cut(response), response)

        outcome = machine.download(link_without_hash(https_server))

        assert outcome.content == CONTENT
        assert https_server.asked_ranges(PATH) == [None, None]
        assert "if-range" not in https_server.requests(PATH)[1].request.fields

    def test_nothing_is_stored_for_the_next_run(
        self, response: FileAnswer, machine: Machine, https_server: FaultServer
    ) -> None:
        https_server.plays(PATH, cut(response))

        report = machine.download_partly(link_without_hash(https_server))

        assert not report.is_stored
        assert machine.files_in_store() == []


def test_over_http_nothing_is_stored(machine: Machine, http_server: FaultServer) -> None:
    http_server.plays(PATH, CUT)

    report = machine.download_partly(link_without_hash(http_server))

    assert (report.offset, report.is_stored) == (HELD, False)
    assert machine.files_in_store() == []


def test_an_unverifiable_body_does_not_replace_a_stored_partial(machine: Machine, https_server: FaultServer) -> None:
    link = link_with_partial(machine, https_server, cut(replace(FILE, etag='W/"v1"')), has_hash=False)
    machine.record_path(link).unlink()

    report = machine.download_partly(link)

    assert (report.offset, report.is_stored) == (HELD, False)
    assert machine.files_in_store() == []


def test_over_http_a_strong_validator_is_used_within_the_run(machine: Machine, http_server: FaultServer) -> None:
    http_server.plays(PATH, CUT, FILE)

    outcome = machine.download(link_without_hash(http_server))

    assert outcome.content == CONTENT
    assert http_server.asked_ranges(PATH) == [None, NEXT_RUN_RANGE]
    assert http_server.requests(PATH)[1].request.fields["if-range"] == '"v1"'
    assert http_server.sent(PATH) == SIZE + OVERLAP_BYTES


NEW = replace(FILE, content=OTHER_CONTENT, etag='"v2"')


def test_a_file_replaced_within_the_run_is_downloaded_by_the_same_request_if_the_server_knows_if_range(
    machine: Machine, https_server: FaultServer
) -> None:
    https_server.plays(PATH, CUT, NEW)

    outcome = machine.download(link_without_hash(https_server))

    assert outcome.content == OTHER_CONTENT
    assert https_server.asked_ranges(PATH) == [None, NEXT_RUN_RANGE]
    assert https_server.sent(PATH) == HELD + SIZE
    assert machine.files_in_store() == []


def test_a_file_replaced_within_the_run_is_requested_again_if_the_server_ignores_if_range(
    machine: Machine, https_server: FaultServer
) -> None:
    # This server sends the rest of its new file, with the new ETag.
    ignoring = replace(NEW, etag='"v1"', fields={"ETag": '"v2"'})
    https_server.plays(PATH, CUT, ignoring, NEW)

    outcome = machine.download(link_without_hash(https_server))

    assert outcome.content == OTHER_CONTENT
    assert https_server.asked_ranges(PATH) == [None, NEXT_RUN_RANGE, None]
    assert outcome.display.plain_reasons == ["the file on the server has changed"]
    assert machine.files_in_store() == []


def test_a_file_replaced_between_runs_with_the_same_etag_is_noticed_in_the_overlap(
    machine: Machine, https_server: FaultServer
) -> None:
    https_server.plays(PATH, CUT, replace(FILE, content=OTHER_CONTENT))
    machine.download_partly(link_without_hash(https_server))

    outcome = machine.download(link_without_hash(https_server))

    assert outcome.content == OTHER_CONTENT
    assert https_server.asked_ranges(PATH) == [None, NEXT_RUN_RANGE, None]


def test_the_end_of_a_complete_partial_is_compared_before_pip_gets_it(
    machine: Machine, https_server: FaultServer
) -> None:
    link = link_with_partial(machine, https_server, FILE, has_hash=False)
    with machine.part_path(link).open("ab") as part:
        part.write(CONTENT[HELD:])
    https_server.forget()

    outcome = machine.download(link)

    assert outcome.content == CONTENT
    assert https_server.asked_ranges(PATH) == [f"bytes={SIZE - OVERLAP_BYTES}-"]


def test_a_file_that_was_put_in_the_place_of_a_partial_is_not_used(machine: Machine, https_server: FaultServer) -> None:
    """It was restored from a backup, or a kill came between the replacement of the file and of its record."""
    link = link_with_partial(machine, https_server, FILE, has_hash=False)
    planted = machine.part_path(link).with_name("planted")
    planted.write_bytes(OTHER_CONTENT[:HELD])
    planted.replace(machine.part_path(link))

    outcome = machine.download(link)

    assert outcome.content == CONTENT
    assert https_server.asked_ranges(PATH) == [None, None]
