"""Exceptions that this package raises on purpose, and the values that they carry. No I/O."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path


class Stage(enum.Enum):
    """How far an attempt came before it failed."""

    REQUEST = "no response arrived"
    RESPONSE = "the response asked us to try again later"
    BODY = "the body ended early"


class FailedAttempt(NamedTuple):
    """One attempt that failed, for the history in the final message."""

    cause: str
    """A few words for people. Nothing in it comes from the server."""
    offset: int
    """Bytes held when it ended."""
    new_bytes: int
    """Bytes beyond the highest offset of all attempts before it."""
    after_s: float
    """Seconds since the download began."""
    stage: Stage = Stage.BODY
    can_continue: bool = True
    """Whether the next request can continue what is held. It cannot without a hash and without a strong validator."""


class Report(NamedTuple):
    """Why a download was given up, and what is left of it."""

    filename: str
    """Empty if no response has named the file."""
    offset: int
    """Bytes held at the end."""
    complete_length: int | None
    """None if no response has given it."""
    attempts: tuple[FailedAttempt, ...]
    """All attempts that failed, oldest first; never empty."""
    retry_after_s: float | None = None
    """The server's Retry-After in seconds, if that is why the download was given up."""
    is_stored: bool = False
    """Whether the next run finds the bytes."""
    is_range_ignored: bool = False
    """Whether the server sends the complete file instead of a part, so that the bytes save nothing."""
    is_range_refused: bool = False
    """Whether the server refuses requests for a range, and sends the complete file only. The bytes save nothing."""


class ResumeError(Exception):
    """Base class of all exceptions of this package."""


class UnsupportedPip(ResumeError):
    """This pip lacks a name or a signature that the download step needs; the text names it."""


class ConnectionLost(ResumeError):
    """An attempt failed, and a later one may succeed. If it is of this class itself, the body ended too early.

    Then the bytes that arrived are good, and the rest can be requested. The text is the cause in a few words for people
    ("reset by peer"). Nothing in it comes from the server.
    """

    stage = Stage.BODY


class NoResponse(ConnectionLost):
    """A request got no response, or could not be sent."""

    stage = Stage.REQUEST

    def __init__(
        self,
        cause: str,
        error: BaseException | None = None,
        *,
        is_for_pip: bool = False,
        was_sent: bool = True,
        was_silent: bool = False,
        is_unverified: bool = False,
    ) -> None:
        """``error`` is pip's own exception. With ``is_for_pip`` it says more than our own error would.

        ``was_sent`` is False if there was no connection to send the request over. ``was_silent`` is True if there was
        one, and no response within pip's ``--timeout``. ``is_unverified`` is True if the host has shown a wrong
        certificate, and no right one in this run.
        """
        super().__init__(cause)
        self.error = error
        self.is_for_pip = is_for_pip
        self.was_sent = was_sent
        self.was_silent = was_silent
        self.is_unverified = is_unverified


class ServerBusy(ConnectionLost):
    """The server asked us to try again later."""

    stage = Stage.RESPONSE

    def __init__(self, response: Any, retry_after_s: float | None) -> None:
        """``response`` is an interfaces.Response; ``retry_after_s`` is None if the server named no time."""
        super().__init__(f"the server answered {response.head.status}")
        self.response = response
        self.retry_after_s = retry_after_s


class UselessBody(ConnectionLost):
    """A body ended as it should, but it was of no use: a page, a different file, or too few bytes."""


class PipError(ResumeError):
    """An error of pip or of the server, which must reach the user exactly as pip raises it.

    ``cause`` is pip's own exception. It is raised unchanged once our files are closed.
    """

    def __init__(self, cause: BaseException) -> None:
        super().__init__(str(cause))
        self.cause = cause


class RangeError(ResumeError):
    """A request for a range has failed in a way that no further one can change, such as redirects without an end.

    A plain request may still get the file.
    """


class NoSpace(PipError):
    """pip's temporary directory is full. ``directory`` names it, ``needed`` is the length of the file in bytes."""

    cause: OSError

    def __init__(self, cause: OSError, directory: Path, needed: int) -> None:
        super().__init__(cause)
        self.directory = directory
        self.needed = needed


class StoreUnusable(ResumeError):
    """The directory for partial downloads cannot be used; the text says why."""


class NamesInUse(StoreUnusable):
    """Other downloads of the artifact use all of its names at this moment. Nothing is wrong with the directory."""


class PartialBusy(ResumeError):
    """Another pip holds the lock of this artifact's partial."""


class WrongBytes(ResumeError):
    """Bytes that should be equal differ; the text says which."""


class GaveUp(ResumeError):
    """The limits of a download are spent, or the server asks for a longer wait than the user allows.

    ``report`` tells the user what happened and what is left.
    """

    def __init__(self, report: Report) -> None:
        super().__init__(f"gave up the download of {report.filename}")
        self.report = report


class CommandError(ResumeError):
    """Why a command of ours failed, in one line for people. The command ends with exit code 2."""
