"""The end of a download: the complete file goes to pip, then into pip's cache, and then the partial is removed."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, NamedTuple

from pip_resume.engine.local_copy import DISK_FULL
from pip_resume.errors import PipError

if TYPE_CHECKING:
    from pathlib import Path

    from pip_resume.artifact import Artifact
    from pip_resume.engine.interfaces import Display, Response, Transport
    from pip_resume.engine.local_copy import LocalCopy


class Finished(NamedTuple):
    """A file for pip."""

    path: Path
    content_type: str


class Handover:
    """Gives the file of one download to pip and to pip's cache."""

    def __init__(
        self, artifact: Artifact, location: Path, transport: Transport, copy: LocalCopy, display: Display
    ) -> None:
        self._artifact = artifact
        self._location = location
        self._transport = transport
        self._copy = copy
        self._display = display

    def hand_over(self, response: Response | None) -> Finished:
        """Give pip the verified file. ``response`` is the last one of this run, None if no request was needed."""
        partial = self._copy.partial
        finished = self._name(response)
        try:
            partial.place(finished.path)
        except OSError as error:
            if error.errno not in DISK_FULL:
                raise
            # pip would fail in the same way there. The next run needs no request.
            raise PipError(error) from error
        try:
            self._store_and_report(finished, response)
        except BaseException:
            # By now the file may have a hard link in pip's cache: nobody may write to it under this name.
            with contextlib.suppress(OSError):
                finished.path.unlink()
            raise
        return finished

    def _store_and_report(self, finished: Finished, response: Response | None) -> None:
        partial, resumed_at = self._copy.partial, self._copy.origin.resumed_at
        if response is None or not response.head.from_cache:
            self._transport.store_in_cache(partial, finished.path, response)
        partial.discard()
        self._copy.discard_abandoned()
        if resumed_at:
            self._display.resumed(resumed_at, partial.offset)

    def hand_over_unverified(self, response: Response | None) -> Finished:
        """Give pip a file that failed our check, so that pip judges it; its cache does not get it."""
        finished = self._name(response)
        self._copy.partial.place_unverified(finished.path)
        return finished

    def _name(self, response: Response | None) -> Finished:
        """Name the file as the first response for its bytes named it."""
        checkpoint = self._copy.partial.checkpoint
        name, content_type = checkpoint.filename, checkpoint.content_type
        if response is not None:
            name = name or self._transport.filename(response)
            content_type = content_type or response.head.fields.get("content-type", "")
        return Finished(self._location / (name or self._artifact.filename), content_type)
