"""How the fault server ends, paces and refuses connections."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import urllib3
from servers.client import BROKEN_LINE, CONTENT, FILE
from servers.fault_server import Answer, FaultServer, FileAnswer, Greeting, NoResponse, Then

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from servers.certificates import Certificates
    from servers.client import Client


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
        fault_server.plays("/f", NoResponse(then))

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

        with met, socket.create_connection(("127.0.0.1", fault_server.port), timeout=0.3) as plain:
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
