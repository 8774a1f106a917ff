"""Sessions for our own requests: pip's session in everything, with adapters of their own.

A copy shares cookies, authentication, proxies, certificates, connections and cache with pip's session, and changes
nothing in it: other threads may use it at the same moment.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Callable

from pip._vendor.requests.adapters import HTTPAdapter

from pip_resume.inside_pip import compat
from pip_resume.inside_pip.run import RUN

if TYPE_CHECKING:
    from pip._internal.network.session import PipSession
    from pip._vendor.requests.models import PreparedRequest, Response

_PERMANENT_REDIRECTS = (301, 308)
_OWN = "_pip_resume_own"


def is_own(session: object) -> bool:
    """Whether a session is a copy that one of the functions here has made."""
    return hasattr(session, _OWN)


def for_first_request(session: PipSession) -> PipSession:
    """Return a copy that sends a request as pip would, with its cache and its retries.

    The one difference: response bodies are not copied for the cache. Up to pip 23.2 the copy is in memory, since then
    in a temporary file, and CacheControl may take a body that is cut for complete.
    """
    return RUN.of_session(_without_changes, session)


def for_later_requests(session: PipSession, *, with_cache: bool = False) -> PipSession:
    """Return a copy that sends a request past pip's cache unless ``with_cache``, and without pip's ``--retries``.

    A wrong entry of the cache must not be used again and again; and retries would multiply with ours, and hide a 503
    and its Retry-After.
    """
    return _copy(session, _without_retries if with_cache else _without_cache_and_retries)


def _without_changes(session: PipSession) -> PipSession:
    return _copy(session, lambda _adapter: None)


def _copy(session: PipSession, change: Callable[[Any], None]) -> PipSession:
    copied: Any = object.__new__(type(session))
    vars(copied).update(vars(session))
    copied.adapters = OrderedDict((prefix, _copy_adapter(adapter)) for prefix, adapter in session.adapters.items())
    for adapter in copied.adapters.values():
        change(adapter)
    setattr(copied, _OWN, True)
    result: PipSession = copied
    return result


def _copy_adapter(adapter: Any) -> Any:
    copied = object.__new__(type(adapter))
    vars(copied).update(vars(adapter))
    if hasattr(copied, "controller"):
        copied.build_response = _without_copying_bodies(copied)
    return copied


def bypass_cache(session: PipSession) -> None:
    """Have this very session use pip's cache no more: nothing comes from it, and nothing is written to it."""
    for adapter in session.adapters.values():
        _bypass_cache(adapter)


def _bypass_cache(adapter: Any) -> None:
    if hasattr(adapter, "controller"):
        adapter.cacheable_methods = ("none",)  # An empty value would mean the default.


def _without_cache_and_retries(adapter: Any) -> None:
    _bypass_cache(adapter)
    _without_retries(adapter)


def _without_retries(adapter: Any) -> None:
    if compat.has_retries(adapter):
        adapter.max_retries = adapter.max_retries.new(
            total=0, status_forcelist=(), respect_retry_after_header=False, raise_on_status=False
        )


def _without_copying_bodies(adapter: Any) -> Callable[..., Response]:
    """Return a build_response that leaves CacheControl's to cached responses, 304s and permanent redirects."""
    build_with_copy = adapter.build_response

    def build_response(request: PreparedRequest, response: Any, *args: Any, **kwargs: Any) -> Response:
        from_cache = bool(args[0]) if args else kwargs.get("from_cache", False)
        if from_cache or response.status in (304, *_PERMANENT_REDIRECTS):
            # pip caches a permanent redirect. It must lead to where the file is cached.
            if not from_cache:
                kwargs = {**kwargs, "cacheable_methods": ("GET",)}
            with_copy: Response = build_with_copy(request, response, *args, **kwargs)
            return with_copy
        built: Response = HTTPAdapter.build_response(adapter, request, response)
        built.from_cache = False  # type: ignore[attr-defined]
        return built

    return build_response
