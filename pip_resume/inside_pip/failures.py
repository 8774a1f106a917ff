"""Classifies the exceptions of pip's network stack, and gives each a cause in words for people."""

from __future__ import annotations

import errno
import http.client
import re
import socket
import ssl
from typing import TYPE_CHECKING

from pip._vendor.requests import exceptions as requests_exceptions
from pip._vendor.urllib3 import connection as urllib3_connection
from pip._vendor.urllib3 import exceptions as urllib3_exceptions

from pip_resume.inside_pip import compat
from pip_resume.inside_pip.body import AddressLost

if TYPE_CHECKING:
    from collections.abc import Iterator

# A certificate error will not go away on retry. urllib3 has a class of its own for a wrong host name.
_CERTIFICATE_ERRORS = (
    ssl.SSLCertVerificationError,
    getattr(urllib3_connection, "CertificateError", ssl.SSLCertVerificationError),
)
# Endless redirects, and URLs that cannot be requested.
_FINAL_ERRORS = (
    requests_exceptions.TooManyRedirects,
    requests_exceptions.InvalidURL,
    requests_exceptions.MissingSchema,
    requests_exceptions.InvalidSchema,
    requests_exceptions.InvalidHeader,
)
# pip's --retries are used up by statuses such as 503: the host answers.
_STATUS_ERRORS = (requests_exceptions.RetryError, urllib3_exceptions.ResponseError)
# A ConnectionRefusedError, an unreachable network, and a name that cannot be resolved are wrapped in the first.
_CONNECT_ERRORS = (urllib3_exceptions.NewConnectionError, urllib3_exceptions.ConnectTimeoutError)
_NETWORK_ERRORS: tuple[type[BaseException], ...] = (
    requests_exceptions.RequestException,
    urllib3_exceptions.HTTPError,
    http.client.HTTPException,
    ssl.SSLError,
    socket.error,
    *compat.connection_diagnostics(),
)


def is_of_the_code(error: BaseException) -> bool:
    """Whether this error looks like a name or a signature that a pip has changed. Then pip's own download runs."""
    is_code = isinstance(error, (AttributeError, ImportError, NameError, TypeError))
    return is_code and not is_of_the_network(error)


def is_of_the_network(error: BaseException) -> bool:
    """Whether a network error caused this one. pip's own code may fail while it handles one."""
    return any(isinstance(cause, _NETWORK_ERRORS) for cause in causes(error))


def is_about_a_certificate(error: BaseException) -> bool:
    """Whether a certificate could not be verified."""
    return any(_is_certificate_error(cause) for cause in causes(error))


def is_final(error: BaseException) -> bool:
    """Whether another attempt cannot help: an unverified certificate, or a URL that cannot be requested."""
    return is_about_a_certificate(error) or any(isinstance(cause, _FINAL_ERRORS) for cause in causes(error))


def is_without_connection(error: BaseException) -> bool:
    """Whether a request failed because there was no connection, or none that lasted until the response."""
    return (
        is_of_the_network(error)
        and not is_final(error)
        and not any(isinstance(e, _STATUS_ERRORS) for e in causes(error))
    )


def was_not_sent(error: BaseException) -> bool:
    """Whether a request failed before it could be sent. So it says nothing about what the server does with it."""
    return any(isinstance(cause, _CONNECT_ERRORS) or _is_certificate_error(cause) for cause in causes(error))


def was_silent(error: BaseException) -> bool:
    """Whether a request was sent, or at least a connection made, and no response came in time."""
    is_timeout = any(
        isinstance(cause, (urllib3_exceptions.ReadTimeoutError, socket.timeout)) for cause in causes(error)
    )
    return is_timeout and not was_not_sent(error)


def _is_certificate_error(error: BaseException) -> bool:
    # urllib3 1.26 may wrap it so that only its text is left of the class.
    return isinstance(error, _CERTIFICATE_ERRORS) or (
        isinstance(error, ssl.SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error)
    )


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and all errors behind it: chained, or wrapped as an argument as urllib3 and requests do it."""
    pending, seen = [error], set()
    while pending:
        current = pending.pop(0)
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        behind = [getattr(current, "reason", None), current.__cause__, current.__context__, *current.args]
        pending.extend(cause for cause in behind if isinstance(cause, BaseException))


# The peer closed the connection; not a TLS error.
_TLS_ENDINGS = (ssl.SSLEOFError, ssl.SSLZeroReturnError)
_CAUSES: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], str], ...] = (
    (socket.gaierror, "the host name cannot be resolved"),
    (ConnectionRefusedError, "connection refused"),
    (http.client.RemoteDisconnected, "closed without a response"),  # Also a ConnectionResetError.
    (ConnectionResetError, "reset by peer"),
    (AddressLost, "the network address has changed"),
    ((BrokenPipeError, *_TLS_ENDINGS, http.client.IncompleteRead), "closed early"),
    (urllib3_exceptions.ReadTimeoutError, "read timed out"),
    (urllib3_exceptions.NewConnectionError, "cannot connect"),  # Also a ConnectTimeoutError.
    (urllib3_exceptions.ConnectTimeoutError, "connecting timed out"),
    (socket.timeout, "read timed out"),
    (http.client.HTTPException, "invalid HTTP response"),
    (ssl.SSLError, "TLS error"),
    (urllib3_exceptions.ProxyError, "the proxy failed"),
    (urllib3_exceptions.ProtocolError, "closed early"),
)
_CAUSES_BY_ERRNO = {
    errno.ENETUNREACH: "the network cannot be reached",
    errno.ENETDOWN: "the network is down",
    errno.EHOSTUNREACH: "the host cannot be reached",
}


# http.client's words for a proxy that refuses CONNECT. Only the number is shown: the reason phrase is the proxy's own.
_REFUSED_BY_PROXY = r"Tunnel connection failed: ([1-5][0-9]{2})\b"


def cause_of(error: BaseException) -> str:
    """Tell why a connection ended, in a few words of ours. Nothing in it can come from a server or from a URL."""
    chain = list(causes(error))
    refusal = next(filter(None, (re.match(_REFUSED_BY_PROXY, str(error)) for error in chain)), None)
    if refusal is not None:
        return f"the proxy answered {refusal[1]}"
    cause = _cause_by_errno(chain) or _cause_by_tls_reason(chain) or _cause_by_class(chain) or type(error).__name__
    is_proxy = any(isinstance(error, urllib3_exceptions.ProxyError) for error in chain)
    return f"proxy: {cause}" if is_proxy and "proxy" not in cause else cause


def _cause_by_errno(chain: list[BaseException]) -> str:
    numbers = (error.errno for error in chain if isinstance(error, OSError) and not isinstance(error, ssl.SSLError))
    return next((_CAUSES_BY_ERRNO[number] for number in numbers if number in _CAUSES_BY_ERRNO), "")


def _cause_by_class(chain: list[BaseException]) -> str:
    return next((cause for kind, cause in _CAUSES if any(isinstance(error, kind) for error in chain)), "")


def _cause_by_tls_reason(chain: list[BaseException]) -> str:
    """Return OpenSSL's own name of the error, which is what people search for."""
    errors = (error for error in chain if isinstance(error, ssl.SSLError) and not isinstance(error, _TLS_ENDINGS))
    reason = next(filter(None, (getattr(error, "reason", None) for error in errors)), "")
    return f"TLS: {reason.replace('_', ' ').lower()}" if reason else ""
