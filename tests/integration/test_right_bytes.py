"""Files whose link has a hash, served by a server that breaks off and then answers in every way there is.

One test per row of the table of verdicts.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from integration.machine import Machine, hashed
from integration.samples import CONTENT, CUT, FILE, HELD, OTHER, PATH, SIZE
from servers.fault_server import Answer, FaultServer, FileAnswer, Then

from pip_resume.protocol.verdicts import OVERLAP_BYTES

# What a server may answer to the Range of the same run, so that nothing of it can be used.
NOT_A_REST = [
    pytest.param(replace(FILE, fields={"Content-Range": None}), id="206 without Content-Range"),
    pytest.param(replace(FILE, fields={"Content-Range": "bytes {last}-{first}/{complete}"}), id="206 invalid"),
    pytest.param(replace(FILE, fields={"Content-Range": "items {first}-{last}/{complete}"}), id="206 in other units"),
    pytest.param(replace(FILE, shift=1), id="206 that starts too late"),
    pytest.param(replace(FILE, multipart=True), id="206 multipart"),
    pytest.param(FileAnswer(CONTENT + b"more"), id="206 with another complete-length"),
    pytest.param(replace(FILE, fields={"Content-Encoding": "gzip"}), id="206 with another Content-Encoding"),
    pytest.param(replace(FILE, partial_status=200), id="200 with a Content-Range"),
    pytest.param(Answer(416, {"Content-Range": "bytes */7"}), id="416 elsewhere"),
    pytest.param(Answer(416), id="416 without Content-Range"),
]


class TestWithinARun:
    def test_the_rest_is_appended_from_the_offset_on(self, machine: Machine, http_server: FaultServer) -> None:
        http_server.plays(PATH, CUT, FILE)

        outcome = machine.download(hashed(http_server.url(PATH), CONTENT))

        assert outcome.content == CONTENT
        assert http_server.asked_ranges(PATH) == [None, f"bytes={HELD}-"]
        assert "if-range" not in http_server.requests(PATH)[1].request.fields
        assert (http_server.sent(PATH), http_server.fetched_twice(PATH)) == (SIZE, 0)
        assert machine.left_in_store() == []
        assert machine.entry(http_server.url(PATH)) is not None

    @pytest.mark.parametrize("answer", NOT_A_REST)
    def test_a_rest_that_cannot_be_combined_costs_one_plain_request(
        self, answer: FileAnswer | Answer, machine: Machine, http_server: FaultServer
    ) -> None:
        http_server.plays(PATH, CUT, answer, FILE)

        outcome = machine.download(hashed(http_server.url(PATH), CONTENT))

        assert outcome.content == CONTENT
        assert http_server.asked_ranges(PATH) == [None, f"bytes={HELD}-", None]
        assert len(outcome.told.reasons) == 1
        assert machine.left_in_store() == []
        entry = machine.entry(http_server.url(PATH))
        assert entry is not None
        assert entry[0] == CONTENT

    @pytest.mark.parametrize("answer", NOT_A_REST)
    def test_an_answer_that_cannot_be_used_costs_nothing_that_is_held(
        self, answer: FileAnswer | Answer, machine: Machine, http_server: FaultServer
    ) -> None:
        http_server.plays(PATH, CUT, answer, replace(FILE, cut_after=1000, then=Then.CLOSE))
        link = hashed(http_server.url(PATH), CONTENT)

        machine.interrupted(link)
        machine.interrupted(link)

        assert machine.kept(link) == CONTENT[:HELD]

    def test_another_entity_tag_is_for_the_digest_to_judge(self, machine: Machine, http_server: FaultServer) -> None:
        http_server.plays(PATH, CUT, replace(FILE, etag='"of another node"'))

        outcome = machine.download(hashed(http_server.url(PATH), CONTENT))

        assert outcome.content == CONTENT
        assert http_server.sent(PATH) == SIZE

    def test_no_complete_length_in_the_rest_is_no_harm(self, machine: Machine, http_server: FaultServer) -> None:
        http_server.plays(PATH, CUT, replace(FILE, fields={"Content-Range": "bytes {first}-{last}/*"}))

        outcome = machine.download(hashed(http_server.url(PATH), CONTENT))

        assert outcome.content == CONTENT
        assert http_server.sent(PATH) == SIZE

    def test_an_early_start_is_compared_and_appended(self, machine: Machine, http_server: FaultServer) -> None:
        http_server.plays(PATH, CUT, replace(FILE, shift=-5000))

        outcome = machine.download(hashed(http_server.url(PATH), CONTENT))

        assert outcome.content == CONTENT
        assert http_server.asked_ranges(PATH) == [None, f"bytes={HELD}-"]
        assert http_server.fetched_twice(PATH) == 5000

    def test_an_early_start_with_other_bytes_starts_over(self, machine: Machine, http_server: FaultServer) -> None:
        http_server.plays(PATH, CUT, replace(FILE, shift=-5000, flips=(HELD - 1,)), FILE)

        outcome = machine.download(hashed(http_server.url(PATH), CONTENT))

        assert outcome.content == CONTENT
        assert http_server.asked_ranges(PATH) == [None, f"bytes={HELD}-", None]
        assert len(outcome.told.reasons) == 1

    def test_a_server_that_sends_piece_by_piece_is_asked_for_the_next(
        self, machine: Machine, http_server: FaultServer
    ) -> None:
        piece = Answer(206, {"Content-Range": f"bytes {HELD}-{HELD + 99_999}/{SIZE}"}, CONTENT[HELD : HELD + 100_000])
        http_server.plays(PATH, CUT, piece, FILE)

        outcome = machine.download(hashed(http_server.url(PATH), CONTENT))

        assert outcome.content == CONTENT
        assert http_server.asked_ranges(PATH) == [None, f"bytes={HELD}-", f"bytes={HELD + 100_000}-"]
        assert http_server.sent(PATH) == SIZE

    def test_pieces_of_a_file_whose_length_nobody_tells_are_put_together(
        self, machine: Machine, http_server: FaultServer
    ) -> None:
        piece = Answer(206, {"Content-Range": f"bytes {HELD}-{HELD + 99_999}/*"}, CONTENT[HELD : HELD + 100_000])
        http_server.plays(PATH, CUT, piece, FILE)

        outcome = machine.download(hashed(http_server.url(PATH), CONTENT))

        assert outcome.content == CONTENT
        assert http_server.asked_ranges(PATH) == [None, f"bytes={HELD}-", f"bytes={HELD + 100_000}-"]
        assert http_server.sent(PATH) == SIZE

    @pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 520, 527])
    def test_a_busy_server_is_asked_again_and_nothing_is_lost(
        self, status: int, machine: Machine, http_server: FaultServer
    ) -> None:
        http_server.plays(PATH, CUT, Answer(status, {"Retry-After": "7"}, b"busy"), FILE)

        outcome = machine.download(hashed(http_server.url(PATH), CONTENT))

        assert outcome.content == CONTENT
        assert http_server.asked_ranges(PATH) == [None, f"bytes={HELD}-", f"bytes={HELD}-"]
        assert http_server.sent(PATH) == SIZE
        assert outcome.slept_s == 7


class TestAcrossRuns:
    def test_the_overlap_is_asked_for_and_the_rest_appended(self, machine: Machine, http_server: FaultServer) -> None:
        http_server.plays(PATH, CUT, FILE)
        link = hashed(http_server.url(PATH), CONTENT)
        machine.interrupted(link)
        assert machine.kept(link) == CONTENT[:HELD]

        outcome = machine.download(link)

        assert outcome.content == CONTENT
        assert http_server.asked_ranges(PATH) == [None, f"bytes={HELD - OVERLAP_BYTES}-"]
        assert http_server.fetched_twice(PATH) == OVERLAP_BYTES
        assert outcome.told.saved == [HELD - OVERLAP_BYTES]
        assert machine.left_in_store() == []

    def test_the_overlap_is_asked_for_once(self, machine: Machine, http_server: FaultServer) -> None:
        http_server.plays(PATH, CUT, replace(FILE, cut_after=OVERLAP_BYTES + 50_000, then=Then.CLOSE), FILE)
        link = hashed(http_server.url(PATH), CONTENT)
        machine.interrupted(link)

        outcome = machine.download(link)

        assert outcome.content == CONTENT
        assert http_server.asked_ranges(PATH)[1:] == [f"bytes={HELD - OVERLAP_BYTES}-", f"bytes={HELD + 50_000}-"]

    def test_a_file_that_has_changed_is_noticed_before_the_rest_of_it_is_downloaded(
        self, machine: Machine, http_server: FaultServer
    ) -> None:
        link = hashed(http_server.url(PATH), CONTENT)
        http_server.plays(PATH, replace(CUT, content=OTHER))
        machine.interrupted(link)
        http_server.plays(PATH, FILE)
        http_server.forget()

        outcome = machine.download(link)

        assert outcome.content == CONTENT
        assert http_server.asked_ranges(PATH) == [f"bytes={HELD - OVERLAP_BYTES}-", None]
        # One block at most shows the difference.
        assert http_server.requests(PATH)[0].sent <= SIZE - HELD + OVERLAP_BYTES
        assert len(outcome.told.reasons) == 1

    def test_a_partial_that_is_whole_needs_no_request(self, machine: Machine, http_server: FaultServer) -> None:
        http_server.plays(PATH, CUT)
        link = hashed(http_server.url(PATH), CONTENT)
        machine.interrupted(link)
        machine.part(link).write_bytes(CONTENT)
        http_server.forget()

        outcome = machine.download(link)

        assert (outcome.content, outcome.content_type) == (CONTENT, "application/octet-stream")
        assert http_server.requests(PATH) == []
        assert machine.entry(http_server.url(PATH)) is not None

    def test_416_at_the_end_of_a_file_without_known_length_is_the_end(
        self, machine: Machine, http_server: FaultServer
    ) -> None:
        unsized = replace(FILE, fields={"Content-Length": None, "Connection": "close"})
        http_server.plays(PATH, replace(unsized, cut_after=HELD, then=Then.CLOSE), Answer(404))
        link = hashed(http_server.url(PATH), CONTENT)
        machine.interrupted(link)
        machine.part(link).write_bytes(CONTENT)
        http_server.plays(PATH, Answer(416, {"Content-Range": f"bytes */{SIZE}"}))
        http_server.forget()

        outcome = machine.download(link)

        assert outcome.content == CONTENT
        assert http_server.statuses(PATH) == [416]

    @pytest.mark.parametrize("status", [401, 403, 404, 410, 451])
    def test_a_refusal_is_as_pip_says_it_and_costs_no_bytes(
        self, status: int, machine: Machine, http_server: FaultServer
    ) -> None:
        http_server.plays(PATH, CUT, Answer(status))
        link = hashed(http_server.url(PATH), CONTENT)
        machine.interrupted(link)

        refused = machine.refused(link)

        assert f"{status} Client Error" in refused
        assert machine.kept(link) == CONTENT[:HELD]

    def test_each_lost_line_costs_no_byte(self, machine: Machine, http_server: FaultServer) -> None:
        http_server.plays(PATH, replace(CUT, cut_after=300_000))
        link = hashed(http_server.url(PATH), CONTENT)

        machine.interrupted(link)
        machine.interrupted(link)
        machine.interrupted(link)
        outcome = machine.download(link)

        assert outcome.content == CONTENT
        # Each later run asks for the overlap first.
        assert http_server.fetched_twice(PATH) == 3 * OVERLAP_BYTES
