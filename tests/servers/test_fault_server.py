"""How the fault server ends, slows down and refuses connections."""

from __future__ import annotations

import contextlib
import http.client
import socket
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import urllib3
from servers.client import CONNECTION_ERRORS, CONTENT, FILE
from servers.fault_server import Answer, FaultServer, FileAnswer, Greeting, NoResponse, Then

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from servers.client import Client


class TestEndings:
    @pytest.mark.parametrize("then", [Then.CLOSE, Then.DROP, Then.RESET])
    def test_all_bytes_before_the_cut_arrive(self, then: Then, fault_server: FaultServer, client: Client) -> None:
        fault_server.plays("/f", replace(FILE, cut_after=20 * 1024, then=then))

        with pytest.raises(CONNECTION_ERRORS):
            client.read(fault_server.url("/f"))
        assert client.received == CONTENT[: 20 * 1024]
        assert fault_server.sent("/f") == 20 * 1024

    @pytest.mark.parametrize("then", [Then.GARBAGE_TLS, Then.BAD_MAC])
    def test_a_tls_error_comes_after_the_bytes(self, then: Then, https_server: FaultServer, client: Client) -> None:
        https_server.plays("/f", replace(FILE, cut_after=20 * 1024, then=then))

        with pytest.raises(CONNECTION_ERRORS, match=r"(?i)ssl|record|version"):
            client.read(https_server.url("/f"))
        assert len(client.received) > 15_000
        assert CONTENT.startswith(client.received)

    def test_the_client_sees_a_reset(self, http_server: FaultServer) -> None:
        http_server.plays("/f", replace(FILE, cut_after=100, then=Then.RESET))
        connection = http.client.HTTPConnection("127.0.0.1", http_server.port)
        connection.request("GET", "/f")
        with connection.getresponse() as response, pytest.raises(ConnectionResetError):
            response.read()
        connection.close()

    def test_a_silent_connection_stays_open_until_the_client_closes_it(
        self, fault_server: FaultServer, client: Client
    ) -> None:
        fault_server.plays("/f", replace(FILE, cut_after=100, then=Then.STALL))
        client.pool.connection_pool_kw["timeout"] = 0.3

        with pytest.raises(urllib3.exceptions.ReadTimeoutError):
            client.read(fault_server.url("/f"))

    @pytest.mark.parametrize("then", [Then.CLOSE, Then.RESET])
    def test_a_request_can_get_no_response(self, then: Then, fault_server: FaultServer, client: Client) -> None:
        fault_server.plays("/f", NoResponse(then))

        with pytest.raises(urllib3.exceptions.ProtocolError):
            client.get(fault_server.url("/f"))
        assert fault_server.statuses("/f") == [None]


class TestSpeed:
    def test_a_body_is_sent_at_its_rate(self, fault_server: FaultServer, client: Client) -> None:
        fault_server.plays("/f", replace(FILE, rate=100_000))
        start_s = time.monotonic()

        assert client.get(fault_server.url("/f")).data == CONTENT
        assert 0.4 < time.monotonic() - start_s < 2

    def test_waiting_for_a_number_of_bytes_ends_when_they_are_sent(self, http_server: FaultServer) -> None:
        http_server.plays("/f", replace(FILE, rate=200_000))
        connection = http.client.HTTPConnection("127.0.0.1", http_server.port)
        connection.request("GET", "/f")

        http_server.wait_until_sent("/f", 20_000)

        assert 20_000 <= http_server.sent("/f") < 40_000
        connection.getresponse().close()
        connection.close()

    def test_waiting_for_bytes_that_are_not_sent_ends_with_a_timeout(self, http_server: FaultServer) -> None:
        with pytest.raises(TimeoutError, match="0 of 1 bytes"):
            http_server.wait_until_sent("/f", 1, timeout_s=0.05)

    def test_bytes_that_the_client_has_not_received_are_not_counted(self, http_server: FaultServer) -> None:
        http_server.plays("/f", FileAnswer(bytes(20_000_000)))
        with socket.create_connection(("127.0.0.1", http_server.port)) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            client.sendall(b"GET /f HTTP/1.1\r\n\r\n")
            http_server.wait_until_sent("/f", 1)
            time.sleep(0.1)

        assert http_server.sent("/f") < 8_000_000

    def test_a_response_can_be_delayed(self, http_server: FaultServer, client: Client) -> None:
        http_server.plays("/f", Answer(200, delay_s=0.2))
        start_s = time.monotonic()

        client.get(http_server.url("/f"))

        assert time.monotonic() - start_s >= 0.2


class TestConnections:
    @pytest.mark.parametrize(
        ("greeting", "outcome"),
        [
            pytest.param(Greeting.CLOSE, contextlib.nullcontext(), id="closed"),
            pytest.param(Greeting.RESET, pytest.raises(ConnectionResetError), id="reset"),
            pytest.param(Greeting.HANG, pytest.raises(socket.timeout), id="silent"),
        ],
    )
    def test_a_connection_can_be_closed_reset_or_left_silent(
        self, greeting: Greeting, outcome: AbstractContextManager[None], fault_server: FaultServer, client: Client
    ) -> None:
        fault_server.plays("/f", FILE)
        fault_server.greets(greeting, Greeting.SERVE)

        with outcome, socket.create_connection(("127.0.0.1", fault_server.port), timeout=0.3) as plain:
            plain.send(b"G")
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

    def test_a_script_can_refuse_connections_for_some_time(self, fault_server: FaultServer, client: Client) -> None:
        fault_server.plays("/f", replace(FILE, cut_after=100, then=Then.RESET, refuse_s=0.4), FILE)

        with pytest.raises(CONNECTION_ERRORS):
            client.read(fault_server.url("/f"))
        with pytest.raises(urllib3.exceptions.NewConnectionError):
            client.get(fault_server.url("/f"))
        time.sleep(0.5)
        assert client.get(fault_server.url("/f")).data == CONTENT

    def test_refusing_connections_closes_idle_ones(self, http_server: FaultServer, client: Client) -> None:
        http_server.plays("/f", FILE)
        client.get(http_server.url("/f"))

        http_server.refuse()

        with pytest.raises(urllib3.exceptions.NewConnectionError):
            client.get(http_server.url("/f"))

    def test_nobody_else_gets_the_port_while_connections_are_refused(self, http_server: FaultServer) -> None:
        http_server.refuse()

        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with pytest.raises(OSError, match="in use"):
                other.bind(("127.0.0.1", http_server.port))

    def test_closing_the_server_ends_a_slow_body(self) -> None:
        with FaultServer() as server:
            server.plays("/f", replace(FILE, rate=10))
            connection = http.client.HTTPConnection("127.0.0.1", server.port)
            connection.request("GET", "/f")
            response = connection.getresponse()
            start_s = time.monotonic()
        assert time.monotonic() - start_s < 2
        response.close()
        connection.close()
