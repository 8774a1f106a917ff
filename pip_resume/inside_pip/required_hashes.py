"""The hashes in a requirements file: known while pip downloads the file, and what follows if pip's check fails.

pip passes them to ``get_http_url`` of ``pip._internal.operations.prepare``, which calls the downloader without them and
checks the file afterwards.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Callable

from pip._internal.exceptions import HashMismatch

from pip_resume.inside_pip import replacement

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import ModuleType

_current = threading.local()


def current() -> Mapping[str, Sequence[str]]:
    """Return the hashes that pip accepts for the file that this thread downloads, by algorithm; empty if unknown."""
    return getattr(_current, "hashes", {})


def apply(prepare_module: ModuleType | None, forget: Callable[[Any, Any], None]) -> None:
    """Follow ``get_http_url`` of a module; a second call changes nothing, nor does a pip that lacks the function.

    ``forget(downloader, link)`` is called after pip has found that a downloaded file has a wrong hash.
    """

    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        def get_http_url(link: Any, download: Any, *args: Any, **kwargs: Any) -> Any:
            hashes = kwargs.get("hashes", args[1] if len(args) > 1 else None)
            before, _current.hashes = current(), _allowed(hashes)
            try:
                return original(link, download, *args, **kwargs)
            except HashMismatch:
                forget(download, link)
                raise
            finally:
                _current.hashes = before

        return get_http_url

    replacement.replace(prepare_module, "get_http_url", make)


def undo(prepare_module: ModuleType | None) -> None:
    """Restore pip's own function; changes nothing if it was not replaced."""
    replacement.restore(prepare_module, "get_http_url")


def _allowed(hashes: Any) -> Mapping[str, Sequence[str]]:
    allowed = getattr(hashes, "_allowed", None)
    return {name: values for name, values in allowed.items() if values} if isinstance(allowed, dict) else {}
