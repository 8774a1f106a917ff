"""pip's network session and its HTTP cache as the transport of one link."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, NoReturn

import pip
from pip._internal.exceptions import NetworkConnectionError
from pip._vendor.requests import Request

import pip_resume
from pip_resume.artifact import url_key
from pip_resume.errors import ConnectionLost, NoResponse, PipError, ResumeError
from pip_resume.inside_pip import http_cache
from pip_resume.inside_pip.failures import cause_of, is_final, is_of_the_code, is_of_the_network
from pip_resume.inside_pip.run import RUN
from pip_resume.protocol.messages import ResponseHead

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from types import ModuleType

    from pip._internal.models.link import Link
    from pip._internal.network.session import PipSession
    from pip._vendor.requests.models import Response as PipsResponse

    from pip_resume.artifact import Artifact
    from pip_resume.engine.interfaces import Response
    from pip_resume.storage.partial import Partial

_CHUNK_BYTES = 16 * 1024
"""How much of a chunked body is read at a time: one TLS record."""


class PipResponse:
    """One response of pip's session. See interfaces.Response."""

    def __init__(self, response: PipsResponse, head: ResponseHead) -> None:
        self.response = response
        self.head = head
        raw: Any = response.raw
        self._raw = raw
        self._connection = getattr(raw, "connection", None)
        self._missing = head.content_length or 0
        self._chunks: Iterator[bytes] | None = None
        self._has_read = False
        if head.is_chunked and hasattr(raw, "stream"):
            # urllib3 gives chunk by chunk. http.client would lose what it has read if the last chunk never comes.
            self._chunks = raw.stream(_CHUNK_BYTES, decode_content=False)

    def read(self, size: int) -> bytes:
        """See interfaces.Response: up to ``size`` bytes. Raises ConnectionLost if the body ends too early."""
        try:
            if self._chunks is not None:
                block = next(self._chunks, b"")
            else:
                block = bytes(self._raw.read(size, decode_content=False))
        except Exception as error:
            if not self._has_read and is_of_the_code(error):
                raise
            # The bytes so far are good and the rest can be requested, so an unknown error costs only an attempt.
            raise ConnectionLost(cause_of(error)) from error
        self._has_read = True
        self._missing -= len(block)
        return block

    def close(self) -> None:
        """Close the connection, unless the body was read to its end."""
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

    def first(self) -> PipResponse:
        try:
            response = self._send({})
        except Exception as error:
            if is_of_the_code(error):
                raise
            raise PipError(error) from error
        return PipResponse(response, head_of(response))

    def get(self, fields: Mapping[str, str]) -> PipResponse:
        try:
            with no_inner_retries(self._session), http_cache.unasked(self._session):
                response = self._send(fields)
        except Exception as error:
            if is_of_the_code(error):
                raise
            if is_final(error) or not is_of_the_network(error):
                raise PipError(error) from error
            raise NoResponse(cause_of(error)) from error
        return PipResponse(response, head_of(response))

    def _send(self, fields: Mapping[str, str]) -> PipsResponse:
        with http_cache.unbuffered(self._session):
            url = self._link.url_without_fragment
            return self._session.get(url, headers={**self._module.HEADERS, **fields}, stream=True)

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
        return None if found is None else PipResponse(found, head_of(found, from_cache=True))

    def cached_file(self, response: Response) -> Path | None:
        try:
            return http_cache.body_file(self._session, _pips(response).request.url or "")
        except Exception as error:
            self._pass_over(error)
            return None

    def evict(self, response: Response) -> None:
        try:
            http_cache.evict(self._session, _pips(response).request.url or self._artifact.url)
        except Exception as error:
            self._pass_over(error)

    def store_in_cache(self, partial: Partial, body: Path, response: Response | None) -> None:
        try:
            if response is not None and response.head.status in (200, 206):
                request, fields = _pips(response).request, _pips(response).headers
            elif response is not None and partial.checkpoint.url_key == response.head.url_key:
                request, fields = _pips(response).request, {}  # A 416 has no fields of the file.
            elif partial.checkpoint.url_key == url_key(self._artifact.url):
                plain = Request("GET", self._artifact.url, headers=dict(self._module.HEADERS))
                request, fields = self._session.prepare_request(plain), {}
            else:
                return
            entry = http_cache.entry_fields(fields, request.url or "", partial.checkpoint, body.stat().st_size)
            http_cache.store(self._session, request, entry, body, partial.link_to, partial.copy_to)
        except Exception as error:
            # pip does the same: a file that its cache cannot store is still a file.
            self._pass_over(error)

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
    fields = {name.lower(): value for name, value in response.headers.items()}
    cached = bool(getattr(response, "from_cache", False)) if from_cache is None else from_cache
    return ResponseHead(response.status_code or 0, fields, cached, url_key(response.url or ""))


@contextlib.contextmanager
def no_inner_retries(session: PipSession) -> Iterator[None]:
    """Turn pip's ``--retries`` off inside the context, so that they do not multiply with ours.

    A 503 and its Retry-After reach us as well.
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
