"""Files whose link has no hash: only a strong validator, and over https, carries bytes from one request to the next."""

from __future__ import annotations

from dataclasses import replace

import pytest
from integration.machine import Machine
from integration.samples import CONTENT, CUT, FILE, HELD, OTHER, PATH, SIZE
from pip._internal.models.link import Link
from servers.fault_server import FaultServer, FileAnswer

from pip_resume.protocol.verdicts import OVERLAP_BYTES

LONG_AGO = "Fri, 03 Jan 2020 10:00:00 GMT"
OBSOLETE_FORM = "Friday, 03-Jan-20 10:00:00 GMT"
A_SECOND_LATER = "Fri, 03 Jan 2020 10:00:01 GMT"


def dated(last_modified: str, date: str = A_SECOND_LATER, etag: str | None = None) -> FileAnswer:
    return replace(FILE, etag=etag, last_modified=last_modified, fields={"Date": date})


STRONG = [
    pytest.param(FILE, '"v1"', id="strong ETag"),
    pytest.param(replace(FILE, etag='""'), '""', id="empty ETag"),
    pytest.param(dated(LONG_AGO), LONG_AGO, id="Last-Modified a second before Date"),
    pytest.param(dated(OBSOLETE_FORM), OBSOLETE_FORM, id="Last-Modified in an obsolete form"),
    pytest.param(dated(LONG_AGO, etag='"v1"'), '"v1"', id="both"),
    pytest.param(dated(LONG_AGO, etag="v1"), LONG_AGO, id="unquoted ETag beside a Last-Modified"),
]
NOT_STRONG = [
    pytest.param(replace(FILE, etag='W/"v1"'), id="weak ETag"),
    pytest.param(replace(FILE, etag="v1"), id="unquoted ETag"),
    pytest.param(replace(FILE, etag=None), id="nothing"),
    pytest.param(dated(LONG_AGO, etag='W/"v1"'), id="weak ETag beside a Last-Modified"),
    pytest.param(dated(LONG_AGO, date=LONG_AGO), id="Last-Modified in the second of Date"),
    pytest.param(dated(LONG_AGO, date="yesterday"), id="Last-Modified beside a Date that is none"),
]


def cut(answer: FileAnswer, after: int = HELD) -> FileAnswer:
    return replace(answer, cut_after=after, then=CUT.then)


@pytest.mark.parametrize(("answer", "validator"), STRONG)
class TestAStrongValidator:
    def test_it_goes_into_if_range_as_it_was_received(
        self, answer: FileAnswer, validator: str, machine: Machine, https_server: FaultServer
    ) -> None:
        https_server.plays(PATH, cut(answer), answer)

        outcome = machine.download(Link(https_server.url(PATH)))

        assert outcome.content == CONTENT
        rest = https_server.requests(PATH)[1]
        assert (rest.range, rest.request.fields["if-range"]) == (f"bytes={HELD}-", validator)
        assert https_server.sent(PATH) == SIZE

    def test_it_carries_the_bytes_into_the_next_run(
        self, answer: FileAnswer, validator: str, machine: Machine, https_server: FaultServer
    ) -> None:
        https_server.plays(PATH, cut(answer), answer)
        machine.interrupted(Link(https_server.url(PATH)))

        outcome = machine.download(Link(https_server.url(PATH)))

        assert outcome.content == CONTENT
        rest = https_server.requests(PATH)[1]
        assert (rest.range, rest.request.fields["if-range"]) == (f"bytes={HELD - OVERLAP_BYTES}-", validator)
        assert https_server.fetched_twice(PATH) == OVERLAP_BYTES
        assert machine.left_in_store() == []


@pytest.mark.parametrize("answer", NOT_STRONG)
class TestNoStrongValidator:
    def test_everything_is_asked_for_again(
        self, answer: FileAnswer, machine: Machine, https_server: FaultServer
    ) -> None:
        https_server.plays(PATH, cut(answer), answer)

        outcome = machine.download(Link(https_server.url(PATH)))

        assert outcome.content == CONTENT
        assert https_server.asked_ranges(PATH) == [None, None]
        assert "if-range" not in https_server.requests(PATH)[1].request.fields

    def test_nothing_is_kept_for_the_next_run(
        self, answer: FileAnswer, machine: Machine, https_server: FaultServer
    ) -> None:
        https_server.plays(PATH, cut(answer))

        report = machine.interrupted(Link(https_server.url(PATH)))

        assert not report.is_stored
        assert machine.left_in_store() == []


def test_over_http_nothing_unhashed_is_kept(machine: Machine, http_server: FaultServer) -> None:
    http_server.plays(PATH, CUT)

    report = machine.interrupted(Link(http_server.url(PATH)))

    assert (report.offset, report.is_stored) == (HELD, False)
    assert machine.left_in_store() == []


def test_bytes_that_nothing_vouches_for_do_not_slip_into_the_place_of_old_ones(
    machine: Machine, https_server: FaultServer
) -> None:
    link = Link(https_server.url(PATH))
    https_server.plays(PATH, CUT, cut(replace(FILE, etag='W/"v1"')))
    machine.interrupted(link)
    machine.part(link).with_suffix(".json").unlink()

    report = machine.interrupted(link)

    assert (report.offset, report.is_stored) == (HELD, False)
    assert machine.left_in_store() == []


def test_over_http_a_strong_validator_still_serves_within_the_run(machine: Machine, http_server: FaultServer) -> None:
    http_server.plays(PATH, CUT, FILE)

    outcome = machine.download(Link(http_server.url(PATH)))

    assert outcome.content == CONTENT
    assert http_server.sent(PATH) == SIZE


@pytest.mark.parametrize("rest", [pytest.param(FILE, id="by If-Range"), pytest.param(None, id="by the answer alone")])
def test_a_file_replaced_within_the_run_is_downloaded_anew(
    rest: FileAnswer | None, machine: Machine, https_server: FaultServer
) -> None:
    new = replace(FILE, content=OTHER, etag='"v2"')
    # A server that does not know If-Range and sends its new file's rest, under the new tag.
    ignorant = replace(new, etag='"v1"', fields={"ETag": '"v2"'})
    https_server.plays(PATH, CUT, new if rest else ignorant, new)

    outcome = machine.download(Link(https_server.url(PATH)))

    assert outcome.content == OTHER
    assert len(outcome.told.reasons) == 1


def test_a_file_replaced_between_runs_under_the_same_tag_is_noticed_in_the_overlap(
    machine: Machine, https_server: FaultServer
) -> None:
    https_server.plays(PATH, CUT, replace(FILE, content=OTHER))
    machine.interrupted(Link(https_server.url(PATH)))

    outcome = machine.download(Link(https_server.url(PATH)))

    assert outcome.content == OTHER
    assert https_server.asked_ranges(PATH) == [None, f"bytes={HELD - OVERLAP_BYTES}-", None]


def test_a_whole_partial_is_compared_before_pip_has_it(machine: Machine, https_server: FaultServer) -> None:
    link = Link(https_server.url(PATH))
    https_server.plays(PATH, CUT, FILE)
    machine.interrupted(link)
    with machine.part(link).open("ab") as part:
        part.write(CONTENT[HELD:])
    https_server.forget()

    outcome = machine.download(link)

    assert outcome.content == CONTENT
    assert https_server.asked_ranges(PATH) == [f"bytes={SIZE - OVERLAP_BYTES}-"]


def test_a_partial_that_somebody_put_into_the_place_of_ours_is_not_used(
    machine: Machine, https_server: FaultServer
) -> None:
    link = Link(https_server.url(PATH))
    https_server.plays(PATH, CUT, FILE)
    machine.interrupted(link)
    planted = machine.part(link).with_name("planted")
    planted.write_bytes(OTHER[:HELD])
    planted.replace(machine.part(link))

    outcome = machine.download(link)

    assert outcome.content == CONTENT
    assert https_server.asked_ranges(PATH) == [None, None]
