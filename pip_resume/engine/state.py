"""What one download works with, and what it has learned so far."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pip_resume.protocol.last_request import PlainRequests
from pip_resume.protocol.trust import FULL, MOST_REFUSALS, Asking, Trust

if TYPE_CHECKING:
    from pip_resume.artifact import Artifact
    from pip_resume.engine.attempts import Attempts
    from pip_resume.engine.clock import Clock, Stopwatch
    from pip_resume.engine.handover import Handover
    from pip_resume.engine.interfaces import Display, Response, Transport
    from pip_resume.engine.local_copy import LocalCopy
    from pip_resume.engine.reading import Speeds
    from pip_resume.protocol.messages import Request, ResponseHead
    from pip_resume.protocol.verdicts import Verdict

RANGES_FAIL = "requests with Range have failed"


class State:
    """The parts of one download, made once for it, and what the download has learned."""

    def __init__(
        self,
        artifact: Artifact,
        transport: Transport,
        copy: LocalCopy,
        handover: Handover,
        display: Display,
        attempts: Attempts,
        clock: Clock,
        watch: Stopwatch,
        speeds: Speeds,
    ) -> None:
        self.artifact = artifact
        self.transport = transport
        self.copy = copy
        self.handover = handover
        self.display = display
        self.attempts = attempts
        self.clock = clock
        self.watch = watch
        self.speeds = speeds
        self.trust: Trust = FULL
        """What this run still believes of the server."""
        self.wrong_cached: Response | None = None
        """The response from pip's cache whose file was wrong. Its entry stays until the right file is there: the hash
        of the link may be the one that is wrong. None as long as there is none."""
        self.wrong_cached_digest = ""
        """The digest of that file."""
        self.earlier_end: int | None = None
        """Where the last body from 0 ended with its connection, and seemed to be cut. Exclusive; None without one."""
        self.plain = PlainRequests()
        """The plain requests so far."""
        self.is_range_ignored = False
        """Whether the server has sent the complete file instead of a part, and no part since."""
        self.was_range_refused = False
        """Whether the server has refused a request because of Range, and has sent no part since."""
        self.is_range_refused = False
        """Whether it has also sent the complete file since."""
        self.is_tail_wrong = False
        """Whether the server has sent different bytes for the end of what is held, and no hash tells which is right."""
        self.is_announced = False
        """Whether pip's line for this download has been written."""

    def ask_plainly(self, reason: str, *, is_ranged: bool) -> None:
        """Plan a plain request, since the response to the last one (``is_ranged``: with Range) cannot be used.

        Wait if that was of no use before: the two requests of one attempt must not be too many.
        """
        self.trust = self.trust.after_refusal(is_ranged=is_ranged)
        self.display.asking_plainly(reason)
        if self.trust.refusals > MOST_REFUSALS:
            self.attempts.pause()

    def learn(self, trust: Trust) -> None:
        """Take over what follows from a failed attempt. If Range is given up, say so: all bytes come again then.

        Say it MOST_REFUSALS + 1 times at most. Then the user knows it, and the next request may still have Range.
        """
        gives_up_range = self.trust.asking is Asking.RETRY and trust.asking is Asking.PLAIN
        self.trust = trust
        if gives_up_range and trust.refusals <= MOST_REFUSALS + 1:
            self.display.asking_plainly(RANGES_FAIL)


class Exchange(NamedTuple):
    """A request, its response, and what the response means."""

    request: Request
    response: Response
    verdict: Verdict

    @property
    def head(self) -> ResponseHead:
        """The head of the response."""
        return self.response.head

    @property
    def ignored_range(self) -> bool:
        """Whether the server was asked for a part and sent the file from the start."""
        return self.request.is_ranged and self.verdict.first_pos == 0
