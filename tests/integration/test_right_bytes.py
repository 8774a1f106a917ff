"""Files with a hash: the connection is lost, and then the server answers as the rows of VERDICTS say."""

from __future__ import annotations

from dataclasses import replace

import pytest
from integration.fakes import RecordingDisplay
from integration.machine import ONE_ATTEMPT, Machine
from integration.samples import (
    CONTENT,
    CUT,
    FILE,
    HELD,
    NEXT_RUN_RANGE,
    OTHER_CONTENT,
    PATH,
    REST_RANGE,
    SIZE,
    cut,
    link_with_hash,
    link_with_partial,
)
from servers.fault_server import Answer, FaultServer, FileAnswer, Framing

from pip_resume.errors import GaveUp
from pip_resume.protocol.planning import OVERLAP_BYTES

INVALID = "206 without a valid Content-Range"
# Responses to a request with Range of which nothing can be used, and the row of VERDICTS for each.
UNUSABLE = [
    pytest.param(
        replace(FILE, framing=Framing.CHUNKED, fields={"Content-Range": None}),
        INVALID,
        id="206 without Content-Range and without a length",
    ),
    pytest.param(
        replace(FILE, fields={"Content-Range": "bytes {last}-{first}/{complete}"}),
        INVALID,
        id="206 with an invalid Content-Range",
    ),
    pytest.param(
        replace(FILE, fields={"Content-Range": "items {first}-{last}/{complete}"}),
        INVALID,
        id="206 with a different unit",
    ),
    pytest.param(replace(FILE, shift=1), "206 that starts too late", id="206 that starts too late"),
    pytest.param(replace(FILE, multipart=True), "206 multipart", id="206 multipart"),
    pytest.param(
        FileAnswer(CONTENT + b"more"),
        "206 with a different complete-length",
        id="206 with a different complete-length",
    ),
    pytest.param(
        replace(FILE, fields={"Content-Encoding": "gzip"}),
        "206 with a different content coding",
        id="206 with a different Content-Encoding",
    ),
    pytest.param(
        replace(FILE, ranges=False, fields={"Content-Encoding": "gzip"}),
        "200 with a different content coding",
        id="200 with a different Content-Encoding",
    ),
    pytest.param(replace(FILE, partial_status=200), "200 with a part of the body", id="200 with a Content-Range"),
    pytest.param(
        Answer(416, {"Content-Range": "bytes */7"}), "416 elsewhere", id="416 with a different complete-length"
    ),
    pytest.param(Answer(416), "416 elsewhere", id="416 without Content-Range"),
]
LOOSE = [
    pytest.param("{first}-{last}/{complete}", id="without a unit"),
    pytest.param("bytes={first}-{last}/{complete}", id="with an equals sign"),
    pytest.param("bytes {first} - {last} / {complete}", id="with spaces"),
    pytest.param("bytes {first}-{complete}/{complete}", id="last-pos is the complete-length"),
    pytest.param("bytes {first}-{last}/{last}", id="complete-length too small by one"),
    pytest.param(None, id="missing"),
]


class TestWithinOneRun:
    def test_the_rest_is_requested_and_appended(self, machine: Machine, http_server: FaultServer) -> None:
        http_server.plays(PATH, CUT, FILE)

        outcome = machine.download(link_with_hash(http_server))

        assert outcome.content == CONTENT
        assert http_server.asked_ranges(PATH) == [None, REST_RANGE]
        assert "if-range" not in http_server.requests(PATH)[1].request.fields
        assert (http_server.sent(PATH), http_server.fetched_twice(PATH)) == (SIZE, 0)
        assert machine.files_in_store() == []
        assert machine.cache_entry(http_server.url(PATH)) is not None

    @pytest.mark.parametrize(("response", "row"), UNUSABLE)
    def test_an_unusable_response_costs_one_plain_request(
        self, response: FileAnswer | Answer, row: str, machine: Machine, http_server: FaultServer
    ) -> None:
        http_server.plays(PATH, CUT, response, FILE)

        outcome = machine.download(link_with_hash(http_server))

        assert outcome.content == CONTENT
        assert http_server.asked_ranges(PATH) == [None, REST_RANGE, None]
        # With urllib3 1.26 the body of the first response seems to be complete.
        rows = [name for name in outcome.display.rows if name != "closed early"]
        assert rows[1:] == [row, "200", "complete"]
        assert (len(outcome.display.plain_reasons), outcome.display.restart_reasons) == (1, [])
        assert outcome.elapsed_s == 0
        assert machine.files_in_store() == []
        assert machine.cached_body(http_server.url(PATH)) == CONTENT

    @pytest.mark.parametrize(("response", "row"), UNUSABLE)
    def test_an_unusable_response_costs_no_stored_byte(
        self, response: FileAnswer | Answer, row: str, machine: Machine, http_server: FaultServer
    ) -> None:
        http_server.plays(PATH, CUT, response, cut(FILE, 1000))
        link = link_with_hash(http_server)
        machine.download_partly(link)
        display = RecordingDisplay()

        with pytest.raises(GaveUp):
            machine.download(link, options=ONE_ATTEMPT, display=display)

        assert display.rows[0] == row
        assert machine.stored(link) == CONTENT[:HELD]

    @pytest.mark.parametrize("content_range", LOOSE)
    def test_a_content_range_that_is_not_written_as_the_rfc_says_is_read_if_a_hash_decides(
        self, content_range: str | None, machine: Machine, http_server: FaultServer
    ) -> None:
        """Field report 3.3."""
        http_server.plays(PATH, CUT, replace(FILE, fields={"Content-Range": content_range}))

        outcome = machine.download(link_with_hash(http_server))

        assert outcome.content == CONTENT
        assert http_server.asked_ranges(PATH) == [None, REST_RANGE]
        assert http_server.sent(PATH) == SIZE

    def test_a_rest_with_a_different_etag_is_appended(self, machine: Machine, http_server: FaultServer) -> None:
        http_server.plays(PATH, CUT, replace(FILE, etag='"v2"'))

        outcome = machine.download(link_with_hash(http_server))

        assert outcome.content == CONTENT
        assert http_server.sent(PATH) == SIZE

    def test_a_rest_without_complete_length_is_appended(self, machine: Machine, http_server: FaultServer) -> None:
        http_server.plays(PATH, CUT, replace(FILE, fields={"Content-Range": "bytes {first}-{last}/*"}))

        outcome = machine.download(link_with_hash(http_server))

        assert outcome.content == CONTENT
        assert http_server.sent(PATH) == SIZE

    def test_a_rest_that_starts_too_early_is_compared_and_appended(
        self, machine: Machine, http_server: FaultServer
    ) -> None:
        http_server.plays(PATH, CUT, replace(FILE, shift=-5000))

        outcome = machine.download(link_with_hash(http_server))

        assert outcome.content == CONTENT
        assert http_server.asked_ranges(PATH) == [None, REST_RANGE]
        assert http_server.fetched_twice(PATH) == 5000

    def test_a_rest_that_starts_too_early_with_different_bytes_starts_over(
        self, machine: Machine, http_server: FaultServer
    ) -> None:
        http_server.plays(PATH, CUT, replace(FILE, shift=-5000, flips=(HELD - 1,)), FILE)

        outcome = machine.download(link_with_hash(http_server))

        assert outcome.content == CONTENT
        assert http_server.asked_ranges(PATH) == [None, REST_RANGE, None]
        assert (len(outcome.display.restart_reasons), outcome.display.plain_reasons) == (1, [])

    @pytest.mark.parametrize("complete_length", [str(SIZE), "*"], ids=["with complete-length", "without"])
    def test_after_a_part_of_the_rest_the_next_part_is_requested(
        self, complete_length: str, machine: Machine, http_server: FaultServer
    ) -> None:
        fields = {"Content-Range": f"bytes {HELD}-{HELD + 99_999}/{complete_length}"}
        http_server.plays(PATH, CUT, Answer(206, fields, CONTENT[HELD : HELD + 100_000]), FILE)

        outcome = machine.download(link_with_hash(http_server))

        assert outcome.content == CONTENT
        assert http_server.asked_ranges(PATH) == [None, REST_RANGE, f"bytes={HELD + 100_000}-"]
        assert http_server.sent(PATH) == SIZE

    @pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 520, 527])
    def test_a_busy_server_costs_no_byte(self, status: int, machine: Machine, http_server: FaultServer) -> None:
        http_server.plays(PATH, CUT, Answer(status, {"Retry-After": "7"}, b"busy"), FILE)

        outcome = machine.download(link_with_hash(http_server))

        assert outcome.content == CONTENT
        assert http_server.asked_ranges(PATH) == [None, REST_RANGE, REST_RANGE]
        assert http_server.sent(PATH) == SIZE
        assert outcome.elapsed_s == 7


class TestAcrossRuns:
    def test_the_overlap_is_requested_and_the_rest_appended(self, machine: Machine, http_server: FaultServer) -> None:
        link = link_with_partial(machine, http_server, FILE)
        assert machine.stored(link) == CONTENT[:HELD]

        outcome = machine.download(link)

        assert outcome.content == CONTENT
        assert http_server.asked_ranges(PATH) == [None, NEXT_RUN_RANGE]
        assert http_server.fetched_twice(PATH) == OVERLAP_BYTES
        assert outcome.display.saved == [HELD - OVERLAP_BYTES]
        assert machine.files_in_store() == []

    def test_the_overlap_is_requested_once_in_a_run(self, machine: Machine, http_server: FaultServer) -> None:
        link = link_with_partial(machine, http_server, cut(FILE, OVERLAP_BYTES + 50_000), FILE)

        outcome = machine.download(link)

        assert outcome.content == CONTENT
        assert http_server.asked_ranges(PATH)[1:] == [NEXT_RUN_RANGE, f"bytes={HELD + 50_000}-"]

    def test_a_changed_file_is_noticed_before_its_rest_is_downloaded(
        self, machine: Machine, http_server: FaultServer
    ) -> None:
        link = link_with_hash(http_server)
        http_server.plays(PATH, replace(CUT, content=OTHER_CONTENT))
        machine.download_partly(link)
        http_server.plays(PATH, replace(FILE, rate=2_000_000), FILE)
        http_server.forget()

        outcome = machine.download(link)

        assert outcome.content == CONTENT
        assert http_server.asked_ranges(PATH) == [NEXT_RUN_RANGE, None]
        assert http_server.requests(PATH)[0].sent < SIZE - HELD
        assert (len(outcome.display.plain_reasons), outcome.display.restart_reasons) == (1, [])

    def test_a_complete_partial_needs_no_request(self, machine: Machine, http_server: FaultServer) -> None:
        link = link_with_partial(machine, http_server)
        machine.part_path(link).write_bytes(CONTENT)
        http_server.forget()

        outcome = machine.download(link)

        assert (outcome.content, outcome.content_type) == (CONTENT, "application/octet-stream")
        assert http_server.requests(PATH) == []
        assert machine.cache_entry(http_server.url(PATH)) is not None

    def test_a_416_at_the_offset_means_complete_if_the_length_was_unknown(
        self, machine: Machine, http_server: FaultServer
    ) -> None:
        http_server.plays(PATH, cut(replace(FILE, fields={"Content-Length": None, "Connection": "close"})))
        link = link_with_hash(http_server)
        machine.download_partly(link)
        machine.part_path(link).write_bytes(CONTENT)
        http_server.plays(PATH, Answer(416, {"Content-Range": f"bytes */{SIZE}"}))
        http_server.forget()

        outcome = machine.download(link)

        assert outcome.content == CONTENT
        assert http_server.statuses(PATH) == [416]

    @pytest.mark.parametrize("status", [401, 403, 404, 410, 451])
    def test_a_4xx_is_reported_in_pips_words_and_costs_no_stored_byte(
        self, status: int, machine: Machine, http_server: FaultServer
    ) -> None:
        link = link_with_partial(machine, http_server, Answer(status))

        message = machine.refusal(link)

        assert f"{status} Client Error" in message
        assert machine.stored(link) == CONTENT[:HELD]

    def test_three_interrupted_runs_cost_only_the_overlap_of_each(
        self, machine: Machine, http_server: FaultServer
    ) -> None:
        http_server.plays(PATH, cut(FILE, 300_000))
        link = link_with_hash(http_server)

        machine.download_partly(link)
        machine.download_partly(link)
        machine.download_partly(link)
        outcome = machine.download(link)

        assert outcome.content == CONTENT
        assert http_server.fetched_twice(PATH) == 3 * OVERLAP_BYTES
