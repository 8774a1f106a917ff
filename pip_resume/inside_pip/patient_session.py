"""Gives pip's own requests the patience of a download: index pages, metadata files, anything that pip requests.

pip's ``--retries`` come first. When they are spent for want of a connection, and a host has answered in this run, the
request is tried again as long as a download would be.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Callable
from urllib.parse import urlsplit

from pip_resume.engine.attempts import Attempts
from pip_resume.engine.clock import Stopwatch, SystemClock
from pip_resume.errors import GaveUp, NoResponse
from pip_resume.inside_pip import own_session, replacement
from pip_resume.inside_pip.failures import cause_of, is_without_connection
from pip_resume.inside_pip.run import RUN
from pip_resume.protocol.messages import Held
from pip_resume.protocol.retry import Reached, limits_before_response

if TYPE_CHECKING:
    from pip_resume.engine.interfaces import Display
    from pip_resume.protocol.retry import Options

_REPEATABLE = ("GET", "HEAD")
"""Methods that may be repeated (RFC 9110 section 9.2.2). pip uses POST for XML-RPC only."""


def apply(session_class: Any, options_of: Callable[[Any], Options], display_of: Callable[[str], Display]) -> None:
    """Make the requests of a session class patient; a second call changes nothing.

    ``options_of(session)`` and ``display_of(url)`` are called only when a request has failed.
    """

    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        def request(session: Any, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
            send = functools.partial(original, session, method, url, *args, **kwargs)
            if own_session.is_own(session) or method.upper() not in _REPEATABLE:
                return send()
            host = urlsplit(url).netloc.rpartition("@")[2]
            try:
                response = send()
            except Exception as error:
                if not is_without_connection(error) or RUN.reached(host) is Reached.NONE:
                    raise
                response = _try_again(send, error, host, options_of(session), display_of(url))
            if not getattr(response, "from_cache", False):
                RUN.answered(host)
            return response

        return request

    replacement.replace(session_class, "request", make)


def undo(session_class: Any) -> None:
    """Restore the class's own requests; changes nothing if they were not replaced."""
    replacement.restore(session_class, "request")


def _try_again(send: Callable[[], Any], error: Exception, host: str, options: Options, display: Display) -> Any:
    """Send a request again until it has a response. Raises pip's own error when the limits are spent."""
    clock = SystemClock()
    attempts = Attempts(limits_before_response(options, RUN.reached(host)), options, display, clock, Stopwatch(clock))
    attempts.pip_has_retried()
    while True:
        try:
            attempts.wait_after(NoResponse(cause_of(error), error), Held())
        except GaveUp:
            raise error from None
        try:
            return send()
        except Exception as again:
            if not is_without_connection(again):
                raise
            error = again
