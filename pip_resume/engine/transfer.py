"""Download an artifact with as few bytes as the server, and the bytes held, allow.

One loop: send a request, judge the response (``protocol.verdicts``), write its body down (``cursor``), judge its end
(``verification``), and wait (``attempts``), until the file is complete and verified. What the next request is follows
from ``protocol.trust``.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from pip_resume.engine import learning, verification
from pip_resume.engine.attempts import Attempts
from pip_resume.engine.clock import Stopwatch
from pip_resume.engine.cursor import Cursor
from pip_resume.engine.handover import Finished, Handover
from pip_resume.engine.local_copy import LocalCopy
from pip_resume.engine.receiving import checkpoint_of, write_body
from pip_resume.engine.state import RANGES_FAIL, Exchange, State
from pip_resume.engine.stored_bytes import note_range, say_what_is_stored
from pip_resume.errors import (
    ConnectionLost,
    GaveUp,
    NoResponse,
    PartialBusy,
    PipError,
    RangeError,
    ServerBusy,
    Stage,
    UselessBody,
    WrongBytes,
)
from pip_resume.protocol.messages import Request
from pip_resume.protocol.planning import plan_request, retry_after_s
from pip_resume.protocol.retry import limits_before_response
from pip_resume.protocol.trust import Costs
from pip_resume.protocol.verdicts import DATE_DIFFERS, RANGE_REFUSED, Action, judge

if TYPE_CHECKING:
    from pathlib import Path

    from pip_resume.artifact import Artifact
    from pip_resume.engine.clock import Clock
    from pip_resume.engine.interfaces import Display, Response, Transport
    from pip_resume.engine.reading import Speeds
    from pip_resume.protocol.retry import Options
    from pip_resume.storage.store import Store


def download(
    artifact: Artifact,
    location: Path,
    transport: Transport,
    store: Store | None,
    display: Display,
    options: Options,
    clock: Clock,
    speeds: Speeds,
) -> Finished:
    """Download an artifact into the directory ``location``, and give it to pip's cache.

    ``store`` is None if nothing may be stored for the next run. Raises PipError for an error of pip or of the server,
    GaveUp when the limits of ``options`` are spent, OSError if even ``location`` cannot be written.
    """
    copy = LocalCopy(artifact, location, store, display, clock)
    handover = Handover(artifact, location, transport, copy, display)
    watch = Stopwatch(clock)
    attempts = Attempts(limits_before_response(options, transport.reached), options, display, clock, watch)
    state = State(artifact, transport, copy, handover, display, attempts, clock, watch, speeds)
    try:
        return _Run(state).finish()
    except BaseException as error:
        copy.sync()
        say_what_is_stored(error, state)
        raise
    finally:
        copy.release()


class _Run:
    """One download within one run of pip."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._is_first_request = True
        self._request_s = 0.0
        """Seconds from sending the last request to the head of its response."""

    def finish(self) -> Finished:
        """Take the file from pip's cache or from the store, else request it until it is complete and verified."""
        finished: Finished | None = None
        while finished is None:
            try:
                finished = self._find_earlier() or self._step()
            except PartialBusy:
                self._state.copy.store.wait_for_other(self._state.clock, self._state.speeds)
                self._is_first_request = True  # pip's cache may have the file by now.
        return finished

    def _find_earlier(self) -> Finished | None:
        """Use what pip's cache has, which is complete, or else what an earlier run has stored."""
        copy = self._state.copy
        if not self._is_first_request or not copy.may_find_earlier():
            return None
        finished = self._from_cache()
        if finished is not None:
            copy.store.forget_earlier()
            return finished
        if not copy.has_any:
            copy.claim_earlier()
        self._state.attempts.begin_at(copy.held.offset)
        return None

    def _from_cache(self) -> Finished | None:
        """Take a complete, verified file out of pip's cache."""
        response = self._state.transport.cached() if self._state.wrong_cached is None else None
        if response is None:
            return None
        with contextlib.closing(response):
            exchange = self._judge(Request(), response)
            return self._receive(exchange) if exchange.verdict.action is Action.APPEND else None

    def _step(self) -> Finished | None:
        """Verify what is complete, else send one request and act on its response. None if more has to be requested."""
        state, is_first = self._state, self._is_first_request
        if state.copy.is_complete:
            return self._verify_held()
        request = plan_request(state.copy.held, state.trust)
        exchange = None
        try:
            with contextlib.closing(self._send(request)) as response:
                exchange = self._judge(request, response)
                return self._act(exchange)
        except RangeError:
            state.ask_plainly(RANGES_FAIL, is_ranged=True)
            return None
        except ConnectionLost as lost:
            if lost.stage is not Stage.BODY:
                learning.without_body(state, request, lost)
                if is_first and not state.copy.has_any and (finished := self._from_cache()) is not None:
                    # pip could not ask whether its cache is up to date. The hash of the link says so.
                    return finished
            # A body from 0 that is cut says nothing about Range: a plain request gets the same.
            is_cut = lost.stage is Stage.BODY and not isinstance(lost, UselessBody)
            is_plain_body = is_cut and exchange is not None and exchange.ignored_range
            self._after_loss(lost, was_ranged=request.is_ranged and not is_plain_body)
            return None

    def _verify_held(self) -> Finished | None:
        """Verify a file that needs no request."""
        copy = self._state.copy
        offset = copy.held.offset
        self._state.display.starting(None, offset, offset)
        copy.origin = copy.origin._replace(resumed_at=offset)
        return verification.check(self._state, None)

    def _send(self, request: Request) -> Response:
        state = self._state
        # Only the first request, if it is plain, is sent exactly as pip would send it.
        may_be_pips = self._is_first_request and not request.fields and state.wrong_cached is None
        is_pips, self._is_first_request = may_be_pips, False
        if not request.is_ranged:
            state.plain = state.plain.after_sent(is_probe=state.trust.is_probing)
        state.display.requested(request, state.copy.held)
        begun_s = state.watch.lap(0.0)
        try:
            if is_pips:
                response = state.transport.first()
            else:
                # pip may ask for a password, but only before the first response.
                with state.display.requesting() if state.attempts.has_response else contextlib.nullcontext():
                    timeout_s = state.trust.timeout_s(state.transport.timeout_s)
                    with_cache = self._may_use_cache(request)
                    response = state.transport.get(request.fields, with_cache=with_cache, timeout_s=timeout_s)
        except NoResponse:
            if is_pips:
                state.attempts.pip_has_retried()
            raise
        except PipError as error:
            if request.is_ranged:
                raise RangeError(str(error)) from error
            raise
        finally:
            self._request_s = state.watch.lap(2 * state.transport.timeout_s) - begun_s
        return response

    def _may_use_cache(self, request: Request) -> bool:
        """Whether a request may use pip's cache: a plain one whose body is used, if no response so far was useful."""
        state = self._state
        may_be_right = state.wrong_cached is None and not state.attempts.has_useful_response
        return not request.fields and not state.trust.is_probing and may_be_right

    def _judge(self, request: Request, response: Response) -> Exchange:
        verdict = judge(request, response.head, self._state.copy.held, self._state.trust)
        self._state.display.judged(response.head, verdict)
        return Exchange(request, response, verdict)

    def _act(self, exchange: Exchange) -> Finished | None:
        """Do what a verdict says."""
        state, action, response = self._state, exchange.verdict.action, exchange.response
        state.attempts.host_answered(is_useful=action in (Action.APPEND, Action.VERIFY))
        if action is Action.WAIT:
            raise ServerBusy(response, retry_after_s(response.head, state.clock.now_s()))
        if action is Action.FAIL or (action is Action.ASK_PLAINLY and state.trust.is_spent):
            state.transport.reject(response)
        if action is Action.ASK_PLAINLY:
            state.was_range_refused |= exchange.verdict.row == RANGE_REFUSED
            state.ask_plainly(exchange.verdict.reason, is_ranged=exchange.request.is_ranged)
            state.trust = state.trust._replace(
                forgave_date=state.trust.forgave_date or exchange.verdict.row == DATE_DIFFERS
            )
            return None
        if state.trust.is_probing:
            state.trust = state.trust.after_probe(response.head.status, self._request_s)
            if not state.trust.is_range_tried_again:
                # Not the file: a portal, or an overloaded server. Wait as after any attempt that fails.
                raise ServerBusy(response, None)
            return None
        if action is Action.VERIFY:
            state.copy.copy_borrowed(exchange.verdict.complete_length)
            return verification.check(state, exchange)
        return self._receive(exchange)

    def _receive(self, exchange: Exchange) -> Finished | None:
        """Write the body of a response down, and see whether the file is complete then."""
        state, copy, verdict = self._state, self._state.copy, exchange.verdict
        offered = checkpoint_of(state, exchange)
        if exchange.head.from_cache:
            source = state.transport.cached_file(exchange.response)
            if source is not None and copy.take_file(source, offered):
                self._announce(exchange)
                return verification.after_body(state, exchange, copy.held.offset, 0)
        note_range(state, exchange)
        copy.prepare(exchange.head, verdict, offered)
        self._announce(exchange)
        cursor = Cursor(copy, verdict.first_pos, exchange.request.first_pos, offered)
        try:
            try:
                write_body(state, exchange, cursor)
            except ConnectionLost as lost:
                state.display.body_lost(str(lost), copy.held)
                return verification.after_lost_body(state, exchange, cursor.position, lost)
            return verification.after_body(state, exchange, cursor.position, cursor.gained)
        except WrongBytes as wrong:
            self._after_wrong_part(str(wrong))
            return None
        except ConnectionLost as lost:
            return self._after_lost_body(exchange, cursor, lost)

    def _after_lost_body(self, exchange: Exchange, cursor: Cursor, lost: ConnectionLost) -> Finished | None:
        """Hand the file over if nothing is missing, whatever ended the body. Raises ``lost`` if more is needed."""
        state = self._state
        if exchange.head.from_cache:
            return verification.wrong_file(state, exchange)
        is_file = not isinstance(lost, UselessBody)
        learning.lost_body(state, exchange, cursor, is_file=is_file)
        if not state.copy.held.offset or not verification.is_complete_after_all(state):
            raise lost
        # The fields of a page must not get into pip's cache with the file.
        is_part = is_file and cursor.gained > 0 and not cursor.is_different
        return verification.hand_over(state, exchange.response if is_part else None)

    def _announce(self, exchange: Exchange) -> None:
        """Write pip's line for a download, once."""
        state, verdict = self._state, exchange.verdict
        if not state.is_announced:
            state.is_announced = True
            # A body from 0 is only compared with what is held: nothing is resumed.
            offset = state.copy.held.offset if verdict.first_pos else 0
            state.display.starting(exchange.head, offset, verdict.complete_length)

    def _after_wrong_part(self, reason: str) -> None:
        """Drop the second partial, or else request the complete file: the part that was sent is of a different file."""
        if self._state.copy.has_beside:
            self._state.copy.drop_beside()
        else:
            self._state.is_tail_wrong = not self._state.copy.has_digest
            self._state.ask_plainly(reason, is_ranged=True)
            self._state.attempts.begin_at(0)

    def _after_loss(self, lost: ConnectionLost, *, was_ranged: bool) -> None:
        """Wait for the next attempt. Raises GaveUp, or PipError if pip has the better message."""
        state = self._state
        held = state.copy.held
        try:
            costs = Costs.A_BODY if state.plain.was_last else state.trust.costs
            if state.attempts.wait_after(lost, held, costs=costs):
                state.trust = state.trust.after_putting_off_plain()
        except GaveUp as gave_up:
            is_status = isinstance(lost, ServerBusy) and gave_up.report.retry_after_s is None
            if learning.plan_last_request(state, was_ranged=was_ranged, is_status=is_status):
                if is_status and not was_ranged:
                    # Plain pip would wait before its next request, too. After a range it would not have to.
                    state.attempts.wait_as_asked(lost, held)
                return
            if isinstance(lost, ServerBusy) and held.offset == 0:
                state.transport.reject(lost.response)
            is_pips = isinstance(lost, NoResponse) and (lost.is_for_pip or not state.attempts.has_response)
            if isinstance(lost, NoResponse) and lost.error is not None and is_pips:
                raise PipError(lost.error) from lost
            raise
