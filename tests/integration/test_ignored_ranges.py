"""Servers that answer a Range with 200: what is held is compared and passed over, and never lost."""

from __future__ import annotations

from dataclasses import replace

import pytest
from integration.machine import Machine, hashed
from integration.samples import CONTENT, CUT, FILE, HELD, OTHER, PATH, SIZE
from pip._internal.models.link import Link
from servers.fault_server import Answer, FaultServer, FileAnswer, Framing, Then

WITHOUT_RANGES = replace(FILE, ranges=False)
LOGIN_PAGE = Answer(200, {"Content-Type": "text/html"}, b"<html>Please log in</html>" * 200)


def test_a_whole_file_is_passed_over_as_far_as_it_is_held(machine: Machine, http_server: FaultServer) -> None:
    http_server.plays(PATH, replace(CUT, ranges=False), WITHOUT_RANGES)

    outcome = machine.download(hashed(http_server.url(PATH), CONTENT))

    assert outcome.content == CONTENT
    assert http_server.asked_ranges(PATH) == [None, f"bytes={HELD}-"]
    assert http_server.sent(PATH) == HELD + SIZE
    assert (outcome.told.reasons, outcome.told.saved) == ([], [])


def test_a_break_before_the_offset_costs_nothing_that_is_held(machine: Machine, http_server: FaultServer) -> None:
    http_server.plays(PATH, replace(CUT, ranges=False), replace(CUT, ranges=False, cut_after=300_000), FILE)
    link = hashed(http_server.url(PATH), CONTENT)
    machine.interrupted(link)
    machine.interrupted(link)
    assert machine.kept(link) == CONTENT[:HELD]

    outcome = machine.download(link)

    assert outcome.content == CONTENT
    assert http_server.requests(PATH)[-1].status == 206


def test_the_next_run_does_not_claim_to_resume(machine: Machine, http_server: FaultServer) -> None:
    http_server.plays(PATH, replace(CUT, ranges=False), WITHOUT_RANGES)
    link = hashed(http_server.url(PATH), CONTENT)
    machine.interrupted(link)

    outcome = machine.download(link)

    assert outcome.content == CONTENT
    assert (outcome.told.started, outcome.told.saved) == ([(False, 0, SIZE)], [])


def test_a_break_behind_the_offset_keeps_the_higher_one(machine: Machine, http_server: FaultServer) -> None:
    http_server.plays(PATH, replace(CUT, ranges=False, cut_after=300_000), replace(CUT, ranges=False), FILE)

    outcome = machine.download(hashed(http_server.url(PATH), CONTENT))

    assert outcome.content == CONTENT
    assert http_server.asked_ranges(PATH) == [None, "bytes=300000-", f"bytes={HELD}-"]
    assert [failure.offset for failure in outcome.told.breaks] == [300_000, HELD]


def test_bytes_that_do_not_pass_the_highest_offset_are_no_progress(machine: Machine, http_server: FaultServer) -> None:
    http_server.plays(PATH, replace(CUT, ranges=False))
    link = hashed(http_server.url(PATH), CONTENT)

    report = machine.given_up(link, retries=3)

    assert http_server.asked_ranges(PATH) == [None, *[f"bytes={HELD}-"] * 3]
    assert (report.offset, [failure.new_bytes for failure in report.attempts]) == (HELD, [HELD, 0, 0, 0])
    assert machine.kept(link) == CONTENT[:HELD]


def test_a_whole_file_that_differs_takes_over_once_it_has_overtaken(machine: Machine, http_server: FaultServer) -> None:
    link = hashed(http_server.url(PATH), CONTENT)
    http_server.plays(PATH, replace(CUT, content=CONTENT[:500_000] + OTHER[500_000:]))
    machine.interrupted(link)
    http_server.plays(PATH, WITHOUT_RANGES)
    http_server.forget()

    outcome = machine.download(link)

    assert outcome.content == CONTENT
    assert len(http_server.requests(PATH)) == 1
    assert machine.left_in_store() == []


def test_a_whole_file_that_differs_and_is_cut_too_early_takes_nothing_away(
    machine: Machine, http_server: FaultServer
) -> None:
    link = hashed(http_server.url(PATH), CONTENT)
    http_server.plays(PATH, CUT, replace(CUT, content=OTHER, ranges=False, cut_after=HELD - 1))
    machine.interrupted(link)

    machine.interrupted(link)

    assert machine.kept(link) == CONTENT[:HELD]


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
class TestAPageInsteadOfTheFile:
    def test_it_once_costs_no_byte(self, page: Answer, machine: Machine, http_server: FaultServer) -> None:
        http_server.plays(PATH, CUT, page, FILE)

        outcome = machine.download(hashed(http_server.url(PATH), CONTENT))

        assert outcome.content == CONTENT
        assert http_server.asked_ranges(PATH) == [None, f"bytes={HELD}-", f"bytes={HELD}-"]
        assert http_server.sent(PATH) == SIZE + http_server.requests(PATH)[1].sent

    def test_it_again_and_again_is_for_pip_to_judge_and_costs_no_byte(
        self, page: Answer, machine: Machine, http_server: FaultServer
    ) -> None:
        link = hashed(http_server.url(PATH), CONTENT)
        http_server.plays(PATH, CUT, page)
        machine.interrupted(link)

        outcome = machine.download(link)

        assert outcome.content != CONTENT
        assert len(http_server.requests(PATH)) == 3
        assert machine.kept(link) == CONTENT[:HELD]
        assert machine.entry(http_server.url(PATH)) is None
        http_server.plays(PATH, FILE)
        assert machine.download(link).content == CONTENT
        assert http_server.requests(PATH)[-1].status == 206


def test_a_page_until_the_connection_closes_costs_no_byte(machine: Machine, http_server: FaultServer) -> None:
    http_server.plays(PATH, CUT, replace(LOGIN_PAGE, framing=Framing.UNTIL_CLOSE), FILE)

    outcome = machine.download(hashed(http_server.url(PATH), CONTENT))

    assert outcome.content == CONTENT
    assert http_server.asked_ranges(PATH) == [None, f"bytes={HELD}-", f"bytes={HELD}-"]


def test_a_page_that_is_cut_costs_no_byte(machine: Machine, http_server: FaultServer) -> None:
    http_server.plays(PATH, CUT, replace(LOGIN_PAGE, cut_after=100, then=Then.RESET), FILE)
    link = hashed(http_server.url(PATH), CONTENT)
    machine.interrupted(link)

    machine.interrupted(link)

    assert machine.kept(link) == CONTENT[:HELD]
    assert machine.download(link).content == CONTENT


def test_without_a_hash_a_whole_file_with_the_same_tag_is_passed_over(
    machine: Machine, https_server: FaultServer
) -> None:
    https_server.plays(PATH, replace(CUT, ranges=False), WITHOUT_RANGES)

    outcome = machine.download(Link(https_server.url(PATH)))

    assert outcome.content == CONTENT
    assert https_server.asked_ranges(PATH) == [None, f"bytes={HELD}-"]


def test_without_a_hash_other_bytes_under_the_same_tag_start_over(machine: Machine, https_server: FaultServer) -> None:
    https_server.plays(PATH, CUT, replace(WITHOUT_RANGES, content=OTHER))

    outcome = machine.download(Link(https_server.url(PATH)))

    assert outcome.content == OTHER
    assert https_server.asked_ranges(PATH) == [None, f"bytes={HELD}-", None]


def test_without_a_hash_a_cut_that_looks_like_an_end_is_noticed_by_the_length(
    machine: Machine, https_server: FaultServer
) -> None:
    unsized = replace(WITHOUT_RANGES, framing=Framing.UNTIL_CLOSE)
    https_server.plays(PATH, CUT, replace(unsized, cut_after=HELD + 1000, then=Then.CLOSE), FILE)

    outcome = machine.download(Link(https_server.url(PATH)))

    assert outcome.content == CONTENT
    assert https_server.asked_ranges(PATH) == [None, f"bytes={HELD}-", f"bytes={HELD + 1000}-"]
