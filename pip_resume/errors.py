"""What we raise, named for whose fault it is. No I/O."""

from __future__ import annotations

import enum
from typing import Any


class ResumeError(Exception):
    """Base of everything that this package raises on purpose."""


class UnsupportedPip(ResumeError):
    """This pip lacks a name or a signature that the download step builds on; the text names it."""


class Stage(enum.Enum):
    """How far an attempt came before it failed."""

    REQUEST = "no answer"
    ANSWER = "an answer that asks for patience"
    BODY = "a body that ended early"


class ConnectionLost(ResumeError):
    """The connection ended before the answer did; the bytes so far are good and the rest can be asked for.

    The text is the cause in a few words, for people ("reset by peer"). Nothing in it comes from the server.
    """

    stage = Stage.BODY


class NoResponse(ConnectionLost):
    """A request was not answered, or could not even be sent."""

    stage = Stage.REQUEST


class ServerBusy(ConnectionLost):
    """The server asks to be asked again later.

    ``answer`` is what it said, ``retry_after_s`` the seconds it wants, if it told them.
    """

    stage = Stage.ANSWER

    def __init__(self, answer: Any, retry_after_s: float | None) -> None:
        super().__init__(f"the server answered {answer.head.status}")
        self.answer = answer
        self.retry_after_s = retry_after_s


class PipError(ResumeError):
    """An error that belongs to pip or to the server and must reach the user exactly as pip raises it.

    ``cause`` is pip's own exception, to be raised unchanged once our files are closed.
    """

    def __init__(self, cause: BaseException) -> None:
        super().__init__(str(cause))
        self.cause = cause


class StoreUnusable(ResumeError):
    """The directory for partials cannot be used (full, read-only, planted names); the text says why."""


class PartialBusy(ResumeError):
    """Another pip holds the partial of this artifact."""


class WrongBytes(ResumeError):
    """Bytes that should be equal differ: the digest, or the overlap with what was held; the text says which."""


class GaveUp(ResumeError):
    """The retry budget is spent, or the server asked for more patience than we have.

    ``report`` (a host.Report) tells the user.
    """

    def __init__(self, report: Any) -> None:
        super().__init__(f"{report.filename} was given up")
        self.report = report


class Complaint(ResumeError):
    """What a command of ours cannot do and why, in one line for people; the command ends with exit code 2."""
