"""Which errors count as a lost connection, so that the rest is requested again, and which are final; and their words.

The errors are real ones, nested as requests and urllib3 nest them, and go through pip's own session: some versions of
pip wrap them once more.
"""

from __future__ import annotations

import errno
import http.client
import io
import socket
import ssl
from typing import Any

import pytest
from integration.machine import DOWNLOAD_MODULE, artifact_of
from pip._internal.models.link import Link
from pip._internal.network.session import PipSession
from pip._vendor.requests import Response
from pip._vendor.requests import exceptions as requests_errors
from pip._vendor.requests.adapters import BaseAdapter
from pip._vendor.urllib3 import HTTPConnectionPool, HTTPResponse
from pip._vendor.urllib3 import connection as urllib3_connection
from pip._vendor.urllib3 import exceptions as urllib3_errors
from pip._vendor.urllib3.util import parse_url

from pip_resume.errors import ConnectionLost, NoResponse, PipError
from pip_resume.inside_pip.transport import PipResponse, PipTransport, head_of

SECRET = "s3cret"
URL = f"https://user:{SECRET}@files.example/f-1.0.tar.gz?token={SECRET}"
POOL = HTTPConnectionPool("files.example")
PROXIED = HTTPConnectionPool("files.example", _proxy=parse_url("http://proxy.example:3128"))


def with_context(outer: Exception, inner: Exception) -> Exception:
    """Return the outer error as if it had been raised while the inner one was handled."""
    outer.__context__ = inner
    return outer


def exhausted(reason: Exception, pool: HTTPConnectionPool = POOL) -> Exception:
    """Return what urllib3 raises when it has no retries left."""
    return urllib3_errors.MaxRetryError(pool, URL, reason)


def cannot_connect(reason: OSError) -> Exception:
    connection: Any = urllib3_connection.HTTPConnection("files.example")
    made = urllib3_errors.NewConnectionError(connection, f"Failed to establish a new connection: {reason}")
    return requests_errors.ConnectionError(exhausted(with_context(made, reason)))


def aborted(reason: Exception) -> Exception:
    return requests_errors.ConnectionError(urllib3_errors.ProtocolError("Connection aborted.", reason))


def under_tls(reason: Exception) -> Exception:
    return requests_errors.SSLError(exhausted(urllib3_errors.SSLError(reason)))


def at_proxy(reason: Exception) -> Exception:
    return requests_errors.ProxyError(exhausted(urllib3_errors.ProxyError("Cannot connect to proxy.", reason), PROXIED))


def timed_out_connecting() -> Exception:
    connection: Any = urllib3_connection.HTTPConnection("files.example")
    reason = urllib3_errors.ConnectTimeoutError(connection, "Connection to files.example timed out.")
    return requests_errors.ConnectTimeout(exhausted(with_context(reason, socket.timeout("timed out"))))


def timed_out_reading() -> urllib3_errors.ReadTimeoutError:
    return urllib3_errors.ReadTimeoutError(POOL, URL, "Read timed out. (read timeout=15)")


def tls_error() -> ssl.SSLError:
    """Return the error of OpenSSL for bytes that are not a TLS record. Only OpenSSL can set its reason."""
    arriving = ssl.MemoryBIO()
    arriving.write(b"HTTP/1.1 502 this is not a TLS record\r\n\r\n")
    try:
        ssl.create_default_context().wrap_bio(arriving, ssl.MemoryBIO(), server_hostname="files.example").do_handshake()
    except ssl.SSLError as error:
        return error
    raise AssertionError("OpenSSL accepted these bytes")


class FailingAdapter(BaseAdapter):
    """Raises the same error for every request."""

    def __init__(self, error: Exception) -> None:
        super().__init__()  # type: ignore[no-untyped-call, unused-ignore]
        self._error = error

    def send(self, *_: Any, **__: Any) -> Any:
        raise self._error

    def close(self) -> None:
        """Nothing is open."""


def request_rest(error: Exception) -> None:
    """Request the rest of a file through pip's session, while every request raises this error."""
    session = PipSession()
    session.timeout = 15
    session.mount("https://", FailingAdapter(error))  # type: ignore[no-untyped-call, unused-ignore]
    link = Link(URL)
    PipTransport(DOWNLOAD_MODULE, session, link, artifact_of(link)).get({"Range": "bytes=1000-"})


WITHOUT_RESPONSE = [
    pytest.param(lambda: cannot_connect(ConnectionRefusedError(111, "no")), "connection refused", id="refused"),
    pytest.param(lambda: cannot_connect(socket.gaierror(-2, "?")), "the host name cannot be resolved", id="DNS"),
    pytest.param(
        lambda: cannot_connect(OSError(errno.ENETUNREACH, "no")), "the network cannot be reached", id="no network"
    ),
    pytest.param(
        lambda: cannot_connect(OSError(errno.EHOSTUNREACH, "no")), "the host cannot be reached", id="no route"
    ),
    pytest.param(lambda: cannot_connect(OSError(errno.EADDRNOTAVAIL, "no")), "cannot connect", id="no free port"),
    pytest.param(timed_out_connecting, "connecting timed out", id="no response to SYN"),
    pytest.param(lambda: requests_errors.ReadTimeout(timed_out_reading()), "read timed out", id="timeout"),
    pytest.param(lambda: aborted(ConnectionResetError(104, "reset")), "reset by peer", id="reset"),
    pytest.param(
        lambda: aborted(http.client.RemoteDisconnected("Remote end closed connection without response")),
        "closed without a response",
        id="closed before the status line",
    ),
    pytest.param(lambda: aborted(BrokenPipeError(32, "pipe")), "closed early", id="closed during the request"),
    pytest.param(lambda: aborted(http.client.BadStatusLine(SECRET)), "invalid HTTP response", id="no status line"),
    pytest.param(
        lambda: aborted(http.client.LineTooLong("header line")), "invalid HTTP response", id="field line too long"
    ),
    pytest.param(lambda: under_tls(tls_error()), "TLS: wrong version number", id="not TLS"),
    pytest.param(lambda: under_tls(ssl.SSLEOFError(8, "EOF")), "closed early", id="end during the handshake"),
    pytest.param(lambda: under_tls(ssl.SSLError("unknown")), "TLS error", id="TLS error without a reason"),
    pytest.param(
        lambda: at_proxy(with_context(OSError("proxy"), ConnectionRefusedError(111, "no"))),
        "proxy: connection refused",
        id="proxy refused",
    ),
    pytest.param(
        lambda: at_proxy(OSError(f"Tunnel connection failed: 407 {SECRET}")),
        "the proxy answered 407",
        id="proxy refuses CONNECT",
    ),
    pytest.param(lambda: at_proxy(OSError(f"Tunnel failed: {SECRET}")), "the proxy failed", id="proxy cannot connect"),
    pytest.param(lambda: at_proxy(socket.gaierror(-2, "?")), "proxy: the host name cannot be resolved", id="proxy DNS"),
    pytest.param(lambda: requests_errors.ConnectionError(SECRET), "ConnectionError", id="unknown error"),
    pytest.param(
        lambda: requests_errors.ChunkedEncodingError(SECRET), "ChunkedEncodingError", id="broken chunks of a redirect"
    ),
    pytest.param(lambda: http.client.HTTPException(SECRET), "invalid HTTP response", id="bare http.client error"),
    pytest.param(lambda: ConnectionResetError(104, "reset"), "reset by peer", id="bare socket error"),
    pytest.param(tls_error, "TLS: wrong version number", id="bare TLS error"),
    pytest.param(
        lambda: with_context(AssertionError(), ConnectionResetError()),
        "reset by peer",
        id="an error of pip while it handles a reset",
    ),
    pytest.param(lambda: urllib3_errors.ClosedPoolError(POOL, "closed"), "ClosedPoolError", id="bare urllib3 error"),
]


@pytest.mark.parametrize(("make", "words"), WITHOUT_RESPONSE)
def test_a_request_without_a_response_counts_as_a_lost_connection(make: Any, words: str) -> None:
    with pytest.raises(NoResponse) as caught:
        request_rest(make())

    text = str(caught.value)
    # pip 26.2 and newer raise an error of their own, whose class is named if nothing else is known.
    assert text == words or (words == "ConnectionError" and text == "ConnectionFailedError")
    assert SECRET not in text


NOT_SENT = [
    "connection refused",
    "the host name cannot be resolved",
    "the network cannot be reached",
    "the host cannot be reached",
    "cannot connect",
    "connecting timed out",
]


@pytest.mark.parametrize(("make", "words"), WITHOUT_RESPONSE)
def test_an_error_tells_whether_the_request_was_sent(make: Any, words: str) -> None:
    """A request that was not sent says nothing about what the server does with a Range."""
    with pytest.raises(NoResponse) as caught:
        request_rest(make())

    assert caught.value.was_sent is (words not in NOT_SENT)
    assert caught.value.was_silent is (words == "read timed out")


WRONG_CERTIFICATE = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed")
ABOUT_CERTIFICATES = [
    pytest.param(lambda: under_tls(WRONG_CERTIFICATE), id="certificate that is not trusted"),
    pytest.param(
        lambda: under_tls(urllib3_connection.CertificateError("hostname 'a' doesn't match 'b'")),  # type: ignore[attr-defined, unused-ignore]
        id="certificate of a different host, error of urllib3",
    ),
    pytest.param(
        lambda: under_tls(ssl.SSLError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] self signed certificate")),
        id="certificate error of which only the text is left",
    ),
    pytest.param(lambda: at_proxy(WRONG_CERTIFICATE), id="certificate of the proxy"),
    pytest.param(lambda: WRONG_CERTIFICATE, id="bare certificate error"),
]
FINAL = [
    pytest.param(lambda: requests_errors.TooManyRedirects("30"), id="too many redirects"),
    pytest.param(lambda: requests_errors.InvalidURL("?"), id="redirect to an invalid URL"),
    pytest.param(lambda: requests_errors.InvalidSchema("gopher:"), id="redirect to a different scheme"),
    pytest.param(lambda: KeyError("keyring"), id="error that is not of the network"),
    pytest.param(lambda: requests_errors.InvalidHeader("?"), id="field that must not be sent"),
]


@pytest.mark.parametrize("make", ABOUT_CERTIFICATES)
def test_a_wrong_certificate_of_a_host_that_was_never_verified_has_the_limits_and_the_error_of_pip(make: Any) -> None:
    error = make()

    with pytest.raises(NoResponse) as caught:
        request_rest(error)

    assert (caught.value.is_for_pip, caught.value.is_unverified, caught.value.was_sent) == (True, True, False)
    assert caught.value.error is error or (caught.value.error and caught.value.error.__context__ is error)


@pytest.mark.parametrize("make", FINAL)
def test_an_error_that_a_retry_cannot_cure_is_left_to_pip(make: Any) -> None:
    error = make()

    with pytest.raises(PipError) as caught:
        request_rest(error)

    # The same error, or the one that this pip raises in its place.
    assert caught.value.cause is error or caught.value.cause.__context__ is error


class BrokenBody(io.RawIOBase):
    """A body that raises an error after 10 bytes."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error
        self._sent = False

    def readable(self) -> bool:
        return True

    def read(self, _size: int | None = -1) -> bytes:
        if self._sent:
            raise self._error
        self._sent = True
        return b"0123456789"


def response_with(body: io.RawIOBase) -> PipResponse:
    response = Response()
    response.status_code = 206
    response.headers["Content-Range"] = "bytes 0-99/100"
    response.raw = HTTPResponse(body, preload_content=False, decode_content=False)  # type: ignore[arg-type, unused-ignore]
    return PipResponse(response, head_of(response), timeout_s=15)


IN_BODY = [
    pytest.param(lambda: ConnectionResetError(104, "reset"), "reset by peer", id="reset"),
    pytest.param(lambda: http.client.IncompleteRead(b"", 90), "closed early", id="early end"),
    pytest.param(lambda: socket.timeout("timed out"), "read timed out", id="timeout"),
    pytest.param(tls_error, "TLS: wrong version number", id="bad TLS record"),
    pytest.param(lambda: ssl.SSLEOFError(8, "EOF"), "closed early", id="end without close_notify"),
    pytest.param(lambda: OSError(errno.ENETDOWN, "down"), "the network is down", id="network down"),
    pytest.param(lambda: ValueError(SECRET), "ValueError", id="unknown error"),
    pytest.param(
        lambda: AttributeError("'NoneType' object has no attribute 'recv'"), "AttributeError", id="error inside urllib3"
    ),
    pytest.param(lambda: urllib3_errors.HTTPError(SECRET), "HTTPError", id="unknown error of urllib3"),
    pytest.param(MemoryError, "MemoryError", id="out of memory"),
]


@pytest.mark.parametrize(("make", "words"), IN_BODY)
def test_any_error_in_a_body_counts_as_a_lost_connection(make: Any, words: str) -> None:
    response = response_with(BrokenBody(make()))
    assert response.read(10) == b"0123456789"

    with pytest.raises(ConnectionLost) as caught:
        response.read(10)

    assert str(caught.value) == words
    assert not isinstance(caught.value, NoResponse)


def test_ctrl_c_in_a_body_does_not_count_as_a_lost_connection() -> None:
    class InterruptedBody(BrokenBody):
        def read(self, _size: int | None = -1) -> bytes:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        response_with(InterruptedBody(OSError())).read(10)
