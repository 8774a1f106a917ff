"""The end of a download: the whole file goes to pip, then to pip's cache, and only then is the partial gone."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, NamedTuple

from pip_resume.engine.local_copy import FULL
from pip_resume.errors import PipError

if TYPE_CHECKING:
    from pathlib import Path

    from pip_resume.artifact import Artifact
    from pip_resume.engine.interfaces import Answer, Display, Transport
    from pip_resume.engine.local_copy import LocalCopy


class Finished(NamedTuple):
    """A file that pip may have."""

    path: Path
    content_type: str


class Handover:
    """Where the file of one download goes."""

    def __init__(
        self, artifact: Artifact, location: Path, transport: Transport, holding: LocalCopy, display: Display
    ) -> None:
        self._artifact = artifact
        self._location = location
        self._transport = transport
        self._holding = holding
        self._display = display

    def hand_over(self, answer: Answer | None) -> Finished:
        """Give pip the right file; ``answer`` is the last one of this run, None when no request was needed."""
        partial = self._holding.partial
        finished = self._finished(answer)
        try:
            partial.place(finished.path)
        except OSError as error:
            if error.errno not in FULL:
                raise
            # pip would fare no better there; the next run needs no request.
            raise PipError(error) from error
        try:
            self._conclude(finished, answer)
        except BaseException:
            # The file has other names by now, one of them in pip's cache: nobody may write to it under this one.
            with contextlib.suppress(OSError):
                finished.path.unlink()
            raise
        return finished

    def _conclude(self, finished: Finished, answer: Answer | None) -> None:
        partial = self._holding.partial
        if answer is None or not answer.head.from_cache:
            self._transport.hand_over(partial, finished.path, answer)
        partial.discard()
        self._holding.discard_left()
        if self._holding.resumed_at:
            self._display.not_again(self._holding.resumed_at, partial.offset)

    def hand_over_unproved(self, answer: Answer | None) -> Finished:
        """Give pip a file that failed our check, to judge it in its own words; its cache does not get it."""
        finished = self._finished(answer)
        self._holding.partial.place_unproved(finished.path)
        return finished

    def _finished(self, answer: Answer | None) -> Finished:
        """Name the file as the first answer for its bytes had it named."""
        checkpoint = self._holding.partial.checkpoint
        name, content_type = checkpoint.filename, checkpoint.content_type
        if answer is not None:
            name = name or self._transport.filename(answer)
            content_type = content_type or answer.head.fields.get("content-type", "")
        return Finished(self._location / (name or self._artifact.filename), content_type)
