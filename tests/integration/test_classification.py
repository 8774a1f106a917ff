"""Which failures are the line's, so that the rest is asked for again, and which are final; and in what words.

The errors are real ones, nested as requests and urllib3 nest them, and go through pip's own session: some pips wrap
them once more.
"""

from __future__ import annotations

import errno
import http.client
import io
import socket
import ssl
from typing import Any

import pytest
from pip._internal.models.link import Link
from pip._internal.network.session import PipSession
from pip._vendor.requests import Response
from pip._vendor.requests import exceptions as of_requests
from pip._vendor.requests.adapters import BaseAdapter
from pip._vendor.urllib3 import HTTPConnectionPool, HTTPResponse
from pip._vendor.urllib3 import connection as urllib3_connection
from pip._vendor.urllib3 import exceptions as of_urllib3
from pip._vendor.urllib3.util import parse_url

from pip_resume.artifact import Artifact
from pip_resume.errors import ConnectionLost, NoResponse, PipError
from pip_resume.inside_pip.transport import PipResponse, PipTransport, head_of

SECRET = "s3cret"
URL = f"https://user:{SECRET}@files.example/f-1.0.tar.gz?token={SECRET}"
POOL = HTTPConnectionPool("files.example")
PROXIED = HTTPConnectionPool("files.example", _proxy=parse_url("http://proxy.example:3128"))


def behind(outer: Exception, inner: Exception) -> Exception:
    """The outer error as if it had been raised while the inner one was handled."""
    outer.__context__ = inner
    return outer


def exhausted(reason: Exception, pool: HTTPConnectionPool = POOL) -> Exception:
    """What urllib3 raises when its own retries are over."""
    return of_urllib3.MaxRetryError(pool, URL, reason)


def cannot_connect(reason: OSError) -> Exception:
    connection: Any = urllib3_connection.HTTPConnection("files.example")
    made = of_urllib3.NewConnectionError(connection, f"Failed to establish a new connection: {reason}")
    return of_requests.ConnectionError(exhausted(behind(made, reason)))


def aborted(reason: Exception) -> Exception:
    return of_requests.ConnectionError(of_urllib3.ProtocolError("Connection aborted.", reason))


def under_tls(reason: Exception) -> Exception:
    return of_requests.SSLError(exhausted(of_urllib3.SSLError(reason)))


def at_proxy(reason: Exception) -> Exception:
    return of_requests.ProxyError(exhausted(of_urllib3.ProxyError("Cannot connect to proxy.", reason), PROXIED))


def timed_out_connecting() -> Exception:
    connection: Any = urllib3_connection.HTTPConnection("files.example")
    reason = of_urllib3.ConnectTimeoutError(connection, "Connection to files.example timed out.")
    return of_requests.ConnectTimeout(exhausted(behind(reason, socket.timeout("timed out"))))


def timed_out_reading() -> of_urllib3.ReadTimeoutError:
    return of_urllib3.ReadTimeoutError(POOL, URL, "Read timed out. (read timeout=15)")


def tls_fault() -> ssl.SSLError:
    """OpenSSL's own error for bytes that are no TLS record: only OpenSSL can fill in its reason."""
    arriving = ssl.MemoryBIO()
    arriving.write(b"HTTP/1.1 502 this is no TLS record\r\n\r\n")
    try:
        ssl.create_default_context().wrap_bio(arriving, ssl.MemoryBIO(), server_hostname="files.example").do_handshake()
    except ssl.SSLError as error:
        return error
    raise AssertionError("OpenSSL took that for TLS")


class Failing(BaseAdapter):
    """An adapter whose every request fails."""

    def __init__(self, error: Exception) -> None:
        super().__init__()  # type: ignore[no-untyped-call, unused-ignore]
        self._error = error

    def send(self, *_: Any, **__: Any) -> Any:
        raise self._error

    def close(self) -> None:
        """Nothing is open."""


def ask(error: Exception) -> None:
    """Ask for the rest of a file, through pip's session, when the network does this."""
    import pip._internal.operations.prepare  # noqa: F401 (first: some pips cannot load the other alone)
    from pip._internal.network import download

    session = PipSession()
    session.timeout = 15
    session.mount("https://", Failing(error))  # type: ignore[no-untyped-call, unused-ignore]
    link = Link(URL)
    PipTransport(download, session, link, Artifact(URL, link.filename)).get({"Range": "bytes=1000-"})


UNANSWERED = [
    pytest.param(lambda: cannot_connect(ConnectionRefusedError(111, "no")), "connection refused", id="refused"),
    pytest.param(lambda: cannot_connect(socket.gaierror(-2, "?")), "the host name cannot be resolved", id="DNS"),
    pytest.param(
        lambda: cannot_connect(OSError(errno.ENETUNREACH, "no")), "the network cannot be reached", id="no network"
    ),
    pytest.param(
        lambda: cannot_connect(OSError(errno.EHOSTUNREACH, "no")), "the host cannot be reached", id="no route"
    ),
    pytest.param(lambda: cannot_connect(OSError(errno.EADDRNOTAVAIL, "no")), "cannot connect", id="no free port"),
    pytest.param(timed_out_connecting, "connecting timed out", id="no answer to SYN"),
    pytest.param(lambda: of_requests.ReadTimeout(timed_out_reading()), "read timed out", id="silence"),
    pytest.param(lambda: aborted(ConnectionResetError(104, "reset")), "reset by peer", id="reset"),
    pytest.param(
        lambda: aborted(http.client.RemoteDisconnected("Remote end closed connection without response")),
        "closed without a response",
        id="closed before the status line",
    ),
    pytest.param(lambda: aborted(BrokenPipeError(32, "pipe")), "closed early", id="closed while asking"),
    pytest.param(lambda: aborted(http.client.BadStatusLine(SECRET)), "invalid HTTP response", id="no status line"),
    pytest.param(
        lambda: aborted(http.client.LineTooLong("header line")), "invalid HTTP response", id="endless field line"
    ),
    pytest.param(lambda: under_tls(tls_fault()), "TLS: wrong version number", id="no TLS"),
    pytest.param(lambda: under_tls(ssl.SSLEOFError(8, "EOF")), "closed early", id="end during the handshake"),
    pytest.param(lambda: under_tls(ssl.SSLError("unknown")), "TLS error", id="TLS error without a reason"),
    pytest.param(
        lambda: at_proxy(behind(OSError("proxy"), ConnectionRefusedError(111, "no"))),
        "proxy: connection refused",
        id="proxy refused",
    ),
    pytest.param(lambda: at_proxy(OSError(f"Tunnel failed: {SECRET}")), "the proxy failed", id="proxy cannot connect"),
    pytest.param(lambda: at_proxy(socket.gaierror(-2, "?")), "proxy: the host name cannot be resolved", id="proxy DNS"),
    pytest.param(lambda: of_requests.ConnectionError(SECRET), "ConnectionError", id="unknown"),
    pytest.param(lambda: of_requests.ChunkedEncodingError(SECRET), "ChunkedEncodingError", id="chunks of a redirect"),
    pytest.param(lambda: http.client.HTTPException(SECRET), "invalid HTTP response", id="bare http.client error"),
    pytest.param(lambda: ConnectionResetError(104, "reset"), "reset by peer", id="bare socket error"),
    pytest.param(tls_fault, "TLS: wrong version number", id="bare TLS error"),
    pytest.param(lambda: behind(AssertionError(), ConnectionResetError()), "reset by peer", id="pip stumbling over it"),
    pytest.param(lambda: of_urllib3.ClosedPoolError(POOL, "closed"), "ClosedPoolError", id="bare urllib3 error"),
]


@pytest.mark.parametrize(("make", "words"), UNANSWERED)
def test_request_without_an_answer_is_a_break_of_the_line(make: Any, words: str) -> None:
    with pytest.raises(NoResponse) as caught:
        ask(make())

    told = str(caught.value)
    # pip 26.2 and newer raise an error of their own, whose class is the last resort for words.
    assert told == words or (words == "ConnectionError" and told == "ConnectionFailedError")
    assert SECRET not in told


WRONG_CERTIFICATE = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed")
FINAL = [
    pytest.param(lambda: under_tls(WRONG_CERTIFICATE), id="certificate of nobody we trust"),
    pytest.param(
        lambda: under_tls(urllib3_connection.CertificateError("hostname 'a' doesn't match 'b'")),  # type: ignore[attr-defined, unused-ignore]
        id="certificate of another host, as urllib3 says it",
    ),
    pytest.param(
        lambda: under_tls(ssl.SSLError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] self signed certificate")),
        id="certificate fault of which only the text is left",
    ),
    pytest.param(lambda: at_proxy(WRONG_CERTIFICATE), id="certificate of the proxy"),
    pytest.param(lambda: WRONG_CERTIFICATE, id="bare certificate error"),
    pytest.param(lambda: of_requests.TooManyRedirects("30"), id="redirects without end"),
    pytest.param(lambda: of_requests.InvalidURL("?"), id="redirect to a URL that is none"),
    pytest.param(lambda: of_requests.InvalidSchema("gopher:"), id="redirect to another scheme"),
    pytest.param(lambda: KeyError("keyring"), id="a fault that is not the network's"),
    pytest.param(lambda: of_requests.InvalidHeader("?"), id="field that cannot be sent"),
]


@pytest.mark.parametrize("make", FINAL)
def test_failure_that_another_attempt_cannot_help_is_pips_to_report(make: Any) -> None:
    error = make()

    with pytest.raises(PipError) as caught:
        ask(error)

    # The very error, or the one that this pip makes of it.
    assert caught.value.cause is error or caught.value.cause.__context__ is error


class Broken(io.RawIOBase):
    """A body of which 10 bytes come."""

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


def answer_with(body: io.RawIOBase) -> PipResponse:
    response = Response()
    response.status_code = 206
    response.headers["Content-Range"] = "bytes 0-99/100"
    response.raw = HTTPResponse(body, preload_content=False, decode_content=False)  # type: ignore[arg-type, unused-ignore]
    return PipResponse(response, head_of(response))


IN_BODY = [
    pytest.param(lambda: ConnectionResetError(104, "reset"), "reset by peer", id="reset"),
    pytest.param(lambda: http.client.IncompleteRead(b"", 90), "closed early", id="early end"),
    pytest.param(lambda: socket.timeout("timed out"), "read timed out", id="silence"),
    pytest.param(tls_fault, "TLS: wrong version number", id="bad TLS record"),
    pytest.param(lambda: ssl.SSLEOFError(8, "EOF"), "closed early", id="end without close_notify"),
    pytest.param(lambda: OSError(errno.ENETDOWN, "down"), "the network is down", id="network down"),
    pytest.param(lambda: ValueError(SECRET), "ValueError", id="unknown fault"),
    pytest.param(lambda: AttributeError("'NoneType' object has no attribute 'recv'"), "AttributeError", id="urllib3's"),
    pytest.param(lambda: of_urllib3.HTTPError(SECRET), "HTTPError", id="unknown of urllib3"),
    pytest.param(MemoryError, "MemoryError", id="no memory"),
]


@pytest.mark.parametrize(("make", "words"), IN_BODY)
def test_whatever_ends_a_body_early_is_a_break_of_the_line(make: Any, words: str) -> None:
    answer = answer_with(Broken(make()))
    assert answer.read(10) == b"0123456789"

    with pytest.raises(ConnectionLost) as caught:
        answer.read(10)

    assert str(caught.value) == words
    assert not isinstance(caught.value, NoResponse)


def test_interruption_by_the_user_is_no_break_of_the_line() -> None:
    class Interrupted(Broken):
        def read(self, _size: int | None = -1) -> bytes:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        answer_with(Interrupted(OSError())).read(10)
