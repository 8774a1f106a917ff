"""Download an artifact with as few bytes as the server, and the bytes held, allow.

One loop: send a request, judge the response (``protocol.verdicts``), write its body down, judge its end
(``protocol.endings``), and wait (``attempts``), until the file is complete and verified.
"""

from __future__ import annotations

import contextlib
import math
from typing import TYPE_CHECKING, NamedTuple

from pip_resume.engine.attempts import Attempts
from pip_resume.engine.handover import Finished, Handover
from pip_resume.engine.local_copy import LocalCopy
from pip_resume.engine.reading import SPEED_WINDOW_S, blocks
from pip_resume.errors import ConnectionLost, GaveUp, PartialBusy, PipError, ServerBusy, WrongBytes
from pip_resume.protocol.checkpoint import Checkpoint, recorded_fields, recorded_name, with_length
from pip_resume.protocol.endings import Ended, Outcome, conclude
from pip_resume.protocol.messages import Request
from pip_resume.protocol.trust import Trust
from pip_resume.protocol.verdicts import Action, Verdict, judge, plan_request, retry_after_s

if TYPE_CHECKING:
    from pathlib import Path

    from pip_resume.artifact import Artifact
    from pip_resume.engine.clock import Clock
    from pip_resume.engine.interfaces import Display, Response, Transport
    from pip_resume.engine.local_copy import Cursor
    from pip_resume.protocol.messages import ResponseHead
    from pip_resume.protocol.retry import Budget
    from pip_resume.storage.store import Store


def download(
    artifact: Artifact,
    location: Path,
    transport: Transport,
    store: Store | None,
    display: Display,
    budget: Budget,
    clock: Clock,
) -> Finished:
    """Download an artifact into the directory ``location``, and give it to pip's cache.

    ``store`` is None if nothing may be stored for the next run. Raises PipError for an error of pip or of the server,
    GaveUp when the budget is spent, OSError if even ``location`` cannot be written.
    """
    copy = LocalCopy(artifact, location, store, display)
    handover = Handover(artifact, location, transport, copy, display)
    attempts = Attempts(artifact.filename, budget, display, clock)
    try:
        return _Run(artifact, transport, copy, handover, display, attempts, clock).finish()
    except BaseException as error:
        # GaveUp needs no line here: its own message says what is stored.
        stored = copy.stored
        if isinstance(error, (KeyboardInterrupt, PipError)) and stored is not None:
            display.interrupted(stored.offset, stored.checkpoint.complete_length)
        copy.sync()
        raise
    finally:
        copy.release()


class _Exchange(NamedTuple):
    """A request, its response, and what the response means."""

    request: Request
    response: Response
    verdict: Verdict

    @property
    def ignored_range(self) -> bool:
        """Whether the server was asked for a part and sent the file from the start."""
        return bool(self.request.fields) and self.verdict.first_pos == 0


class _Run:
    """One download within one run of pip."""

    def __init__(
        self,
        artifact: Artifact,
        transport: Transport,
        copy: LocalCopy,
        handover: Handover,
        display: Display,
        attempts: Attempts,
        clock: Clock,
    ) -> None:
        self._artifact = artifact
        self._transport = transport
        self._copy = copy
        self._handover = handover
        self._display = display
        self._attempts = attempts
        self._clock = clock
        self._trust = Trust()
        self._is_first_request = True
        self._is_announced = False

    def finish(self) -> Finished:
        """Take the file from pip's cache or from the store, else request it until it is complete and verified."""
        finished: Finished | None = None
        while finished is None:
            try:
                finished = self._find_earlier() or self._step()
            except PartialBusy:
                self._copy.wait_for_other(self._clock)
                self._is_first_request = True  # pip's cache may have the file by now.
            except WrongBytes as wrong:
                self._trust = self._trust.after_wrong()
                self._start_over(str(wrong))
            except ConnectionLost as lost:
                finished = self._after_loss(lost)
        return finished

    def _find_earlier(self) -> Finished | None:
        """Use what pip's cache has, which is complete, or else what an earlier run has stored."""
        copy = self._copy
        if not self._is_first_request or not copy.may_find_earlier():
            return None
        finished = self._from_cache()
        if finished is not None:
            copy.forget_earlier()
            return finished
        copy.claim_earlier()
        self._attempts.begin_at(copy.held.offset)
        return None

    def _from_cache(self) -> Finished | None:
        """Take a complete, verified file out of pip's cache."""
        response = self._transport.cached()
        if response is None:
            return None
        with contextlib.closing(response):
            verdict = judge(Request(), response.head, self._copy.held)
            self._display.judged(response.head, verdict)
            finished = None
            if verdict.action is Action.APPEND:
                finished = self._receive(_Exchange(Request(), response, verdict))
        if finished is None:
            self._copy.drop()
        return finished

    def _step(self) -> Finished | None:
        """Verify what is complete, else send one request and act on its response. None if more has to be requested."""
        if self._copy.is_complete:
            return self._verify_held()
        request = plan_request(self._copy.held) if self._trust.ranges else Request()
        with contextlib.closing(self._send(request)) as response:
            verdict = judge(request, response.head, self._copy.held)
            self._display.judged(response.head, verdict)
            return self._act(_Exchange(request, response, verdict))

    def _send(self, request: Request) -> Response:
        # Only the first request, if it has no Range, is sent exactly as pip would send it, so that pip's own error
        # appears if the server cannot be reached.
        is_pips, self._is_first_request = self._is_first_request and not request.fields, False
        self._display.requested(request, self._copy.held)
        return self._transport.first() if is_pips else self._transport.get(request.fields)

    def _act(self, exchange: _Exchange) -> Finished | None:
        """Do what a verdict says."""
        action, response = exchange.verdict.action, exchange.response
        if action in (Action.APPEND, Action.REPLACE):
            return self._receive(exchange)
        if action is Action.VERIFY:
            return self._check(response)
        if action is Action.WAIT:
            raise ServerBusy(response, retry_after_s(response.head, self._clock.now_s()))
        if action is Action.FAIL or self._trust.is_spent:
            self._transport.reject(response)
        self._trust = self._trust.after_refusal()
        self._display.starting_over(exchange.verdict.reason)
        if self._artifact.digest is None:
            self._copy.reset()
        return None

    def _receive(self, exchange: _Exchange) -> Finished | None:
        """Write the body of a response down, and see whether the file is complete then."""
        copy, response, verdict = self._copy, exchange.response, exchange.verdict
        head = response.head
        if head.from_cache:
            source = self._transport.cached_file(response)
            if source is not None and copy.take_file(source):
                self._announce_body(head, verdict)
                return self._conclude(exchange, copy.held.offset, 0)
        cursor = copy.open(head, verdict, self._checkpoint_of(response, verdict))
        self._announce_body(head, verdict)
        try:
            self._write_body(exchange, cursor)
        except ConnectionLost:
            if not head.from_cache:
                raise
            return self._wrong_digest(response)
        return self._conclude(exchange, cursor.position, cursor.gained)

    def _write_body(self, exchange: _Exchange, cursor: Cursor) -> None:
        response, verdict = exchange.response, exchange.verdict
        body = blocks(response, verdict, self._clock, self._speed_window_s(exchange))
        with self._display.bar(body, response.head, verdict.first_pos, verdict.complete_length) as shown:
            for block in shown:
                cursor.write(block)

    def _speed_window_s(self, exchange: _Exchange) -> float:
        """Seconds over which the speed is measured; infinite unless a new request could resume from here."""
        held = self._copy.held
        next_request = plan_request(held._replace(offset=max(held.offset, 1), overlap=0))
        can_resume = self._trust.ranges and next_request.fields and not exchange.ignored_range
        return SPEED_WINDOW_S if can_resume else math.inf

    def _announce_body(self, head: ResponseHead, verdict: Verdict) -> None:
        # A body from 0 is only compared with what is held: nothing is resumed.
        offset = self._copy.held.offset if verdict.first_pos else 0
        self._announce(head, offset, verdict.complete_length)

    def _announce(self, head: ResponseHead | None, offset: int, complete_length: int | None) -> None:
        """Write pip's line for a download, once."""
        if not self._is_announced:
            self._is_announced = True
            self._display.starting(head, offset, complete_length)

    def _checkpoint_of(self, response: Response, verdict: Verdict) -> Checkpoint:
        """Return what a response says about the file whose bytes follow."""
        fields = recorded_fields(response.head.fields)
        return Checkpoint(
            filename=recorded_name(self._transport.filename(response)),
            content_type=fields.get("content-type", ""),
            host=self._artifact.host,
            complete_length=verdict.complete_length,
            fields=fields,
            url_key=response.head.url_key,
        )

    def _conclude(self, exchange: _Exchange, position: int, gained: int) -> Finished | None:
        """Do what the end of a body means."""
        ended = Ended(exchange.response.head, exchange.verdict, position, self._copy.held, gained)
        ending = conclude(ended)
        self._display.concluded(ending, ended.held)
        if ending.outcome is Outcome.LOST:
            raise ConnectionLost(ending.reason)
        if ending.outcome is Outcome.MORE:
            return None
        if ending.outcome is Outcome.WRONG:
            return self._wrong_digest(exchange.response)
        self._fit_to_length(ended)
        if ending.outcome is Outcome.CHECK_OR_LOST and not self._copy.has_right_digest():
            raise ConnectionLost(ending.reason)
        return self._check(exchange.response)

    def _fit_to_length(self, ended: Ended) -> None:
        """If more is held than the file has, keep the surplus aside: the digest decides which of the two is right."""
        partial, length = self._copy.partial, ended.length
        if length is not None and partial.offset > length and not partial.has_replacement:
            partial.start_replacement(length, with_length(partial.checkpoint, length))

    def _verify_held(self) -> Finished | None:
        """Verify a file that needs no request."""
        offset = self._copy.held.offset
        self._display.starting(None, offset, offset)
        self._copy.origin = self._copy.origin._replace(resumed_at=offset)
        return self._check(None)

    def _check(self, response: Response | None) -> Finished | None:
        """Hand over a file that lacks nothing, if its digest is right or not known; None to go on after a wrong one."""
        if self._artifact.digest is None or self._copy.has_right_digest():
            return self._handover.hand_over(response)
        return self._wrong_digest(response)

    def _wrong_digest(self, response: Response | None) -> Finished | None:
        """Start over, once. pip judges the next wrong file."""
        partial = self._copy.partial
        if response is not None and response.head.from_cache:
            # No server has sent this file, and the cache is not asked again.
            self._transport.evict(response)
            self._display.starting_over("pip's cache has a wrong copy")
            self._copy.drop()
            self._is_announced = False
            return None
        self._trust = self._trust.after_wrong()
        if self._trust.is_spent and (self._copy.origin.is_this_run or partial.has_replacement):
            return self._handover.hand_over_unverified(response)
        if partial.has_replacement:
            self._display.starting_over("the server sent a wrong file")
            partial.drop_replacement()
        else:
            self._start_over("its hash does not match the one given by the index")
        return None

    def _start_over(self, reason: str) -> None:
        """Discard what is held and start at 0."""
        self._display.starting_over(reason)
        self._copy.reset()
        # The progress is counted from 0 again only until the trust is spent, so this cannot go on for ever.
        if not self._trust.is_spent:
            self._attempts.begin_at(0)
        self._trust = self._trust.after_restart()

    def _after_loss(self, lost: ConnectionLost) -> Finished | None:
        """Wait for the next attempt. Raises GaveUp, or PipError if pip has the better message."""
        copy = self._copy
        held = copy.held
        if held.offset:
            copy.partial.drop_replacement()
            if copy.is_complete:
                return None
            # A body without a length may have ended exactly where the file does, only without saying so.
            if held.checkpoint.complete_length is None and copy.has_right_digest():
                return self._handover.hand_over(None)
        try:
            stored = copy.stored
            self._attempts.wait_after(lost, held, is_stored=stored is not None and stored.offset >= held.offset)
        except GaveUp:
            if isinstance(lost, ServerBusy) and held.offset == 0:
                self._transport.reject(lost.response)
            raise
        self._trust = self._trust.after_loss()
        return None
