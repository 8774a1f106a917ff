"""Servers that answer a request with Range with a 200: the held bytes are compared with the body, and never lost."""

from __future__ import annotations

from dataclasses import replace

import pytest
from integration.fakes import RecordingDisplay
from integration.gateway import Gateway
from integration.machine import Machine, attempts_alone
from integration.samples import (
    CONTENT,
    CUT,
    FILE,
    HELD,
    LOGIN_PAGE,
    NEXT_RUN_RANGE,
    OTHER_CONTENT,
    PATH,
    REST_RANGE,
    SIZE,
    UNTIL_CLOSE,
    WITHOUT_RANGES,
    cut,
    link_with_hash,
    link_with_partial,
    link_without_hash,
    zip_of,
)
from servers.fault_server import Answer, FaultServer, FileAnswer, Framing, Then

from pip_resume.engine.stored_bytes import CONTINUES, IGNORES_RANGE, REFUSES_RANGE
from pip_resume.errors import PipError
from pip_resume.protocol.planning import OVERLAP_BYTES

CUT_WITHOUT_RANGES = cut(WITHOUT_RANGES)


@pytest.mark.parametrize("has_hash", [True, False])
def test_parts_with_the_status_200_and_no_other_field_are_noticed_by_their_bytes(
    has_hash: bool, machine: Machine, https_server: FaultServer
) -> None:
    """The first of them may be a new file. After the second the request has no Range, as that of plain pip."""
    fields = {"Content-Range": None, "Content-Length": None}
    parts = replace(UNTIL_CLOSE, partial_status=200, fields=fields)
    https_server.plays(PATH, CUT, parts)
    link = link_with_hash(https_server) if has_hash else link_without_hash(https_server)

    outcome = machine.download(link)

    assert outcome.content == CONTENT
    asked = https_server.asked_ranges(PATH)
    assert (asked[0], asked[-1]) == (None, None)
    assert len(asked) <= 4
    # No file was wrong: the request does not go past caches on the way.
    asked_of_caches = [exchange.request.fields.get("cache-control") for exchange in https_server.requests(PATH)]
    assert "no-cache" not in asked_of_caches


def test_the_start_of_a_200_is_compared_with_the_held_bytes_and_the_rest_appended(
    machine: Machine, http_server: FaultServer
) -> None:
    http_server.plays(PATH, CUT_WITHOUT_RANGES, WITHOUT_RANGES)

    outcome = machine.download(link_with_hash(http_server))

    assert outcome.content == CONTENT
    assert http_server.asked_ranges(PATH) == [None, REST_RANGE]
    assert http_server.sent(PATH) == HELD + SIZE
    assert (outcome.display.restart_reasons, outcome.display.saved) == ([], [])
    assert outcome.display.ignored_ranges == [False]


def test_a_200_cut_before_the_offset_costs_no_held_byte(machine: Machine, http_server: FaultServer) -> None:
    shorter = cut(WITHOUT_RANGES, 300_000)
    http_server.plays(PATH, CUT_WITHOUT_RANGES, shorter, shorter, FILE)
    link = link_with_hash(http_server)
    machine.download_partly(link)
    machine.download_partly(link)
    assert machine.stored(link) == CONTENT[:HELD]

    outcome = machine.download(link)

    assert outcome.content == CONTENT
    assert http_server.requests(PATH)[-1].status == 206


def test_after_a_200_the_user_is_told_that_the_next_run_starts_at_0(machine: Machine, http_server: FaultServer) -> None:
    http_server.plays(PATH, CUT_WITHOUT_RANGES, CUT_WITHOUT_RANGES)
    link = link_with_hash(http_server)

    assert not machine.download_partly(link).is_range_ignored
    assert machine.download_partly(link).is_range_ignored


@pytest.mark.parametrize("status", [403, 404, 501])
def test_after_a_refused_range_and_the_complete_file_the_user_is_told_that_the_next_run_starts_at_0(
    status: int, machine: Machine, gateway: Gateway
) -> None:
    gateway.plays(PATH, CUT, CUT)
    gateway.answers_ranges(PATH, Answer(status))
    link = link_with_hash(gateway)

    assert not machine.download_partly(link).is_range_refused
    assert machine.download_partly(link).is_range_refused

    gateway.answers_ranges(PATH, None)
    gateway.plays(PATH, cut(FILE, 300_000))
    assert not machine.download_partly(link).is_range_refused


def test_a_file_that_is_gone_is_no_refused_range(machine: Machine, gateway: Gateway) -> None:
    gateway.plays(PATH, CUT, Answer(404))
    gateway.answers_ranges(PATH, Answer(404))
    link, display = link_with_hash(gateway), RecordingDisplay()
    machine.download_partly(link)

    with pytest.raises(PipError):
        machine.download(link, display=display)

    assert display.advice == [CONTINUES]


def test_ctrl_c_after_a_refused_range_does_not_promise_that_the_next_run_continues(
    machine: Machine, gateway: Gateway
) -> None:
    gateway.plays(PATH, CUT, FILE)
    gateway.answers_ranges(PATH, Answer(403))
    display = RecordingDisplay(interrupt_after=HELD + 100_000)

    with pytest.raises(KeyboardInterrupt):
        machine.download(link_with_hash(gateway), display=display)

    assert display.advice == [REFUSES_RANGE]


def test_ctrl_c_after_a_200_does_not_promise_that_the_next_run_continues(
    machine: Machine, http_server: FaultServer
) -> None:
    http_server.plays(PATH, CUT_WITHOUT_RANGES, WITHOUT_RANGES)
    display = RecordingDisplay(interrupt_after=HELD + 100_000)

    with pytest.raises(KeyboardInterrupt):
        machine.download(link_with_hash(http_server), display=display)

    assert display.advice == [IGNORES_RANGE]


def test_a_200_in_the_next_run_is_not_shown_as_resumed(machine: Machine, http_server: FaultServer) -> None:
    http_server.plays(PATH, CUT_WITHOUT_RANGES, WITHOUT_RANGES)
    link = link_with_hash(http_server)
    machine.download_partly(link)

    outcome = machine.download(link)

    assert outcome.content == CONTENT
    assert (outcome.display.starts, outcome.display.saved) == ([(False, 0, SIZE)], [])


def test_a_200_cut_behind_the_offset_raises_the_offset(machine: Machine, http_server: FaultServer) -> None:
    http_server.plays(PATH, cut(WITHOUT_RANGES, 300_000), CUT_WITHOUT_RANGES, FILE)

    outcome = machine.download(link_with_hash(http_server))

    assert outcome.content == CONTENT
    assert http_server.asked_ranges(PATH) == [None, "bytes=300000-", REST_RANGE]
    assert [failure.offset for failure in outcome.display.failures] == [300_000, HELD]


def test_bytes_below_the_highest_offset_do_not_count_as_progress(machine: Machine, http_server: FaultServer) -> None:
    http_server.plays(PATH, CUT_WITHOUT_RANGES)
    link = link_with_hash(http_server)

    # Each body without a new byte counts as much as one of pip's --resume-retries: six attempts.
    report = machine.give_up(link, options=attempts_alone(18))

    # Two ranged requests without a new byte, then a probe, and Range once more.
    assert http_server.asked_ranges(PATH) == [None, REST_RANGE, REST_RANGE, None, REST_RANGE]
    assert (report.offset, [failure.new_bytes for failure in report.attempts]) == (HELD, [HELD, 0, 0, 0])
    assert machine.stored(link) == CONTENT[:HELD]


def test_a_complete_200_with_different_bytes_replaces_the_held_bytes(
    machine: Machine, http_server: FaultServer
) -> None:
    link = link_with_hash(http_server)
    http_server.plays(PATH, replace(CUT, content=CONTENT[:500_000] + OTHER_CONTENT[500_000:]))
    machine.download_partly(link)
    http_server.plays(PATH, WITHOUT_RANGES)
    http_server.forget()

    outcome = machine.download(link)

    assert outcome.content == CONTENT
    assert http_server.asked_ranges(PATH) == [NEXT_RUN_RANGE]
    assert outcome.display.reasons == []
    assert machine.files_in_store() == []


def test_a_cut_200_with_different_bytes_costs_no_held_byte(machine: Machine, http_server: FaultServer) -> None:
    link = link_with_partial(
        machine, http_server, replace(CUT, content=OTHER_CONTENT, ranges=False, cut_after=HELD - 1)
    )

    machine.download_partly(link)

    assert machine.stored(link) == CONTENT[:HELD]


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(LOGIN_PAGE, id="with a length"),
        pytest.param(replace(LOGIN_PAGE, framing=Framing.CHUNKED), id="chunked"),
        pytest.param(replace(LOGIN_PAGE, body=b""), id="empty"),
        pytest.param(replace(LOGIN_PAGE, body=b"", framing=Framing.CHUNKED), id="empty and chunked"),
        pytest.param(FileAnswer(CONTENT[:5000], ranges=False), id="the beginning of the right file"),
    ],
)
class TestPageInsteadOfFile:
    def test_one_page_costs_no_byte(
        self, page: Answer | FileAnswer, machine: Machine, http_server: FaultServer
    ) -> None:
        http_server.plays(PATH, CUT, page, FILE)

        outcome = machine.download(link_with_hash(http_server))

        assert outcome.content == CONTENT
        assert http_server.asked_ranges(PATH) == [None, REST_RANGE, REST_RANGE]
        assert http_server.sent(PATH) == SIZE + http_server.requests(PATH)[1].sent

    def test_pip_gets_the_second_page_and_no_stored_byte_is_lost(
        self, page: Answer | FileAnswer, machine: Machine, http_server: FaultServer
    ) -> None:
        link = link_with_partial(machine, http_server, page)

        outcome = machine.download(link)

        assert outcome.content == (page.body if isinstance(page, Answer) else page.content)
        # Two for a range, a probe, a range once more; then the complete file, twice.
        asked = [NEXT_RUN_RANGE, NEXT_RUN_RANGE, None, NEXT_RUN_RANGE, None, None]
        assert http_server.asked_ranges(PATH) == [None, *asked]
        assert outcome.elapsed_s < 3
        assert machine.stored(link) == CONTENT[:HELD]
        assert machine.cache_entry(http_server.url(PATH)) is None
        http_server.plays(PATH, FILE)
        assert machine.download(link).content == CONTENT
        assert http_server.requests(PATH)[-1].status == 206


def test_a_page_that_ends_with_the_connection_costs_no_byte(machine: Machine, http_server: FaultServer) -> None:
    http_server.plays(PATH, CUT, replace(LOGIN_PAGE, framing=Framing.UNTIL_CLOSE), FILE)

    outcome = machine.download(link_with_hash(http_server))

    assert outcome.content == CONTENT
    assert http_server.asked_ranges(PATH) == [None, REST_RANGE, REST_RANGE]


def test_a_cut_page_costs_no_byte(machine: Machine, http_server: FaultServer) -> None:
    link = link_with_partial(machine, http_server, replace(LOGIN_PAGE, cut_after=100, then=Then.RESET), FILE)

    machine.download_partly(link)

    assert machine.stored(link) == CONTENT[:HELD]
    assert machine.download(link).content == CONTENT


def test_without_a_hash_equal_bytes_under_a_new_etag_are_resumed_by_the_new_etag(
    machine: Machine, https_server: FaultServer
) -> None:
    renamed = replace(FILE, etag='"v2"')
    https_server.plays(PATH, CUT, cut(renamed, HELD + 100_000), renamed)
    link = link_without_hash(https_server)
    machine.download_partly(link)
    machine.download_partly(link)

    outcome = machine.download(link)

    assert outcome.content == CONTENT
    assert https_server.statuses(PATH) == [200, 200, 206]
    fields = [exchange.request.fields.get("if-range") for exchange in https_server.requests(PATH)]
    assert fields == [None, '"v1"', '"v2"']


def test_without_a_hash_a_200_with_the_same_etag_is_compared_and_its_rest_appended(
    machine: Machine, https_server: FaultServer
) -> None:
    https_server.plays(PATH, CUT_WITHOUT_RANGES, WITHOUT_RANGES)

    outcome = machine.download(link_without_hash(https_server))

    assert outcome.content == CONTENT
    assert https_server.asked_ranges(PATH) == [None, NEXT_RUN_RANGE]
    assert outcome.display.reasons == []


def test_without_a_hash_a_complete_200_with_different_bytes_replaces_the_held_bytes(
    machine: Machine, https_server: FaultServer
) -> None:
    https_server.plays(PATH, CUT, replace(WITHOUT_RANGES, content=OTHER_CONTENT))

    outcome = machine.download(link_without_hash(https_server))

    assert outcome.content == OTHER_CONTENT
    assert https_server.asked_ranges(PATH) == [None, NEXT_RUN_RANGE]
    assert outcome.display.reasons == []
    assert machine.cached_body(https_server.url(PATH)) == OTHER_CONTENT


@pytest.mark.parametrize("size", [100_000, HELD - 1, HELD + 1])
def test_without_a_hash_a_cut_200_with_different_bytes_replaces_the_held_bytes_once_it_has_more(
    size: int, machine: Machine, https_server: FaultServer
) -> None:
    link = link_with_partial(
        machine, https_server, cut(replace(WITHOUT_RANGES, content=OTHER_CONTENT, etag='"v2"'), size), has_hash=False
    )

    machine.download_partly(link)

    # What the server has now is what the next run can continue.
    assert machine.stored(link) == OTHER_CONTENT[:size]
    assert machine.checkpoint(link).field("etag") == '"v2"'


def test_without_a_hash_a_cut_200_with_different_bytes_that_cannot_be_continued_costs_no_held_byte(
    machine: Machine, https_server: FaultServer
) -> None:
    weak = replace(WITHOUT_RANGES, content=OTHER_CONTENT, etag='W/"v2"')
    link = link_with_partial(machine, https_server, cut(weak, HELD - 1), has_hash=False)

    machine.download_partly(link)

    assert machine.stored(link) == CONTENT[:HELD]
    assert machine.checkpoint(link).field("etag") == '"v1"'


class TestPageWithoutHash:
    def test_one_page_costs_no_byte(self, machine: Machine, https_server: FaultServer) -> None:
        """Field report 2.7."""
        https_server.plays(PATH, CUT, LOGIN_PAGE, FILE)

        outcome = machine.download(link_without_hash(https_server))

        assert outcome.content == CONTENT
        assert https_server.asked_ranges(PATH) == [None, NEXT_RUN_RANGE, NEXT_RUN_RANGE]
        assert https_server.sent(PATH) == SIZE + OVERLAP_BYTES + len(LOGIN_PAGE.body)

    def test_after_a_page_the_end_of_a_complete_partial_is_still_compared(
        self, machine: Machine, https_server: FaultServer
    ) -> None:
        link = link_with_partial(machine, https_server, LOGIN_PAGE, FILE, has_hash=False)
        with machine.part_path(link).open("ab") as part:
            part.write(CONTENT[HELD:])

        outcome = machine.download(link)

        assert outcome.content == CONTENT
        assert https_server.asked_ranges(PATH) == [None, *[f"bytes={SIZE - OVERLAP_BYTES}-"] * 2]

    def test_a_page_from_then_on_costs_no_stored_byte_and_pip_judges_it(
        self, machine: Machine, https_server: FaultServer
    ) -> None:
        """Field report 2.7."""
        link = link_with_partial(machine, https_server, LOGIN_PAGE, has_hash=False)

        outcome = machine.download(link)

        assert outcome.content == LOGIN_PAGE.body
        assert machine.stored(link) == CONTENT[:HELD]
        assert machine.checkpoint(link).complete_length == SIZE
        assert machine.cache_entry(https_server.url(PATH)) is None
        https_server.plays(PATH, FILE)
        assert machine.download(link).content == CONTENT
        assert https_server.requests(PATH)[-1].range == NEXT_RUN_RANGE


def test_without_a_hash_a_close_before_the_known_length_is_not_taken_for_the_end(
    machine: Machine, https_server: FaultServer
) -> None:
    until_close = replace(UNTIL_CLOSE, ranges=False)
    https_server.plays(PATH, CUT, cut(until_close, HELD + 1000), FILE)

    outcome = machine.download(link_without_hash(https_server))

    assert outcome.content == CONTENT
    assert https_server.asked_ranges(PATH) == [None, NEXT_RUN_RANGE, f"bytes={HELD + 1000 - OVERLAP_BYTES}-"]


def test_without_a_hash_the_known_length_does_not_hold_for_a_file_with_a_different_etag(
    machine: Machine, https_server: FaultServer
) -> None:
    shorter = zip_of(HELD + 1000, seed=1)
    https_server.plays(PATH, CUT, replace(UNTIL_CLOSE, content=shorter, etag='"v2"'))

    outcome = machine.download(link_without_hash(https_server))

    assert outcome.content == shorter
    assert https_server.asked_ranges(PATH) == [None, NEXT_RUN_RANGE]
