"""What is remembered for one run of pip: what was said already, and what was done already."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class PipRun:
    """The memory of one run of pip, which is one process."""

    def __init__(self) -> None:
        self._seen: set[tuple[str, str]] = set()
        self.cached_body_modes: dict[Path, int] = {}
        """See compat.cache_body_mode."""

    def is_first(self, kind: str, what: str = "") -> bool:
        """Whether this is the first call with these two texts: for what one run says or does only once."""
        if (kind, what) in self._seen:
            return False
        self._seen.add((kind, what))
        return True

    def forget(self) -> None:
        """Forget everything, as a new process would. For programs that run pip several times, such as the tests."""
        self.__init__()  # type: ignore[misc]


RUN = PipRun()
