"""pip's session and its HTTP cache as the transport of one link."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import pip
from pip._vendor.requests import Request

import pip_resume
from pip_resume.artifact import url_key
from pip_resume.inside_pip import http_cache, session_adapter

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import ModuleType

    from pip._internal.models.link import Link
    from pip._internal.network.session import PipSession

    from pip_resume.artifact import Artifact
    from pip_resume.engine.interfaces import Answer
    from pip_resume.storage.partial import Partial

_told: list[Exception] = []
"""What was said about pip's cache: once in a run."""


class PipTransport:
    """See host.Transport: pip's session and its cache, for one link."""

    def __init__(self, module: ModuleType, session: PipSession, link: Link, artifact: Artifact) -> None:
        self._module = module
        self._session = session
        self._artifact = artifact
        self._adapter = session_adapter.SessionAdapter(module, session, link)

    def first(self) -> Answer:
        return self._adapter.send_first()

    def get(self, fields: Mapping[str, str]) -> Answer:
        return self._adapter.send(fields)

    def cached(self) -> Answer | None:
        try:
            any_age = self._artifact.digest is not None
            found = http_cache.find_cached(self._session, self._artifact.url, self._module.HEADERS, any_age=any_age)
        except Exception as error:
            self._pass_over(error)
            return None
        return (
            None
            if found is None
            else session_adapter.PipResponse(found, session_adapter.head_of(found, from_cache=True))
        )

    def cached_file(self, answer: Answer) -> Path | None:
        try:
            return http_cache.body_file(self._session, _response(answer).request.url or "")
        except Exception as error:
            self._pass_over(error)
            return None

    def evict(self, answer: Answer) -> None:
        try:
            http_cache.evict(self._session, _response(answer).request.url or self._artifact.url)
        except Exception as error:
            self._pass_over(error)

    def reject(self, answer: Answer) -> NoReturn:
        self._adapter.reject(_pip_answer(answer))

    def filename(self, answer: Answer) -> str:
        return self._adapter.filename(_pip_answer(answer))

    def hand_over(self, partial: Partial, body: Path, answer: Answer | None) -> None:
        try:
            if answer is not None and answer.head.status in (200, 206):
                response = _response(answer)
                request, answer_fields = response.request, response.headers
            elif answer is not None and partial.checkpoint.url_key == answer.head.url_key:
                request, answer_fields = _response(answer).request, {}  # a 416: no fields of the file
            elif partial.checkpoint.url_key == url_key(self._artifact.url):
                asked = Request("GET", self._artifact.url, headers=dict(self._module.HEADERS))
                request, answer_fields = self._session.prepare_request(asked), {}
            else:
                return
            fields = http_cache.entry_fields(answer_fields, request.url or "", partial.checkpoint, body.stat().st_size)
            http_cache.store(self._session, request, fields, body, partial.link_to, partial.copy_to)
        except Exception as error:
            # pip treats its cache in the same way: a file that cannot be stored is still a file.
            self._pass_over(error)

    def _pass_over(self, error: Exception) -> None:
        """Go on without pip's cache, as pip itself does; but a cache that works in another way is worth a line."""
        self._module.logger.debug("pip's cache could not be used", exc_info=error)
        if isinstance(error, (AttributeError, TypeError, ImportError, NotImplementedError)) and not _told:
            _told.append(error)
            self._module.logger.warning(
                "pip-resume %s does not understand the cache of pip %s (%s): downloads are resumed, but not cached. "
                "Upgrade pip-resume.",
                pip_resume.__version__,
                pip.__version__,
                type(error).__name__,
            )


def _pip_answer(answer: Answer) -> session_adapter.PipResponse:
    assert isinstance(answer, session_adapter.PipResponse)
    return answer


def _response(answer: Answer) -> Any:
    return _pip_answer(answer).response
