"""Servers that answer a request with Range with a 200: the held bytes are compared with the body, and never lost."""

from __future__ import annotations

from dataclasses import replace

import pytest
from integration.machine import Machine
from integration.samples import (
    CONTENT,
    CUT,
    FILE,
    HELD,
    LOGIN_PAGE,
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
)
from servers.fault_server import Answer, FaultServer, FileAnswer, Framing, Then

CUT_WITHOUT_RANGES = cut(WITHOUT_RANGES)


def test_the_start_of_a_200_is_compared_with_the_held_bytes_and_the_rest_appended(
    machine: Machine, http_server: FaultServer
) -> None:
    http_server.plays(PATH, CUT_WITHOUT_RANGES, WITHOUT_RANGES)

    outcome = machine.download(link_with_hash(http_server))

    assert outcome.content == CONTENT
    assert http_server.asked_ranges(PATH) == [None, REST_RANGE]
    assert http_server.sent(PATH) == HELD + SIZE
    assert (outcome.display.restart_reasons, outcome.display.saved) == ([], [])


def test_a_200_cut_before_the_offset_costs_no_held_byte(machine: Machine, http_server: FaultServer) -> None:
    http_server.plays(PATH, CUT_WITHOUT_RANGES, cut(WITHOUT_RANGES, 300_000), FILE)
    link = link_with_hash(http_server)
    machine.download_partly(link)
    machine.download_partly(link)
    assert machine.stored(link) == CONTENT[:HELD]

    outcome = machine.download(link)

    assert outcome.content == CONTENT
    assert http_server.requests(PATH)[-1].status == 206


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

    report = machine.give_up(link, retries=3)

    assert http_server.asked_ranges(PATH) == [None, *[REST_RANGE] * 3]
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
    assert len(http_server.requests(PATH)) == 1
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
    def test_one_page_costs_no_byte(self, page: Answer, machine: Machine, http_server: FaultServer) -> None:
        http_server.plays(PATH, CUT, page, FILE)

        outcome = machine.download(link_with_hash(http_server))

        assert outcome.content == CONTENT
        assert http_server.asked_ranges(PATH) == [None, REST_RANGE, REST_RANGE]
        assert http_server.sent(PATH) == SIZE + http_server.requests(PATH)[1].sent

    def test_pip_gets_the_second_page_and_no_stored_byte_is_lost(
        self, page: Answer, machine: Machine, http_server: FaultServer
    ) -> None:
        link = link_with_partial(machine, http_server, page)

        outcome = machine.download(link)

        assert outcome.content != CONTENT
        assert len(http_server.requests(PATH)) == 3
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


def test_without_a_hash_a_200_with_the_same_etag_is_compared_and_its_rest_appended(
    machine: Machine, https_server: FaultServer
) -> None:
    https_server.plays(PATH, CUT_WITHOUT_RANGES, WITHOUT_RANGES)

    outcome = machine.download(link_without_hash(https_server))

    assert outcome.content == CONTENT
    assert https_server.asked_ranges(PATH) == [None, REST_RANGE]


def test_without_a_hash_different_bytes_with_the_same_etag_start_over(
    machine: Machine, https_server: FaultServer
) -> None:
    https_server.plays(PATH, CUT, replace(WITHOUT_RANGES, content=OTHER_CONTENT))

    outcome = machine.download(link_without_hash(https_server))

    assert outcome.content == OTHER_CONTENT
    assert https_server.asked_ranges(PATH) == [None, REST_RANGE, None]


def test_without_a_hash_a_close_before_the_known_length_is_not_taken_for_the_end(
    machine: Machine, https_server: FaultServer
) -> None:
    until_close = replace(UNTIL_CLOSE, ranges=False)
    https_server.plays(PATH, CUT, cut(until_close, HELD + 1000), FILE)

    outcome = machine.download(link_without_hash(https_server))

    assert outcome.content == CONTENT
    assert https_server.asked_ranges(PATH) == [None, REST_RANGE, f"bytes={HELD + 1000}-"]
