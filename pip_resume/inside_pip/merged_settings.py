"""The proxies and certificates of a request, looked for once per host, where the environment alone names them.

For each request, requests looks through all variables of the environment several times. That takes 0.1 ms with ten of
them, and a hundred small wheels are two hundred requests. The environment of a run of pip stays the same.
"""

from __future__ import annotations

import urllib.request
from typing import Any, Callable
from urllib.parse import urlsplit

from pip_resume.inside_pip import replacement
from pip_resume.inside_pip.run import RUN

_NAME = "merge_environment_settings"


def apply(session_class: Any) -> None:
    """Have the sessions of a class look through the environment once per host; a second call changes nothing.

    Nothing is changed on Windows and macOS either: see ``proxies_may_change``.
    """

    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        def merge_environment_settings(session: Any, *given: Any, **named: Any) -> Any:
            key = _key(session, *given, **named)
            if key is None:
                return original(session, *given, **named)
            if key not in RUN.merged_settings:
                RUN.merged_settings[key] = original(session, *given, **named)
            return _copied(RUN.merged_settings[key])

        return merge_environment_settings

    if not proxies_may_change():
        replacement.replace(session_class, _NAME, make)


def undo(session_class: Any) -> None:
    """Restore the class's own method; changes nothing if it was not replaced."""
    replacement.restore(session_class, _NAME)


def proxies_may_change() -> bool:
    """Whether proxies come from the settings of the system, too, as on Windows and macOS.

    A laptop that changes networks in the middle of a run may need a different one.
    """
    return urllib.request.getproxies is not urllib.request.getproxies_environment


def _key(session: Any, *given: Any, **named: Any) -> tuple[Any, ...] | None:
    """Return all that the settings depend on apart from the environment; None if that is not known, or not hashable."""
    try:
        key = _inputs(session, *given, **named)
        hash(key)
    except Exception:
        return None
    return key


def _inputs(session: Any, url: str, proxies: Any, stream: Any, verify: Any, cert: Any) -> tuple[Any, ...]:
    """The parameters are those of requests (2.26 of pip 21.3.1 to 2.34 of pip 26.3, ``sessions.py``)."""
    # requests adds the proxies of the environment to those that it is given, which may be the session's.
    mappings = [tuple((each or {}).items()) for each in (proxies, session.proxies)]
    own = (session.trust_env, session.stream, session.verify, session.cert)
    return (urlsplit(url)[:2], *mappings, stream, verify, cert, *own)


def _copied(settings: Any) -> Any:
    if not isinstance(settings, dict):  # A requests that returns something else.
        return settings
    return {name: value.copy() if isinstance(value, dict) else value for name, value in settings.items()}
