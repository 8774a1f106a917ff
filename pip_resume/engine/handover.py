"""The end of a download: the complete file goes to pip and into pip's cache, or stays in the store."""

from __future__ import annotations

import contextlib
import errno
from typing import TYPE_CHECKING, NamedTuple

from pip_resume.engine.local_copy import DISK_FULL
from pip_resume.errors import NoSpace, PipError
from pip_resume.storage.stored_partial import StoredPartial

if TYPE_CHECKING:
    from pathlib import Path

    from pip_resume.artifact import Artifact
    from pip_resume.engine.interfaces import Display, Response, Transport
    from pip_resume.engine.local_copy import LocalCopy


WITH_RIGHT_FILE = "if the server has the right file, the next run continues"


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
        resumed_at = self._copy.origin.resumed_at
        self._copy.settle()
        partial = self._copy.current
        finished = self._name(response)
        # pip takes a wheel that was cut, and cannot unpack it. Its cache must not give it to every later run.
        is_for_cache = self._artifact.digest is not None or partial.has_end(finished.path.name)
        size = partial.offset
        with self._display.copying(size):
            try:
                is_lent = partial.place(finished.path, may_lend=True)
                try:
                    self._store(finished, response, is_for_cache=is_for_cache)
                    if is_lent:
                        partial.end_loan(finished.path)
                except BaseException:
                    # By now the file may have a hard link in pip's cache: nobody may write to it under this name.
                    with contextlib.suppress(OSError):
                        finished.path.unlink()
                    raise
            except UnicodeEncodeError as error:
                # The locale has no such file names. pip fails in the same way, after one more download.
                raise PipError(error) from error
            except OSError as error:
                if error.errno == errno.ENAMETOOLONG:
                    raise PipError(error) from error
                if error.errno not in DISK_FULL:
                    raise
                # pip would fail in the same way there. The next run needs no request.
                raise NoSpace(error, self._location, size) from error
        if resumed_at:
            self._display.resumed(resumed_at, partial.offset)
        return finished

    def _store(self, finished: Finished, response: Response | None, *, is_for_cache: bool) -> None:
        """Leave the file where the next run finds it: in pip's cache, else in the store."""
        partial = self._copy.current
        is_from_cache = response is not None and response.head.from_cache
        is_cached = is_from_cache or (is_for_cache and self._transport.store_in_cache(partial, finished.path, response))
        digest = self._artifact.digest
        if not is_cached and digest is not None and isinstance(partial, StoredPartial) and partial.is_stored:
            with contextlib.suppress(OSError):  # The disk is full, for example. pip has the file.
                partial.store_complete()
        else:
            partial.discard()
        self._copy.discard_abandoned()

    def hand_over_unverified(self, response: Response | None) -> Finished:
        """Give pip a file that failed our check, so that pip judges it; its cache does not get it.

        What was held before it stays, since it may be right, and the user is told so.
        """
        finished = self._name(response)
        self._copy.current.place_unverified(finished.path)
        if self._copy.has_beside:
            self._copy.drop_beside()
            self._copy.sync()
            stored = self._copy.stored
            if stored is not None:
                self._display.interrupted(stored.offset, stored.checkpoint.complete_length, WITH_RIGHT_FILE)
        else:
            self._copy.drop()
        return finished

    def _name(self, response: Response | None) -> Finished:
        """Name the file as the first response for its bytes named it."""
        checkpoint = self._copy.current.checkpoint
        name, content_type = checkpoint.filename, checkpoint.content_type
        if response is not None:
            name = name or self._transport.filename(response)
            content_type = content_type or response.head.fields.get("content-type", "")
        return Finished(self._location / (name or self._artifact.filename), content_type)
