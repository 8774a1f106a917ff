"""The responses of the fault server: files, scripts and framings."""

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
    def test_a_file_is_served_completely_and_by_range(self, fault_server: FaultServer, client: Client) -> None:
        fault_server.plays("/f", FILE)

        full, rest = client.get(fault_server.url("/f")), client.get(fault_server.url("/f"), Range="bytes=40000-")

        assert (full.status, full.data, full.headers["ETag"]) == (200, CONTENT, ETAG)
        assert (rest.status, rest.data) == (206, CONTENT[40000:])
        assert rest.headers["Content-Range"] == "bytes 40000-49999/50000"
        assert fault_server.asked_ranges("/f") == [None, "bytes=40000-"]
        assert fault_server.sent("/f") == 60_000
        assert fault_server.fetched_twice("/f") == 10_000
        assert fault_server.connections == 1

    @pytest.mark.parametrize(
        ("fields", "status"),
        [
            pytest.param({"Range": "bytes=10-19"}, 206, id="closed range"),
            pytest.param({"Range": "bytes=-10"}, 206, id="suffix range"),
            pytest.param({"Range": "bytes=50000-"}, 416, id="a range that starts at the end"),
            pytest.param({"Range": "bytes=10-", "If-Range": ETAG}, 206, id="If-Range with the ETag"),
            pytest.param({"Range": "bytes=10-", "If-Range": '"v0"'}, 200, id="If-Range with a different ETag"),
            pytest.param({"Range": "bytes=10-", "If-Range": MODIFIED}, 206, id="If-Range with the date"),
            pytest.param({"If-None-Match": ETAG}, 304, id="If-None-Match with the ETag"),
            pytest.param({"If-None-Match": '"v0"'}, 200, id="If-None-Match with a different ETag"),
            pytest.param({"If-Modified-Since": MODIFIED}, 304, id="If-Modified-Since"),
        ],
    )
    def test_both_servers_send_the_same_response(
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

    def test_a_weak_etag_never_matches_if_range(self, http_server: FaultServer, client: Client) -> None:
        http_server.plays("/f", replace(FILE, etag='W/"v1"'))

        assert client.get(http_server.url("/f"), Range="bytes=1-", If_Range='W/"v1"').status == 200

    @pytest.mark.parametrize(
        ("answer", "status", "content_range", "body"),
        [
            pytest.param(replace(FILE, ranges=False), 200, None, CONTENT, id="no ranges"),
            pytest.param(
                replace(FILE, fields={"Content-Range": None}), 206, None, CONTENT[100:], id="no Content-Range"
            ),
            pytest.param(replace(FILE, shift=5), 206, "bytes 105-49999/50000", CONTENT[105:], id="starts too late"),
            pytest.param(replace(FILE, shift=-5), 206, "bytes 95-49999/50000", CONTENT[95:], id="starts too early"),
            pytest.param(
                replace(FILE, partial_status=200), 200, "bytes 100-49999/50000", CONTENT[100:], id="200 with a part"
            ),
            pytest.param(
                replace(FILE, fields={"Content-Range": "bytes {first}-{last}/60000"}),
                206,
                "bytes 100-49999/60000",
                CONTENT[100:],
                id="different complete-length",
            ),
            pytest.param(
                replace(FILE, flips=(100, 7)),
                206,
                "bytes 100-49999/50000",
                bytes([CONTENT[100] ^ 0xFF]) + CONTENT[101:],
                id="wrong byte",
            ),
        ],
    )
    def test_the_response_to_a_range_deviates_as_the_script_says(
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

    def test_a_range_can_be_sent_as_multipart(self, http_server: FaultServer, client: Client) -> None:
        http_server.plays("/f", replace(FILE, multipart=True))

        response = client.get(http_server.url("/f"), Range="bytes=100-")

        assert response.headers["Content-Type"].startswith("multipart/byteranges")
        assert "Content-Range" not in response.headers
        assert b"Content-Range: bytes 100-49999/50000\r\n\r\n" + CONTENT[100:] in response.data


class TestScripts:
    def test_the_responses_are_sent_in_order_and_the_last_one_repeats(
        self, http_server: FaultServer, client: Client
    ) -> None:
        http_server.plays("/f", Answer(503, {"Retry-After": "1"}), Answer(404, body=b"gone"))

        assert [client.get(http_server.url("/f")).status for _ in range(3)] == [503, 404, 404]
        assert http_server.statuses("/f") == [503, 404, 404]

    def test_head_gets_no_body_and_uses_no_response_up(self, http_server: FaultServer, client: Client) -> None:
        http_server.plays("/f", FILE, Answer(404))

        head = client.pool.request("HEAD", http_server.url("/f"))

        assert (head.status, head.headers["Content-Length"], head.data) == (200, "50000", b"")
        assert client.get(http_server.url("/f")).status == 200

    def test_a_path_without_a_script_gets_a_404(self, http_server: FaultServer, client: Client) -> None:
        assert client.get(http_server.url("/nothing")).status == 404

    def test_a_script_can_be_for_a_path_with_a_query(self, http_server: FaultServer, client: Client) -> None:
        http_server.plays("/f", Answer(404))
        http_server.plays("/f?signed", Answer(200, body=b"yes"))

        assert client.get(http_server.url("/f?signed")).data == b"yes"
        assert len(http_server.requests("/f")) == len(http_server.requests("/f?signed")) == 1

    def test_a_cut_body_needs_an_end_of_the_connection(self) -> None:
        with pytest.raises(ValueError, match="cut_after needs a `then`"):
            FileAnswer(CONTENT, cut_after=1)

    def test_tls_errors_need_a_server_with_tls(self, http_server: FaultServer) -> None:
        with pytest.raises(ValueError, match="need a server with TLS"):
            http_server.plays("/f", replace(FILE, cut_after=1, then=Then.BAD_MAC))

    def test_a_range_shorter_than_the_cut_is_not_cut(self, http_server: FaultServer, client: Client) -> None:
        http_server.plays("/f", replace(FILE, cut_after=20_000, then=Then.RESET))

        assert client.get(http_server.url("/f"), Range="bytes=40000-").data == CONTENT[40000:]


class TestFramings:
    @pytest.mark.parametrize("framing", [Framing.CHUNKED, Framing.UNTIL_CLOSE])
    def test_a_body_can_be_sent_without_a_length(
        self, framing: Framing, fault_server: FaultServer, client: Client
    ) -> None:
        fault_server.plays("/f", replace(FILE, framing=framing))

        response = client.get(fault_server.url("/f"))

        assert response.data == CONTENT
        assert "Content-Length" not in response.headers

    @pytest.mark.parametrize("framing", [Framing.UNFINISHED_CHUNKS, Framing.BROKEN_CHUNKS])
    def test_chunks_can_be_broken(self, framing: Framing, http_server: FaultServer, client: Client) -> None:
        http_server.plays("/f", replace(FILE, framing=framing))

        with pytest.raises(urllib3.exceptions.HTTPError):
            client.read(http_server.url("/f"))
        assert client.received == CONTENT

    def test_a_close_delimited_body_cut_short_looks_complete(self, http_server: FaultServer, client: Client) -> None:
        http_server.plays("/f", replace(FILE, framing=Framing.UNTIL_CLOSE, cut_after=123, then=Then.CLOSE))

        assert client.get(http_server.url("/f")).data == CONTENT[:123]
