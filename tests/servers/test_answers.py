"""What the fault server answers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import urllib3
from servers.client import CONTENT, ETAG, FILE, MODIFIED
from servers.fault_server import Answer, FaultServer, FileAnswer, Framing, Then
from servers.range_server import RangeServer, Resource

if TYPE_CHECKING:
    from servers.client import Client


class TestFiles:
    def test_a_file_is_served_whole_and_by_range(self, fault_server: FaultServer, client: Client) -> None:
        fault_server.plays("/f", FILE)

        whole, rest = client.get(fault_server.url("/f")), client.get(fault_server.url("/f"), Range="bytes=40000-")

        assert (whole.status, whole.data, whole.headers["ETag"]) == (200, CONTENT, ETAG)
        assert (rest.status, rest.data) == (206, CONTENT[40000:])
        assert rest.headers["Content-Range"] == "bytes 40000-49999/50000"
        assert fault_server.asked_ranges("/f") == [None, "bytes=40000-"]
        assert fault_server.sent("/f") == 60_000
        assert fault_server.fetched_twice("/f") == 10_000
        assert fault_server.connections == 1

    @pytest.mark.parametrize(
        ("fields", "status"),
        [
            pytest.param({"Range": "bytes=10-19"}, 206, id="both ends"),
            pytest.param({"Range": "bytes=-10"}, 206, id="a suffix"),
            pytest.param({"Range": "bytes=50000-"}, 416, id="a range that begins at the end"),
            pytest.param({"Range": "bytes=10-", "If-Range": ETAG}, 206, id="If-Range with the ETag"),
            pytest.param({"Range": "bytes=10-", "If-Range": '"v0"'}, 200, id="If-Range with another ETag"),
            pytest.param({"Range": "bytes=10-", "If-Range": MODIFIED}, 206, id="If-Range with the date"),
            pytest.param({"If-None-Match": ETAG}, 304, id="If-None-Match with the ETag"),
            pytest.param({"If-None-Match": '"v0"'}, 200, id="If-None-Match with another ETag"),
            pytest.param({"If-Modified-Since": MODIFIED}, 304, id="If-Modified-Since"),
        ],
    )
    def test_both_servers_answer_alike(
        self,
        fields: dict[str, str],
        status: int,
        http_server: FaultServer,
        http_range_server: RangeServer,
        client: Client,
    ) -> None:
        http_server.plays("/f", FILE)
        http_range_server.holds("/f", Resource(CONTENT, ETAG, MODIFIED))

        one, other = (client.get(server.url("/f"), **fields) for server in (http_server, http_range_server))

        assert one.status == other.status == status
        assert one.headers.get("Content-Range") == other.headers.get("Content-Range")
        if status < 300:
            assert one.data == other.data

    def test_a_weak_etag_never_fulfils_if_range(self, http_server: FaultServer, client: Client) -> None:
        http_server.plays("/f", replace(FILE, etag='W/"v1"'))

        assert client.get(http_server.url("/f"), Range="bytes=1-", If_Range='W/"v1"').status == 200

    @pytest.mark.parametrize(
        ("answer", "status", "content_range", "body"),
        [
            pytest.param(replace(FILE, ranges=False), 200, None, CONTENT, id="no ranges"),
            pytest.param(
                replace(FILE, fields={"Content-Range": None}), 206, None, CONTENT[100:], id="no Content-Range"
            ),
            pytest.param(replace(FILE, shift=5), 206, "bytes 105-49999/50000", CONTENT[105:], id="begins too late"),
            pytest.param(replace(FILE, shift=-5), 206, "bytes 95-49999/50000", CONTENT[95:], id="begins too early"),
            pytest.param(replace(FILE, partial_status=200), 200, "bytes 100-49999/50000", CONTENT[100:], id="200"),
            pytest.param(
                replace(FILE, fields={"Content-Range": "bytes {first}-{last}/60000"}),
                206,
                "bytes 100-49999/60000",
                CONTENT[100:],
                id="another complete-length",
            ),
            pytest.param(
                replace(FILE, flips=(100, 7)),
                206,
                "bytes 100-49999/50000",
                bytes([CONTENT[100] ^ 0xFF]) + CONTENT[101:],
                id="a wrong byte",
            ),
        ],
    )
    def test_a_range_is_answered_with_the_lie_of_the_script(
        self,
        answer: FileAnswer,
        status: int,
        content_range: str | None,
        body: bytes,
        http_server: FaultServer,
        client: Client,
    ) -> None:
        http_server.plays("/f", answer)

        response = client.get(http_server.url("/f"), Range="bytes=100-")

        assert (response.status, response.headers.get("Content-Range"), response.data) == (status, content_range, body)

    def test_a_range_comes_as_multipart_when_the_script_says_so(self, http_server: FaultServer, client: Client) -> None:
        http_server.plays("/f", replace(FILE, multipart=True))

        response = client.get(http_server.url("/f"), Range="bytes=100-")

        assert response.headers["Content-Type"].startswith("multipart/byteranges")
        assert "Content-Range" not in response.headers
        assert b"Content-Range: bytes 100-49999/50000\r\n\r\n" + CONTENT[100:] in response.data


class TestScripts:
    def test_answers_come_in_turn_and_the_last_repeats(self, http_server: FaultServer, client: Client) -> None:
        http_server.plays("/f", Answer(503, {"Retry-After": "1"}), Answer(404, body=b"gone"))

        assert [client.get(http_server.url("/f")).status for _ in range(3)] == [503, 404, 404]
        assert http_server.statuses("/f") == [503, 404, 404]

    def test_head_sends_no_body_and_uses_no_answer_up(self, http_server: FaultServer, client: Client) -> None:
        http_server.plays("/f", FILE, Answer(404))

        head = client.pool.request("HEAD", http_server.url("/f"))

        assert (head.status, head.headers["Content-Length"], head.data) == (200, "50000", b"")
        assert client.get(http_server.url("/f")).status == 200

    def test_a_path_without_a_script_is_not_found(self, http_server: FaultServer, client: Client) -> None:
        assert client.get(http_server.url("/nothing")).status == 404

    def test_a_script_may_be_for_a_path_with_its_query(self, http_server: FaultServer, client: Client) -> None:
        http_server.plays("/f", Answer(404))
        http_server.plays("/f?signed", Answer(200, body=b"yes"))

        assert client.get(http_server.url("/f?signed")).data == b"yes"
        assert len(http_server.requests("/f")) == len(http_server.requests("/f?signed")) == 1

    def test_a_cut_without_an_end_is_refused(self) -> None:
        with pytest.raises(ValueError, match="STALL is silence"):
            FileAnswer(CONTENT, cut_after=1)

    def test_tls_faults_are_refused_without_tls(self, http_server: FaultServer) -> None:
        with pytest.raises(ValueError, match="need a server with TLS"):
            http_server.plays("/f", replace(FILE, cut_after=1, then=Then.BAD_MAC))

    def test_a_cut_behind_the_end_of_a_range_does_not_happen(self, http_server: FaultServer, client: Client) -> None:
        http_server.plays("/f", replace(FILE, cut_after=20_000, then=Then.RESET))

        assert client.get(http_server.url("/f"), Range="bytes=40000-").data == CONTENT[40000:]


class TestFramings:
    @pytest.mark.parametrize("framing", [Framing.CHUNKED, Framing.UNTIL_CLOSE])
    def test_a_body_needs_no_length(self, framing: Framing, fault_server: FaultServer, client: Client) -> None:
        fault_server.plays("/f", replace(FILE, framing=framing))

        response = client.get(fault_server.url("/f"))

        assert response.data == CONTENT
        assert "Content-Length" not in response.headers

    @pytest.mark.parametrize("framing", [Framing.UNFINISHED_CHUNKS, Framing.BROKEN_CHUNKS])
    def test_chunks_may_end_badly(self, framing: Framing, http_server: FaultServer, client: Client) -> None:
        http_server.plays("/f", replace(FILE, framing=framing))

        with pytest.raises(urllib3.exceptions.HTTPError):
            client.read(http_server.url("/f"))
        assert client.received == CONTENT

    def test_a_close_delimited_body_cut_short_looks_complete(self, http_server: FaultServer, client: Client) -> None:
        http_server.plays("/f", replace(FILE, framing=Framing.UNTIL_CLOSE, cut_after=123, then=Then.CLOSE))

        assert client.get(http_server.url("/f")).data == CONTENT[:123]
