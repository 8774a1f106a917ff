"""pip's own network session as the transport of a download, and every way in which it fails sorted in one place."""

from __future__ import annotations

import contextlib
import errno
import http.client
import socket
import ssl
from typing import TYPE_CHECKING, Any, NoReturn

from pip._internal.exceptions import NetworkConnectionError
from pip._vendor.requests import exceptions as requests_exceptions
from pip._vendor.urllib3 import connection as urllib3_connection
from pip._vendor.urllib3 import exceptions as urllib3_exceptions

from pip_resume.artifact import url_key
from pip_resume.errors import ConnectionLost, NoResponse, PipError, ResumeError
from pip_resume.inside_pip import compat
from pip_resume.inside_pip.http_cache import unasked, unbuffered
from pip_resume.protocol.messages import ResponseHead

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import ModuleType

    from pip._internal.models.link import Link
    from pip._internal.network.session import PipSession
    from pip._vendor.requests.models import Response

_CHUNKED_BLOCK_BYTES = 16 * 1024

# What a certificate does not prove no second attempt will prove. urllib3 has a class of its own for a wrong host name.
_CERTIFICATE_FAULTS = (
    ssl.SSLCertVerificationError,
    getattr(urllib3_connection, "CertificateError", ssl.SSLCertVerificationError),
)
# Redirects without end, and URLs that nobody can ask for.
_NEVER_TRANSIENT = (
    requests_exceptions.TooManyRedirects,
    requests_exceptions.InvalidURL,
    requests_exceptions.MissingSchema,
    requests_exceptions.InvalidSchema,
    requests_exceptions.InvalidHeader,
)
_OF_THE_LINE: tuple[type[BaseException], ...] = (
    requests_exceptions.RequestException,
    urllib3_exceptions.HTTPError,
    http.client.HTTPException,
    ssl.SSLError,
    socket.error,
    *compat.connection_diagnostics(),
)


class PipResponse:
    """One response of pip's session."""

    def __init__(self, response: Response, head: ResponseHead) -> None:
        self.response = response
        self.head = head
        raw: Any = response.raw
        self._raw = raw
        self._connection = getattr(raw, "connection", None)
        self._missing = head.content_length or 0
        self._chunks: Iterator[bytes] | None = None
        self._has_read = False
        if head.is_chunked and hasattr(raw, "stream"):
            # Through urllib3 chunk by chunk: http.client would lose what it has read when the last chunk never comes.
            self._chunks = raw.stream(_CHUNKED_BLOCK_BYTES, decode_content=False)

    def read(self, size: int) -> bytes:
        """See host.Answer: up to ``size`` bytes; ConnectionLost for every way in which a body ends too early."""
        try:
            if self._chunks is not None:
                block = next(self._chunks, b"")
            else:
                block = bytes(self._raw.read(size, decode_content=False))
        except Exception as error:
            if not self._has_read and is_of_the_code(error):
                raise
            # Whatever it is, the bytes so far are good and the rest can be asked for: unknown errors cost an attempt,
            # not the download.
            raise ConnectionLost(cause_of(error)) from error
        self._has_read = True
        self._missing -= len(block)
        return block

    def close(self) -> None:
        """Drop the connection unless the body was read to its end."""
        with contextlib.suppress(Exception):
            self.response.close()
        if self._missing > 0 and self._connection is not None:
            # Before urllib3 2 a body that was cut counts as one that has ended, and its connection as one to use again.
            with contextlib.suppress(Exception):
                self._connection.close()


class SessionAdapter:
    """See host.Transport."""

    def __init__(self, download_module: ModuleType, session: PipSession, link: Link) -> None:
        self._module = download_module
        self._session = session
        self._link = link
        self._url = link.url_without_fragment

    def send_first(self) -> PipResponse:
        """A plain GET as pip itself would send it."""
        try:
            response = self._send({})
        except Exception as error:
            if is_of_the_code(error):
                raise
            raise PipError(error) from error
        return PipResponse(response, head_of(response))

    def send(self, fields: Mapping[str, str]) -> PipResponse:
        """A GET that the server itself answers, and whose failures count against our budget alone."""
        try:
            with no_inner_retries(self._session), unasked(self._session):
                response = self._send(fields)
        except Exception as error:
            if is_of_the_code(error):
                raise
            # What stands behind it counts: pip's own code may stumble over a fault of the line.
            if is_final(error) or not any(isinstance(cause, _OF_THE_LINE) for cause in causes(error)):
                raise PipError(error) from error
            raise NoResponse(cause_of(error)) from error
        return PipResponse(response, head_of(response))

    def _send(self, fields: Mapping[str, str]) -> Response:
        with unbuffered(self._session):
            return self._session.get(self._url, headers={**self._module.HEADERS, **fields}, stream=True)

    def reject(self, answer: PipResponse) -> NoReturn:
        """Raise PipError with what pip would raise for this status, and log what pip would log."""
        try:
            self._module.raise_for_status(answer.response)
        except NetworkConnectionError as error:
            self._module.logger.critical("HTTP error %s while getting %s", answer.head.status, self._link)
            raise PipError(error) from error
        raise ResumeError(f"the server answered {answer.head.status}, which only pip knows what to do with")

    def filename(self, answer: PipResponse) -> str:
        """The name pip would give the file."""
        try:
            return str(self._module._get_http_response_filename(answer.response, self._link))
        except Exception as error:
            if is_of_the_code(error):
                raise
            raise PipError(error) from error


def head_of(response: Response, *, from_cache: bool | None = None) -> ResponseHead:
    """Status and fields of a response, and whether pip's cache gave it."""
    fields = {name.lower(): value for name, value in response.headers.items()}
    cached = bool(getattr(response, "from_cache", False)) if from_cache is None else from_cache
    return ResponseHead(response.status_code or 0, fields, cached, url_key(response.url or ""))


@contextlib.contextmanager
def no_inner_retries(session: PipSession) -> Iterator[None]:
    """Have 503 and Retry-After reach us, and no attempt multiplied.

    Pip's ``--retries`` are off inside, restored after.
    """
    changed: list[tuple[Any, Any]] = []
    try:
        adapters: set[Any] = set(session.adapters.values())
        for adapter in adapters:
            retries: Any = getattr(adapter, "max_retries", None)
            if hasattr(retries, "new"):
                changed.append((adapter, retries))
                adapter.max_retries = retries.new(
                    total=0, status_forcelist=(), respect_retry_after_header=False, raise_on_status=False
                )
        yield
    finally:
        for adapter, retries in changed:
            adapter.max_retries = retries


def is_of_the_code(error: BaseException) -> bool:
    """Whether this is what a name or a signature that a pip has changed looks like: for pip's own download to avoid."""
    is_fault = isinstance(error, (AttributeError, ImportError, NameError, TypeError))
    return is_fault and not any(isinstance(cause, _OF_THE_LINE) for cause in causes(error))


def is_final(error: BaseException) -> bool:
    """Whether asking again cannot help: a certificate that proves nothing, or a URL nobody can ask for."""
    return any(_is_certificate_fault(cause) or isinstance(cause, _NEVER_TRANSIENT) for cause in causes(error))


def _is_certificate_fault(error: BaseException) -> bool:
    # Wrapped by urllib3 1.26, nothing may be left of the class but its text.
    return isinstance(error, _CERTIFICATE_FAULTS) or (
        isinstance(error, ssl.SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error)
    )


def causes(error: BaseException) -> Iterator[BaseException]:
    """An error and all that stand behind it: chained, or wrapped as an argument as urllib3 and requests do it."""
    pending, seen = [error], set()
    while pending:
        current = pending.pop(0)
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        behind = [getattr(current, "reason", None), current.__cause__, current.__context__, *current.args]
        pending.extend(cause for cause in behind if isinstance(cause, BaseException))


# Nothing is wrong with TLS then, the other side has only left.
_TLS_ENDINGS = (ssl.SSLEOFError, ssl.SSLZeroReturnError)
_WORDS: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], str], ...] = (
    (socket.gaierror, "the host name cannot be resolved"),
    (ConnectionRefusedError, "connection refused"),
    (http.client.RemoteDisconnected, "closed without an answer"),  # also a ConnectionResetError
    (ConnectionResetError, "reset by peer"),
    ((BrokenPipeError, *_TLS_ENDINGS, http.client.IncompleteRead), "closed early"),
    (urllib3_exceptions.ReadTimeoutError, "no data within the time-out"),
    (urllib3_exceptions.NewConnectionError, "cannot connect"),  # also a ConnectTimeoutError
    (urllib3_exceptions.ConnectTimeoutError, "timed out while connecting"),
    (socket.timeout, "no data within the time-out"),
    (http.client.HTTPException, "not an answer in HTTP"),
    (ssl.SSLError, "TLS fault"),
    (urllib3_exceptions.ProxyError, "the proxy failed"),
    (urllib3_exceptions.ProtocolError, "closed early"),
)
_WORDS_OF_ERRNO = {
    errno.ENETUNREACH: "the network cannot be reached",
    errno.ENETDOWN: "the network is down",
    errno.EHOSTUNREACH: "the host cannot be reached",
}


def cause_of(error: BaseException) -> str:
    """Why a connection ended, in a few words of ours: nothing that a server or a URL could have put there."""
    chain = list(causes(error))
    words = _words_of_system(chain) or _words_of_tls(chain) or _words_of_class(chain) or type(error).__name__
    is_proxy = any(isinstance(cause, urllib3_exceptions.ProxyError) for cause in chain)
    return f"proxy: {words}" if is_proxy and "proxy" not in words else words


def _words_of_system(chain: list[BaseException]) -> str:
    numbers = (cause.errno for cause in chain if isinstance(cause, OSError) and not isinstance(cause, ssl.SSLError))
    return next((_WORDS_OF_ERRNO[number] for number in numbers if number in _WORDS_OF_ERRNO), "")


def _words_of_class(chain: list[BaseException]) -> str:
    return next((words for kind, words in _WORDS if any(isinstance(cause, kind) for cause in chain)), "")


def _words_of_tls(chain: list[BaseException]) -> str:
    """OpenSSL's own name of the fault, which is what people search for."""
    faults = (cause for cause in chain if isinstance(cause, ssl.SSLError) and not isinstance(cause, _TLS_ENDINGS))
    reason = next(filter(None, (getattr(fault, "reason", None) for fault in faults)), "")
    return f"TLS: {reason.replace('_', ' ').lower()}" if reason else ""
