from __future__ import annotations

import contextlib
import http.client
import io
import json
import socket
import ssl
import subprocess
import sys
import tarfile
import time
import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import urllib3
from installer.sources import WheelFile
from servers.fault_server import Answer, FaultServer, FileAnswer, Framing, Greeting, NoAnswer, Then
from servers.index_pages import Artifact, honest, html_page, json_page, make_sdist, make_wheel, noise, publish
from servers.range_server import RangeServer, Redirect, Resource, SignedRedirect

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from servers.certificates import Certificates
    from servers.fixtures import StartNginx

SIZE = 50_000
CONTENT = noise(SIZE, seed=1)
ETAG = '"v1"'
MODIFIED = "Fri, 03 Jan 2020 10:00:00 GMT"
FILE = FileAnswer(CONTENT, etag=ETAG, last_modified=MODIFIED)
BROKEN_LINE = (urllib3.exceptions.HTTPError, OSError)


class Client:
    """urllib3 without retries; what has arrived before an error is kept."""

    def __init__(self, certificates: Certificates) -> None:
        self.pool = urllib3.PoolManager(ca_certs=str(certificates.ca_file), retries=False, timeout=5.0)
        self.received = b""

    def get(self, url: str, **fields: str) -> urllib3.BaseHTTPResponse:
        """The whole answer; names of fields with _ for -."""
        return self.pool.request("GET", url, headers={name.replace("_", "-"): value for name, value in fields.items()})

    def follow(self, url: str, **fields: str) -> urllib3.BaseHTTPResponse:
        """As `get`, after up to three redirects."""
        return self.pool.request("GET", url, headers=fields, retries=3)

    def read(self, url: str) -> None:
        """Read piece by piece into `received`."""
        self.received = b""
        response = self.pool.request("GET", url, preload_content=False)
        for block in response.stream(1024):
            self.received += block


@pytest.fixture
def client(certificates: Certificates) -> Iterator[Client]:
    client = Client(certificates)
    yield client
    client.pool.clear()


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


class TestEndings:
    @pytest.mark.parametrize("then", [Then.CLOSE, Then.DROP, Then.RESET])
    def test_all_bytes_before_the_cut_arrive(self, then: Then, fault_server: FaultServer, client: Client) -> None:
        fault_server.plays("/f", replace(FILE, cut_after=20 * 1024, then=then))

        with pytest.raises(BROKEN_LINE):
            client.read(fault_server.url("/f"))
        assert client.received == CONTENT[: 20 * 1024]
        assert fault_server.sent("/f") == 20 * 1024

    @pytest.mark.parametrize("then", [Then.GARBAGE_TLS, Then.BAD_MAC])
    def test_a_tls_fault_follows_the_bytes(self, then: Then, https_server: FaultServer, client: Client) -> None:
        https_server.plays("/f", replace(FILE, cut_after=20 * 1024, then=then))

        with pytest.raises(BROKEN_LINE, match=r"(?i)ssl|record|version"):
            client.read(https_server.url("/f"))
        assert len(client.received) > 15_000
        assert CONTENT.startswith(client.received)

    def test_a_reset_is_a_reset_on_the_wire(self, http_server: FaultServer) -> None:
        http_server.plays("/f", replace(FILE, cut_after=100, then=Then.RESET))
        connection = http.client.HTTPConnection("127.0.0.1", http_server.port)
        connection.request("GET", "/f")
        with connection.getresponse() as response, pytest.raises(ConnectionResetError):
            response.read()
        connection.close()

    def test_silence_lasts_until_the_client_leaves(self, fault_server: FaultServer, client: Client) -> None:
        fault_server.plays("/f", replace(FILE, cut_after=100, then=Then.STALL))
        client.pool.connection_pool_kw["timeout"] = 0.3

        with pytest.raises(urllib3.exceptions.ReadTimeoutError):
            client.read(fault_server.url("/f"))

    @pytest.mark.parametrize("then", [Then.CLOSE, Then.RESET])
    def test_a_request_may_stay_without_an_answer(self, then: Then, fault_server: FaultServer, client: Client) -> None:
        fault_server.plays("/f", NoAnswer(then))

        with pytest.raises(urllib3.exceptions.ProtocolError):
            client.get(fault_server.url("/f"))
        assert fault_server.statuses("/f") == [None]


class TestPace:
    def test_a_rate_is_kept_to(self, fault_server: FaultServer, client: Client) -> None:
        fault_server.plays("/f", replace(FILE, rate=100_000))
        begun_s = time.monotonic()

        assert client.get(fault_server.url("/f")).data == CONTENT
        assert 0.4 < time.monotonic() - begun_s < 2

    def test_a_test_can_wait_for_a_number_of_bytes(self, http_server: FaultServer) -> None:
        http_server.plays("/f", replace(FILE, rate=200_000))
        connection = http.client.HTTPConnection("127.0.0.1", http_server.port)
        connection.request("GET", "/f")

        http_server.wait_until_sent("/f", 20_000)

        assert 20_000 <= http_server.sent("/f") < 40_000
        connection.getresponse().close()
        connection.close()

    def test_waiting_for_what_never_comes_ends(self, http_server: FaultServer) -> None:
        with pytest.raises(TimeoutError, match="0 of 1 bytes"):
            http_server.wait_until_sent("/f", 1, timeout_s=0.05)

    def test_what_the_client_never_took_is_not_counted(self, http_server: FaultServer) -> None:
        http_server.plays("/f", FileAnswer(bytes(20_000_000)))
        with socket.create_connection(("127.0.0.1", http_server.port)) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            client.sendall(b"GET /f HTTP/1.1\r\n\r\n")
            http_server.wait_until_sent("/f", 1)
            time.sleep(0.1)

        assert http_server.sent("/f") < 8_000_000

    def test_an_answer_can_be_late(self, http_server: FaultServer, client: Client) -> None:
        http_server.plays("/f", Answer(200, delay_s=0.2))
        begun_s = time.monotonic()

        client.get(http_server.url("/f"))

        assert time.monotonic() - begun_s >= 0.2


class TestConnections:
    @pytest.mark.parametrize(
        ("greeting", "met"),
        [
            pytest.param(Greeting.CLOSE, contextlib.nullcontext(), id="closed"),
            pytest.param(Greeting.RESET, pytest.raises(ConnectionResetError), id="reset"),
            pytest.param(Greeting.HANG, pytest.raises(socket.timeout), id="silence"),
        ],
    )
    def test_a_connection_can_be_ill_received(
        self, greeting: Greeting, met: AbstractContextManager[None], fault_server: FaultServer, client: Client
    ) -> None:
        fault_server.plays("/f", FILE)
        fault_server.greets(greeting, Greeting.SERVE)

        with socket.create_connection(("127.0.0.1", fault_server.port), timeout=0.3) as plain, met:
            assert plain.recv(1) == b""
        assert client.get(fault_server.url("/f")).status == 200
        assert fault_server.connections == 2

    def test_connections_are_refused_and_later_accepted_on_the_same_port(self, http_server: FaultServer) -> None:
        port = http_server.port
        http_server.refuse()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))

        http_server.listen_again()

        socket.create_connection(("127.0.0.1", port)).close()

    def test_a_script_can_take_the_server_down_for_a_while(self, fault_server: FaultServer, client: Client) -> None:
        fault_server.plays("/f", replace(FILE, cut_after=100, then=Then.RESET, refuse_s=0.4), FILE)

        with pytest.raises(BROKEN_LINE):
            client.read(fault_server.url("/f"))
        with pytest.raises(urllib3.exceptions.NewConnectionError):
            client.get(fault_server.url("/f"))
        time.sleep(0.5)
        assert client.get(fault_server.url("/f")).data == CONTENT

    def test_refusing_closes_idle_connections(self, http_server: FaultServer, client: Client) -> None:
        http_server.plays("/f", FILE)
        client.get(http_server.url("/f"))

        http_server.refuse()

        with pytest.raises(urllib3.exceptions.NewConnectionError):
            client.get(http_server.url("/f"))

    def test_closing_ends_a_body_that_would_last_for_ever(self) -> None:
        with FaultServer() as server:
            server.plays("/f", replace(FILE, rate=10))
            connection = http.client.HTTPConnection("127.0.0.1", server.port)
            connection.request("GET", "/f")
            response = connection.getresponse()
            begun_s = time.monotonic()
        assert time.monotonic() - begun_s < 2
        response.close()
        connection.close()


class TestCertificates:
    def test_nobody_trusts_the_authority_without_its_file(self, https_server: FaultServer) -> None:
        address = ("127.0.0.1", https_server.port)
        with (
            pytest.raises(ssl.SSLCertVerificationError),
            socket.create_connection(address) as plain,
        ):
            ssl.create_default_context().wrap_socket(plain, server_hostname="localhost")

    def test_a_server_can_ask_for_a_client_certificate(self, certificates: Certificates, client: Client) -> None:
        with FaultServer(certificates.server_context_that_asks_for_a_certificate()) as server:
            server.plays("/f", FILE)
            with pytest.raises(BROKEN_LINE):
                client.get(server.url("/f"))
            client.pool.connection_pool_kw["cert_file"] = str(certificates.client_file)

            assert client.get(server.url("/f")).data == CONTENT


class TestRangeServer:
    def test_credentials_are_asked_for(self, https_range_server: RangeServer, client: Client) -> None:
        https_range_server.holds("/f", Resource(CONTENT))
        https_range_server.requires("user", "secret")

        refused = client.get(https_range_server.url("/f"))
        let_in = client.get(https_range_server.url("/f"), **urllib3.make_headers(basic_auth="user:secret"))

        assert (refused.status, let_in.status) == (401, 200)
        assert refused.headers["WWW-Authenticate"].lower().startswith("basic")

    def test_redirects_are_followed(self, http_range_server: RangeServer, client: Client) -> None:
        http_range_server.holds("/f", Resource(CONTENT))
        http_range_server.holds("/old", Redirect("/f", 301))

        assert client.follow(http_range_server.url("/old")).data == CONTENT

    def test_a_signed_address_is_good_for_one_request(self, http_range_server: RangeServer, client: Client) -> None:
        http_range_server.holds("/f", SignedRedirect(Resource(CONTENT)))
        first = client.follow(http_range_server.url("/f"))

        again = client.get(http_range_server.url(first.geturl() or ""))

        assert (first.data, again.status) == (CONTENT, 403)
        assert client.follow(http_range_server.url("/f"), Range="bytes=9-").data == CONTENT[9:]

    def test_fields_are_sent_as_given_and_bytes_counted(self, http_range_server: RangeServer, client: Client) -> None:
        http_range_server.holds("/f", Resource(CONTENT, fields={"Cache-Control": "no-store", "Vary": "X"}))

        response = client.get(http_range_server.url("/f"), Range="bytes=40000-")

        assert (response.headers["Cache-Control"], response.headers["Vary"]) == ("no-store", "X")
        assert http_range_server.requests("/f")[0].first_pos == 40_000
        assert http_range_server.sent("/f") == 10_000

    def test_the_index_speaks_html_and_json(self, http_range_server: RangeServer, client: Client) -> None:
        artifact = Artifact("spam-1.0.tar.gz", b"content", ("sha256", "md5"))
        http_range_server.publish(artifact)

        page = client.get(http_range_server.url("/simple/spam/"))
        as_json = client.get(http_range_server.url("/simple/spam/"), Accept="application/vnd.pypi.simple.v1+json")

        assert f'href="/files/spam-1.0.tar.gz#sha256={artifact.sha256}"'.encode() in page.data
        assert as_json.json()["files"][0]["hashes"] == artifact.told_hashes()


class TestIndexPages:
    def test_a_wheel_is_right_by_its_record(self, tmp_path: Path) -> None:
        name, content = make_wheel("spam-eggs", "2.0", size=SIZE, seed=3, requires=("ham",))
        (tmp_path / name).write_bytes(content)

        with WheelFile.open(tmp_path / name) as wheel:
            wheel.validate_record()
            assert "Requires-Dist: ham" in wheel.read_dist_info("METADATA")
        assert SIZE < len(content) < SIZE + 2000
        assert make_wheel("spam-eggs", "2.0", size=SIZE, seed=3, requires=("ham",)) == (name, content)
        assert make_wheel("spam-eggs", "2.0", size=SIZE, seed=4) != (name, content)

    def test_an_sdist_builds_itself(self, tmp_path: Path) -> None:
        name, content = make_sdist("spam-eggs", "2.0", size=SIZE)
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            archive.extractall(tmp_path, filter="data")
        source = tmp_path / name[: -len(".tar.gz")]

        built = subprocess.run(
            [sys.executable, "-c", "import backend; print(backend.build_wheel('.'))"],
            check=True, cwd=source, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

        with zipfile.ZipFile(source / built.stdout.strip()) as wheel:
            assert wheel.read("spam_eggs/payload.bin") == noise(SIZE, 0)
        assert make_sdist("spam-eggs", "2.0", size=SIZE) == (name, content)

    def test_pages_claim_what_the_artifact_says(self) -> None:
        bare = Artifact("spam-1.0.tar.gz", b"", hashes=())
        wrong = Artifact("spam-1.0.tar.gz", b"", wrong_hashes={"sha256": "00"}, base_url="https://other.test")
        described = Artifact("spam-1.0-py3-none-any.whl", b"", metadata=b"Name: spam")

        assert b'href="/files/spam-1.0.tar.gz">' in html_page(bare).body
        assert b'href="https://other.test/files/spam-1.0.tar.gz#sha256=00"' in html_page(wrong).body
        assert b"data-core-metadata" in html_page(described).body
        assert json.loads(json_page(described).body)["files"][0]["core-metadata"] == described.told_metadata()

    def test_published_files_are_served_until_scripted(self, http_server: FaultServer, client: Client) -> None:
        artifact = Artifact(*make_wheel("spam"), metadata=b"Name: spam")
        publish(http_server, artifact, page=json_page)
        http_server.plays(artifact.path, Answer(503), honest(artifact))

        assert client.get(http_server.url(artifact.index_path)).headers["Content-Type"].endswith("json")
        assert [client.get(http_server.url(artifact.path)).status for _ in range(2)] == [503, 200]
        assert client.get(http_server.url(artifact.path + ".metadata")).data == b"Name: spam"


class TestNginx:
    def test_ranges_and_if_range(self, nginx_or_skip: StartNginx, client: Client) -> None:
        nginx = nginx_or_skip()
        nginx.write("/f.whl", CONTENT, modified_s=1_600_000_000)
        etag = client.get(nginx.url("/f.whl")).headers["ETag"]

        same = client.get(nginx.url("/f.whl"), Range="bytes=40000-", If_Range=etag)
        nginx.write("/f.whl", CONTENT[::-1], modified_s=1_700_000_000)
        changed = client.get(nginx.url("/f.whl"), Range="bytes=40000-", If_Range=etag)

        assert (same.status, same.data) == (206, CONTENT[40000:])
        assert (changed.status, changed.data) == (200, CONTENT[::-1])
        served = nginx.served("/f.whl")
        assert [(s.status, s.range, s.if_range) for s in served[1:]] == [(n, "bytes=40000-", etag) for n in (206, 200)]

    def test_directives_and_certificates(
        self, nginx_or_skip: StartNginx, certificates: Certificates, client: Client
    ) -> None:
        nginx = nginx_or_skip("max_ranges 0;", certificates)
        nginx.publish(Artifact(*make_wheel("spam")))

        page = client.get(nginx.url("/simple/spam/"), Range="bytes=1-")

        assert nginx.url("/").startswith("https://")
        assert (page.status, b"/files/spam-1.0" in page.data) == (200, True)

    def test_a_wrong_directive_is_reported(self, nginx_or_skip: StartNginx) -> None:
        with pytest.raises(RuntimeError, match="unknown directive"):
            nginx_or_skip("nonsense on;")
