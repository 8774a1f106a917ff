"""The proxies and certificates of a request, looked for once per host.

For each request, requests looks through all variables of the environment several times. That takes 0.1 ms with ten of
them, and a hundred small wheels are two hundred requests. The environment of a run of pip stays the same.
"""

from __future__ import annotations

from typing import Any, Callable
from urllib.parse import urlsplit

from pip_resume.inside_pip import replacement
from pip_resume.inside_pip.run import RUN

_NAME = "merge_environment_settings"


def apply(session_class: Any) -> None:
    """Have the sessions of a class look through the environment once per host; a second call changes nothing."""

    def make(original: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
        def merge_environment_settings(session: Any, url: str, *given: Any) -> dict[str, Any]:
            try:
                key = _key(session, url, *given)
                found = RUN.merged_settings.get(key)
            except Exception:  # requests may have changed, or a value may not be hashable.
                return original(session, url, *given)
            if found is None:
                found = RUN.merged_settings[key] = original(session, url, *given)
            return {name: value.copy() if isinstance(value, dict) else value for name, value in found.items()}

        return merge_environment_settings

    replacement.replace(session_class, _NAME, make)


def undo(session_class: Any) -> None:
    """Restore the class's own method; changes nothing if it was not replaced."""
    replacement.restore(session_class, _NAME)


def _key(session: Any, url: str, proxies: Any, *others: Any) -> tuple[Any, ...]:
    """Return all that the settings depend on, apart from the environment (requests 2.34, ``sessions.py``)."""
    # requests adds the proxies of the environment to those that it is given, which may be the session's.
    given = [tuple((each or {}).items()) for each in (proxies, session.proxies)]
    return (urlsplit(url)[:2], *given, *others, session.trust_env, session.stream, session.verify, session.cert)
