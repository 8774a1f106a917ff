"""pip's network session and its HTTP cache as the transport of one link."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlsplit

import pip
from pip._internal.exceptions import NetworkConnectionError
from pip._vendor.requests import Request

import pip_resume
from pip_resume.artifact import url_key
from pip_resume.errors import ConnectionLost, NoResponse, PipError, ResumeError
from pip_resume.inside_pip import cached_files, compat, http_cache, own_session
from pip_resume.inside_pip.body import Body
from pip_resume.inside_pip.failures import (
    cause_of,
    causes,
    is_about_a_certificate,
    is_final,
    is_of_the_code,
    is_of_the_network,
    is_without_connection,
    was_not_sent,
    was_silent,
)
from pip_resume.inside_pip.run import RUN
from pip_resume.protocol.messages import ResponseHead
from pip_resume.protocol.retry import Reached

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import ModuleType

    from pip._internal.models.link import Link
    from pip._internal.network.session import PipSession
    from pip._vendor.requests.models import Response as PipsResponse

    from pip_resume.artifact import Artifact
    from pip_resume.engine.interfaces import Block, Response
    from pip_resume.storage.partial import Partial


class PipResponse:
    """One response of pip's session. See interfaces.Response."""

    def __init__(self, response: PipsResponse, head: ResponseHead, timeout_s: float) -> None:
        self.response = response
        self.head = head
        self.timeout_s = timeout_s
        self._body = Body(response.raw)
        self._connection = getattr(response.raw, "connection", None)
        self._missing = head.content_length or 0
        self._has_read = False

    def read(self, size: int) -> Block:
        try:
            block = self._body.read(size)
        except Exception as error:
            if not self._has_read and is_of_the_code(error):
                raise
            # The bytes so far are good and the rest can be requested, so an unknown error costs only an attempt.
            raise ConnectionLost(cause_of(error)) from error
        self._has_read = True
        self._missing -= len(block)
        return block

    def has_more(self, wait_s: float) -> bool:
        try:
            return self._body.has_more(wait_s)
        except (OSError, ValueError, AttributeError):
            return False

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self.response.close()
        if self._missing > 0 and self._connection is not None:
            # urllib3 1.26 takes a body that was cut for complete, and its connection for one that can be used again.
            with contextlib.suppress(Exception):
                self._connection.close()


class PipTransport:
    """See interfaces.Transport: pip's session and its cache, for one link."""

    def __init__(self, module: ModuleType, session: PipSession, link: Link, artifact: Artifact) -> None:
        """``module`` is pip's download module."""
        self._module = module
        self._session = session
        self._link = link
        self._artifact = artifact
        self.timeout_s = compat.timeout_s(session)

    @property
    def reached(self) -> Reached:
        return RUN.reached(urlsplit(self._artifact.url).netloc.rpartition("@")[2])

    def first(self) -> PipResponse:
        try:
            response = self._send(own_session.for_first_request(self._session), {})
        except Exception as error:
            if is_of_the_code(error):
                raise
            if is_without_connection(error):
                raise NoResponse(cause_of(error), error) from error
            raise PipError(error) from error
        return self._answered(response)  # An error of ours there must not look like one of pip's.

    def get(
        self, fields: Mapping[str, str], *, with_cache: bool = False, timeout_s: float | None = None
    ) -> PipResponse:
        try:
            session = own_session.for_later_requests(self._session, with_cache=with_cache)
            response = self._send(session, fields, timeout_s)
        except Exception as error:
            if is_of_the_code(error):
                raise
            if not self._may_pass(error):
                raise PipError(error) from error
            # pip's own error names the host and the certificate.
            is_wrong = is_about_a_certificate(error)
            raise NoResponse(
                cause_of(error),
                error,
                is_for_pip=is_wrong,
                was_sent=self._is_redirected(error) or not was_not_sent(error),
                was_silent=was_silent(error),
                is_unverified=is_wrong and self.reached is not Reached.THIS_HOST,
            ) from error
        return self._answered(response)

    def _may_pass(self, error: Exception) -> bool:
        """Whether a later attempt may succeed. A wrong certificate may be replaced: plain pip tries again, too."""
        return is_about_a_certificate(error) or (is_of_the_network(error) and not is_final(error))

    def _is_redirected(self, error: Exception) -> bool:
        """Whether a request has failed after a redirect: the first server has got it."""
        urls = (getattr(getattr(cause, "request", None), "url", None) for cause in causes(error))
        url = next((url for url in urls if isinstance(url, str)), None)
        return url is not None and url_key(url) != url_key(self._artifact.url)

    def _send(self, session: PipSession, fields: Mapping[str, str], timeout_s: float | None = None) -> PipsResponse:
        # requests takes the time for connecting, then the one for each read. Without it pip's session sets its own.
        is_pips = timeout_s is None or timeout_s >= self.timeout_s
        timeout: dict[str, Any] = {} if is_pips else {"timeout": (self.timeout_s, timeout_s)}
        return session.get(self._artifact.url, headers={**self._module.HEADERS, **fields}, stream=True, **timeout)

    def _answered(self, response: PipsResponse) -> PipResponse:
        head = head_of(response)
        if not head.from_cache:
            for each in (*response.history, response):
                RUN.answered(urlsplit(each.url or "").netloc.rpartition("@")[2])
        return PipResponse(response, head, self.timeout_s)

    def reject(self, response: Response) -> NoReturn:
        """Raise PipError with what pip would raise for this status, and log what pip would log."""
        try:
            self._module.raise_for_status(_pips(response))
        except NetworkConnectionError as error:
            self._module.logger.critical("HTTP error %s while getting %s", response.head.status, self._link)
            raise PipError(error) from error
        raise ResumeError(f"the server answered {response.head.status}, which pip-resume cannot handle")

    def filename(self, response: Response) -> str:
        try:
            return str(self._module._get_http_response_filename(_pips(response), self._link))
        except Exception as error:
            if is_of_the_code(error):
                raise
            raise PipError(error) from error

    def cached(self) -> PipResponse | None:
        try:
            any_age = self._artifact.digest is not None
            found = http_cache.find_cached(self._session, self._artifact.url, self._module.HEADERS, any_age=any_age)
        except Exception as error:
            self._pass_over(error)
            return None
        return None if found is None else PipResponse(found, head_of(found, from_cache=True), self.timeout_s)

    def cached_file(self, response: Response) -> Path | None:
        try:
            return http_cache.body_file(self._session, _pips(response).request.url or "")
        except Exception as error:
            self._pass_over(error)
            return None

    def leave_to_pip(self) -> bool:
        return cached_files.leave_to_pip(self._link)

    def evict(self, response: Response) -> None:
        try:
            http_cache.evict(self._session, _pips(response).request.url or self._artifact.url)
        except Exception as error:
            self._pass_over(error)

    def store_in_cache(self, partial: Partial, body: Path, response: Response | None) -> bool:
        try:
            if response is not None and response.head.status < 300:
                request, fields = _pips(response).request, response.head.fields
            elif response is not None and partial.checkpoint.url_key == response.head.url_key:
                request, fields = _pips(response).request, {}  # A 416 has no fields of the file.
            elif partial.checkpoint.url_key == url_key(self._artifact.url):
                plain = Request("GET", self._artifact.url, headers=dict(self._module.HEADERS))
                request, fields = self._session.prepare_request(plain), {}
            else:
                return False
            entry = http_cache.entry_fields(fields, request.url or "", partial.checkpoint, body.stat().st_size)
            whole = None
            if response is not None and response.head.status == 200 and entry == response.head.fields:
                whole = _pips(response).raw
            ways = (partial.link_to, partial.copy_to)
            is_stored = http_cache.store(self._session, request, entry, body, *ways, whole=whole)
            if is_stored:
                RUN.cached(self._artifact.url, request.url or "")
            return is_stored and self._finds(request.url or "")
        except Exception as error:
            # pip does the same: a file that its cache cannot store is still a file.
            self._pass_over(error)
            return False

    def _finds(self, cached_url: str) -> bool:
        """Whether the link leads to the entry of a URL. A redirect that is not permanent does not lead there."""
        if url_key(cached_url) == url_key(self._artifact.url):
            return True
        found = self.cached()
        if found is not None:
            found.close()
        return found is not None

    def _pass_over(self, error: Exception) -> None:
        """Continue without pip's cache, as pip itself does. Warn once if the cache is of an unknown kind."""
        self._module.logger.debug("pip's cache could not be used", exc_info=error)
        is_unknown_cache = isinstance(error, (AttributeError, TypeError, ImportError, NotImplementedError))
        if is_unknown_cache and RUN.is_first("unknown cache"):
            self._module.logger.warning(
                "pip-resume %s does not understand the cache of pip %s (%s): downloads are resumed, but not cached. "
                "Upgrade pip-resume.",
                pip_resume.__version__,
                pip.__version__,
                type(error).__name__,
            )


def _pips(response: Response) -> Any:
    """Return pip's own response object."""
    assert isinstance(response, PipResponse)
    return response.response


def head_of(response: PipsResponse, *, from_cache: bool | None = None) -> ResponseHead:
    """Return status and fields of a response, and whether pip's cache gave it (None: as the response says)."""
    fields = dict(response.headers.lower_items())
    cached = bool(getattr(response, "from_cache", False)) if from_cache is None else from_cache
    urls = [each.url or "" for each in (*response.history, response)]
    is_https = all(url.lower().startswith("https:") for url in urls)
    return ResponseHead(response.status_code or 0, fields, cached, url_key(urls[-1]), is_https)
