"""What is remembered for one run of pip: what was said already, and what was done already."""

from __future__ import annotations

import atexit
import contextlib
from typing import Any, Callable, TypeVar, cast

from pip_resume.engine.reading import Speeds
from pip_resume.protocol.retry import Reached

_T = TypeVar("_T")


class PipRun:
    """The memory of one run of pip, which is one process."""

    def __init__(self) -> None:
        self._seen: set[tuple[str, str]] = set()
        self._at_end: list[Callable[[], None]] = []
        self._hosts: set[str] = set()
        self._cached_urls: dict[str, str] = {}
        self._of_sessions: dict[Callable[..., Any], tuple[list[Any], Any]] = {}
        self.keys: set[str] = set()
        """The keys of all artifacts that this run has wanted."""
        self.filenames: set[str] = set()
        """The names of the files that this run has got."""
        self.cached_body_modes: dict[str, int] = {}
        """See compat.cache_body_mode."""
        self.unchecked_urls: set[str] = set()
        """The links whose file came from pip's cache, and was left to pip's own check."""
        self.doubted_urls: set[str] = set()
        """Those of them that failed this check."""
        self.merged_settings: dict[Any, Any] = {}
        """See merged_settings."""
        self.speeds = Speeds()
        """The fastest connection so far."""

    def is_first(self, kind: str, what: str = "") -> bool:
        """Whether this is the first call with these two texts: for what one run says or does only once."""
        if (kind, what) in self._seen:
            return False
        self._seen.add((kind, what))
        return True

    def of_session(self, make: Callable[..., _T], session: Any, *more: object) -> _T:
        """Return ``make(session, *more)``, for what does not change as long as these objects are the same.

        ``make`` is called again only if one of the objects is a different one, or if an attribute or an adapter of the
        session was exchanged: for ``--trusted-host`` in a requirements file pip adds adapters. What it reads elsewhere,
        in the environment or in ``sys.argv``, is read once.
        """
        made_of = [*vars(session).values(), *session.adapters.values(), *more]
        known = self._of_sessions.get(make)
        if known is None or known[0] != made_of:
            known = self._of_sessions[make] = (made_of, make(session, *more))
        return cast("_T", known[1])

    def answered(self, host: str) -> None:
        """Take note that a host (with its port) has answered."""
        self._hosts.add(host)

    def reached(self, host: str) -> Reached:
        """Return which hosts have answered, as seen from a link to ``host``."""
        if host in self._hosts:
            return Reached.THIS_HOST
        return Reached.OTHER_HOST if self._hosts else Reached.NONE

    def cached(self, url: str, final_url: str) -> None:
        """Take note that we have stored a file in pip's cache, under the URL that gave it after all redirects."""
        self._cached_urls[url] = final_url

    def cached_url(self, url: str) -> str | None:
        """Return the URL under which we have stored the file of a link in pip's cache; None if we have not."""
        return self._cached_urls.get(url)

    def at_end(self, action: Callable[[], None]) -> None:
        """Call ``action`` at the end of the run."""
        if not self._at_end:
            atexit.register(self.end)
        self._at_end.append(action)

    def end(self) -> None:
        """Do what was left for the end of the run. Raises nothing."""
        while self._at_end:
            with contextlib.suppress(Exception):
                self._at_end.pop()()

    def forget(self) -> None:
        """Forget everything, as a new process would. For programs that run pip several times, such as the tests."""
        self.__init__()  # type: ignore[misc]


RUN = PipRun()
