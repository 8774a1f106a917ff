"""pip's HTTP cache: look up, store a finished file, evict a wrong entry."""

from __future__ import annotations

import logging
import mmap
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable
from urllib.parse import urljoin

from pip._vendor import requests
from pip._vendor.cachecontrol import cache as cachecontrol_cache
from pip._vendor.urllib3 import HTTPResponse

from pip_resume.artifact import url_key
from pip_resume.inside_pip import compat
from pip_resume.storage.directory import SAFE_FLAGS, Directory
from pip_resume.storage.record import write_atomically
from pip_resume.storage.sharing import CAN_LINK

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pip._internal.network.session import PipSession
    from pip._vendor.requests.models import PreparedRequest, Response

    from pip_resume.protocol.checkpoint import Checkpoint

logger = logging.getLogger(__name__)

MAX_BODY_IN_MEMORY = 256 * 1024 * 1024
"""In bytes. Up to pip 23.2 the body is inside the entry: storing 400 MB took 1.2 GB of memory, reading it 2 GB."""
_PERMANENT_REDIRECTS = (301, 308)
_ABOUT_THE_PART = ("content-range", "content-length", "transfer-encoding")


def cache_directory(session: PipSession) -> Path | None:
    """Return the HTTP cache directory that a session uses.

    None with --no-cache-dir, and if pip has disabled its cache.
    """
    for adapter in session.adapters.values():
        directory = getattr(getattr(adapter, "cache", None), "directory", None)
        if isinstance(directory, str) and directory:
            return Path(directory)
    return None


def find_cached(session: PipSession, url: str, fields: Mapping[str, str], *, any_age: bool) -> Response | None:
    """Return what the cache has for a GET of ``url``, without asking a server; None if nothing.

    ``any_age`` includes entries that are not fresh any more. That is right for a link whose hash proves the bytes.
    """
    request = session.prepare_request(requests.Request("GET", url, headers=dict(fields)))
    for _hop in range(session.max_redirects):
        adapter: Any = session.get_adapter(request.url or "")
        controller = getattr(adapter, "controller", None)
        if controller is None:
            return None
        found = _entry(adapter, request) if any_age else controller.cached_request(request)
        if not found:
            return None
        if found.status not in _PERMANENT_REDIRECTS:
            return adapter.build_response(request, found, from_cache=True)  # type: ignore[no-any-return]
        found.close()
        target = found.headers.get("location")
        if not target:
            return None
        request.url = urljoin(request.url or "", target)
    return None


def _entry(adapter: Any, request: PreparedRequest) -> HTTPResponse | None:
    """Return the entry of a request whatever its age, read as the controller itself reads it."""
    controller = adapter.controller
    key = controller.cache_url(request.url)
    data = controller.cache.get(key)
    if data is None:
        return None
    if compat.has_separate_body(controller.cache):
        return controller.serializer.loads(request, data, controller.cache.get_body(key))  # type: ignore[no-any-return]
    return controller.serializer.loads(request, data)  # type: ignore[no-any-return]


def body_file(session: PipSession, url: str) -> Path | None:
    """Return where the body of an entry is, if it has a file of its own; else None."""
    adapter: Any = session.get_adapter(url)
    path = compat.cache_body_path(adapter.cache, adapter.controller.cache_url(url))
    return path if path is not None and path.is_file() else None


def evict(session: PipSession, url: str) -> None:
    """Remove the entry of a URL."""
    controller = getattr(session.get_adapter(url), "controller", None)
    if controller is not None:
        controller.cache.delete(controller.cache_url(url))


def entry_fields(
    response_fields: Mapping[str, str], response_url: str, checkpoint: Checkpoint, length: int
) -> dict[str, str]:
    """Return the fields of an entry for the complete file: this run's, completed by those of an earlier run.

    Names are in lower case.
    """
    fields: dict[str, str] = {}
    earlier = checkpoint.fields or {}
    if checkpoint.url_key == url_key(response_url):
        fields.update(earlier)
    fields.update({name: value for name, value in response_fields.items() if name not in _ABOUT_THE_PART})
    if (
        "no-store" in earlier.get("cache-control", "").lower()
        and "no-store" not in fields.get("cache-control", "").lower()
    ):
        fields["cache-control"] = "no-store"
    return {**fields, "content-length": str(length)}


class _Catching:
    """Takes the place of pip's cache while the controller applies its rules, and catches what it decides to store."""

    def __init__(self, cache: Any) -> None:
        self._cache = cache
        self.key = ""
        self.entry: bytes | None = None

    def get(self, key: str) -> Any:
        return self._cache.get(key)

    def set(self, key: str, value: bytes, expires: Any = None) -> None:  # noqa: ARG002
        self.key, self.entry = key, value

    def delete(self, key: str) -> None:
        self._cache.delete(key)


_SEPARATE: Any = getattr(cachecontrol_cache, "SeparateBodyBaseCache", object)


class _CatchingSeparateBody(_Catching, _SEPARATE):  # type: ignore[misc]
    """The same for a cache that has the body in a file of its own. The controller recognizes it by its base class."""

    def get_body(self, key: str) -> Any:  # noqa: ARG002
        return None

    def set_body(self, key: str, body: Any) -> None:
        """Do nothing: the body is written before the entry, so that a kill leaves no entry without its body."""


class _Length:
    """A body of which the controller needs only the length."""

    def __init__(self, length: int) -> None:
        self._length = length

    def __len__(self) -> int:
        return self._length


def store(
    session: PipSession,
    request: PreparedRequest,
    fields: Mapping[str, str],
    body: Path,
    *deliver: Callable[[Path, int], bool],
    whole: Any = None,
) -> bool:
    """Make an entry for a complete file as if it had come in one response, and return True.

    Return False if the controller's rules forbid that, or the file is too large for this pip. ``whole`` is the response
    of urllib3 that the complete file did come in, with these very fields, if there was one.

    Each ``deliver(path, mode)`` tries to put the file at ``path`` and tells whether it did; the first that does ends
    the search. The body is stored first, the entry last, except as ``_store_entry_first`` says.
    """
    adapter: Any = session.get_adapter(request.url or "")
    controller = getattr(adapter, "controller", None)
    if controller is None:
        return False
    cache, length = adapter.cache, body.stat().st_size
    is_separate = compat.has_separate_body(cache)
    if not is_separate and length > MAX_BODY_IN_MEMORY:
        logger.debug("Not caching %s bytes: this pip would hold them in memory", length)
        return False
    response = _as_response(fields) if whole is None else whole
    caught = _decide(adapter, request, response, _Length(length) if is_separate else body.read_bytes(), cache)
    if caught.entry is None:
        return False
    if is_separate:
        if cache.get(caught.key) is not None:
            cache.delete(caught.key)  # The old entry must not belong to the new body, not even for a moment.
        is_entry_stored = _store_entry_first(cache, caught.key, caught.entry)
        stored = _store_body(cache, caught.key, body, deliver)
        if is_entry_stored:
            return True
        if stored is not None and CAN_LINK:
            # As pip does it, but in half the time, which shows with a hundred small wheels.
            with Directory.opened(stored.parent) as directory:
                name = stored.name[: -len(compat.BODY)]
                write_atomically(directory, name, caught.entry, compat.cache_body_mode(cache))
            return True
    cache.set(caught.key, caught.entry)
    return True


def _store_entry_first(cache: Any, key: str, entry: bytes) -> bool:
    """Store the entry before its body where a stored file is moved into the cache; return whether that was done.

    Otherwise the next pip would find the file neither in the store nor in the cache, until its entry is written. pip
    passes over an entry without a body since 24.0.
    """
    if CAN_LINK:
        return False
    body = compat.cache_body_path(cache, key)
    if body is None or os.path.lexists(body):
        return False
    cache.set(key, entry)
    if cache.get(key) is None and body.with_name(body.name[: -len(compat.BODY)]).exists():
        return True
    cache.delete(key)
    return False


def is_used(session: PipSession, url: str) -> bool:
    """Whether pip's session uses its cache for this URL: over http only with ``--trusted-host``."""
    return getattr(session.get_adapter(url), "controller", None) is not None


def would_store(session: PipSession, request: PreparedRequest, fields: Mapping[str, str]) -> bool:
    """Whether ``store`` would make an entry for a file with these fields. Nothing is stored."""
    adapter: Any = session.get_adapter(request.url or "")
    if getattr(adapter, "controller", None) is None:
        return False
    length = int(fields.get("content-length", "0")) if fields.get("content-length", "0").isdecimal() else 0
    if not compat.has_separate_body(adapter.cache) and length > MAX_BODY_IN_MEMORY:
        return False
    # The rules compare the length in the fields with that of the body, and see nothing else of the body.
    response = _as_response({**fields, "content-length": "0"})
    caught = _decide(adapter, request, response, b"", cachecontrol_cache.DictCache())
    return caught.entry is not None


def _as_response(fields: Mapping[str, str]) -> HTTPResponse:
    return HTTPResponse(
        body=b"", headers=dict(fields), status=200, reason="OK", version=11, preload_content=False, decode_content=False
    )


def _decide(adapter: Any, request: PreparedRequest, response: Any, body: Any, cache: Any) -> _Catching:
    """Have the controller apply its rules to a complete body; return what it would store in this cache."""
    controller = adapter.controller
    caught = _CatchingSeparateBody(cache) if compat.has_separate_body(adapter.cache) else _Catching(cache)
    rules = type(controller)(cache=caught, cache_etags=controller.cache_etags, serializer=controller.serializer)
    rules.cache_response(_as_plain(request), response, body)
    return caught


def _as_plain(request: PreparedRequest) -> PreparedRequest:
    """Return the request without Range: Vary compares its fields with those of the next install."""
    headers: Any = request.headers
    if not {"Range", "Cache-Control"} & set(headers):
        return request
    plain = request.copy()
    headers = plain.headers
    for name in ("Range", "If-Range", "Cache-Control"):
        headers.pop(name, None)
    return plain


def _store_body(cache: Any, key: str, body: Path, deliver: Iterable[Callable[[Path, int], bool]]) -> Path | None:
    """Put a body into the cache. Return where it is, None if pip's cache itself has stored it."""
    path = compat.cache_body_path(cache, key)
    if path is not None:
        os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120 - pathlib tries for each directory
        mode = compat.cache_body_mode(cache)
        if any(way(path, mode) for way in deliver):
            # pip syncs what it writes, too: after a power cut no entry may be left without its body. In a shared cache
            # something else may have the name by now: a FIFO, or a symlink to a device.
            descriptor = os.open(path, os.O_RDWR | SAFE_FLAGS)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            return path
    with body.open("rb") as file:
        if body.stat().st_size == 0:
            cache.set_body(key, b"")
            return None
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped, memoryview(mapped) as view:
            cache.set_body(key, view)
    return None
