"""The one verb: download an artifact, with as few bytes as the server and the bytes we hold allow."""

from __future__ import annotations

import contextlib
import math
from typing import TYPE_CHECKING

from pip_resume.engine.attempts import Attempts
from pip_resume.engine.handover import Finished, Handover
from pip_resume.engine.local_copy import LocalCopy
from pip_resume.engine.reading import blocks
from pip_resume.errors import ConnectionLost, GaveUp, PartialBusy, PipError, ServerBusy, WrongBytes
from pip_resume.protocol.checkpoint import Checkpoint, kept_fields, kept_name, with_length
from pip_resume.protocol.messages import RangeRequest
from pip_resume.protocol.retry import PROGRESS_BYTES, TRICKLE_WINDOW_S
from pip_resume.protocol.verdicts import Action, Verdict, judge, plan_request, retry_after_s

if TYPE_CHECKING:
    from pathlib import Path

    from pip_resume.artifact import Artifact
    from pip_resume.engine.clock import Clock
    from pip_resume.engine.interfaces import Answer, Display, Transport
    from pip_resume.protocol.retry import Budget
    from pip_resume.storage.store import Store

_MOST_WRONG = 2
"""After so many wrong files the last one is given to pip, to judge it in its own words."""
_MOST_REFUSALS = 2
"""After so many answers to Range that cannot be used no more are asked for in this run."""


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

    ``store`` is None where nothing may be kept for the next run. Raises PipError for what is pip's or the server's to
    say, GaveUp when the budget is spent, OSError when even ``location`` cannot be written.
    """
    holding = LocalCopy(artifact, location, store, display)
    delivery = Handover(artifact, location, transport, holding, display)
    patience = Attempts(artifact.filename, budget, display, clock)
    run = _Run(artifact, transport, holding, delivery, display, patience, clock)
    try:
        while True:
            try:
                return run.obtain()
            except PartialBusy:
                holding.wait_for_other(clock)
                run.begin_again()
    except BaseException as error:
        # Of what was given up the final message tells.
        kept = holding.kept
        if isinstance(error, (KeyboardInterrupt, PipError)) and kept is not None:
            display.kept(kept.offset, kept.checkpoint.complete_length)
        holding.last_until_next_run()
        raise
    finally:
        holding.release()


class _Run:
    """One download within one run of pip."""

    def __init__(
        self,
        artifact: Artifact,
        transport: Transport,
        holding: LocalCopy,
        delivery: Handover,
        display: Display,
        patience: Attempts,
        clock: Clock,
    ) -> None:
        self._artifact = artifact
        self._transport = transport
        self._holding = holding
        self._delivery = delivery
        self._display = display
        self._patience = patience
        self._clock = clock
        self._has_asked = False
        self._asked = RangeRequest()
        self._began_at = 0
        self._has_told = False
        self._avoids_ranges = False
        self._refusals = 0
        self._wrong = 0

    def begin_again(self) -> None:
        """Forget that something was asked: pip's cache may have the file by now."""
        self._has_asked = False

    def obtain(self) -> Finished:
        """Look into pip's cache and into the store, then ask until the file is whole and right. Raises PartialBusy."""
        holding = self._holding
        if holding.may_find_earlier():
            finished = self._from_cache()
            if finished is not None:
                holding.forget_earlier()
                return finished
            holding.claim_earlier()
            self._patience.begin_at(holding.held.offset)
        while True:
            try:
                finished = self._verify(None) if holding.is_whole else self._attempt()
            except WrongBytes as wrong:
                self._wrong += 1
                self._start_over(str(wrong))
                continue
            except ConnectionLost as broken:
                finished = self._after_break(broken)
            if finished is not None:
                return finished

    def _from_cache(self) -> Finished | None:
        """Take a whole, right copy out of pip's cache: it wins, also over a partial."""
        answer = self._transport.cached()
        if answer is None:
            return None
        with contextlib.closing(answer):
            verdict = judge(RangeRequest(), answer.head, self._holding.held)
            finished = self._receive(answer, verdict) if verdict.action is Action.APPEND else None
        if finished is None:
            self._holding.drop()
        return finished

    def _attempt(self) -> Finished | None:
        """Send one request and do what its answer means; None when there is more to ask for."""
        held = self._holding.held
        asked = RangeRequest() if self._avoids_ranges else plan_request(held)
        with contextlib.closing(self._ask(asked)) as answer:
            verdict = judge(asked, answer.head, held)
            if verdict.action in (Action.APPEND, Action.REPLACE):
                return self._receive(answer, verdict)
            if verdict.action is Action.VERIFY:
                return self._verify(answer)
            if verdict.action is Action.WAIT:
                raise ServerBusy(answer, retry_after_s(answer.head, self._clock.now_s()))
            if verdict.action is Action.FAIL or self._wrong >= _MOST_WRONG:
                self._transport.reject(answer)
            self._avoid_ranges(verdict.reason)
            return None

    def _ask(self, asked: RangeRequest) -> Answer:
        # Only the very first request, and a plain one, is all pip's: "server unreachable" then reads as it always did.
        is_first, self._has_asked, self._asked = not self._has_asked, True, asked
        if is_first and not asked.fields:
            return self._transport.first()
        return self._transport.get(asked.fields)

    def _receive(self, answer: Answer, verdict: Verdict) -> Finished | None:
        """Write down the body of an answer, and see whether the file is whole then."""
        holding = self._holding
        if answer.head.from_cache:
            source = self._transport.cached_file(answer)
            if source is not None and holding.take_file(source):
                self._tell_start(answer, verdict)
                return self._at_end(answer, verdict, holding.held.offset)
        holding.prepare(answer.head, verdict, self._checkpoint_of(answer, verdict))
        self._tell_start(answer, verdict)
        self._began_at = holding.held.offset
        position = verdict.first_pos
        body = blocks(answer, verdict, self._clock, self._patience_with(verdict))
        bar = self._display.bar(body, answer.head, position, verdict.complete_length)
        try:
            for block in bar:
                holding.write(position, block, verdict)
                position += len(block)
        except ConnectionLost:
            if not answer.head.from_cache:
                raise
            return self._wrong_digest(answer)
        finally:
            # The bar ends before anything else is said, or the two would share a line.
            getattr(bar, "close", bool)()
        return self._at_end(answer, verdict, position)

    def _patience_with(self, verdict: Verdict) -> float:
        """How many seconds a line may trickle: for ever, unless a new one can go on where it is left."""
        held = self._holding.held
        can_ask = not self._avoids_ranges and plan_request(held._replace(offset=max(held.offset, 1), overlap=0)).fields
        gave_no_part = self._asked.fields and verdict.first_pos == 0
        return TRICKLE_WINDOW_S if can_ask and not gave_no_part else math.inf

    def _tell_start(self, answer: Answer, verdict: Verdict) -> None:
        if not self._has_told:
            self._has_told = True
            # A body from 0 is only compared with what is held: nothing is resumed.
            offset = self._holding.held.offset if verdict.first_pos else 0
            self._display.starting(answer.head, offset, verdict.complete_length)

    def _checkpoint_of(self, answer: Answer, verdict: Verdict) -> Checkpoint:
        """What an answer tells about the representation whose bytes follow."""
        fields = kept_fields(answer.head.fields)
        return Checkpoint(
            filename=kept_name(self._transport.filename(answer)),
            content_type=fields.get("content-type", ""),
            host=self._artifact.host,
            complete_length=verdict.complete_length,
            fields=fields,
            url_key=answer.head.url_key,
            created_s=self._clock.now_s(),
        )

    def _at_end(self, answer: Answer, verdict: Verdict, position: int) -> Finished | None:
        """Find out whether a body that has ended by itself makes the file whole."""
        holding, partial = self._holding, self._holding.partial
        if verdict.end is not None and position < verdict.end:
            if answer.head.from_cache:
                return self._wrong_digest(answer)
            raise ConnectionLost("closed early")
        length = self._length_at_end(answer, verdict, position)
        if length is not None and position < length:
            if partial.offset - self._began_at >= PROGRESS_BYTES:
                return None  # it gives no more than so much at a time: nothing was lost
            raise ConnectionLost("the server sent only a part")
        if length is not None and not partial.has_rival and partial.offset > length:
            # Too many bytes held, or the server sent too few: the digest tells, and only one of the two files stays.
            partial.start_rival(length, with_length(partial.checkpoint, length))
        if length is None and verdict.end is not None and not holding.reads_right():
            raise ConnectionLost("the server did not say how much there is")
        return self._verify(answer)

    def _length_at_end(self, answer: Answer, verdict: Verdict, position: int) -> int | None:
        """The complete-length as far as it is known now that a body has ended at ``position``."""
        length = verdict.complete_length
        if length is None and self._artifact.digest is None:
            length = self._holding.partial.checkpoint.complete_length
        if length is None and verdict.end is None and answer.head.is_chunked:
            length = position
        return length

    def _verify(self, answer: Answer | None) -> Finished | None:
        """Check the digest, where there is one, of a file that lacks nothing; None to go on after a wrong one."""
        holding = self._holding
        if answer is None:
            offset = holding.held.offset
            self._display.starting(None, offset, offset)
            holding.resumed_at = offset
        if self._artifact.digest is None or holding.reads_right():
            return self._delivery.hand_over(answer)
        if answer is not None and answer.head.is_cut_like_its_end and not holding.is_whole:
            raise ConnectionLost("closed early")
        return self._wrong_digest(answer)

    def _wrong_digest(self, answer: Answer | None) -> Finished | None:
        """Start over, once; the next wrong file is pip's to judge."""
        partial = self._holding.partial
        if answer is not None and answer.head.from_cache:
            # No server has sent it, and the cache is not asked again.
            self._transport.evict(answer)
            self._display.starting_over("pip's cache has a wrong copy")
            self._holding.drop()
            self._has_told = False
            return None
        self._wrong += 1
        if self._wrong >= _MOST_WRONG and (self._holding.is_from_zero or partial.has_rival):
            return self._delivery.hand_over_unproved(answer)
        elif partial.has_rival:
            self._display.starting_over("the server sent a wrong file")
            partial.drop_rival()
        else:
            self._start_over("it does not have the digest that the link promises")
        return None

    def _avoid_ranges(self, reason: str) -> None:
        """Ask for the whole file next. Where the digest is known what is held stays until it is overtaken."""
        if self._avoids_ranges:
            self._wrong += 1
        self._avoids_ranges = True
        self._refusals += 1
        self._display.starting_over(reason)
        if self._artifact.digest is None:
            self._holding.reset()

    def _start_over(self, reason: str) -> None:
        """Begin at 0, since the bytes held are wrong; so seldom that it cannot loop."""
        self._display.starting_over(reason)
        self._holding.reset()
        if self._wrong < _MOST_WRONG:
            self._patience.begin_at(0)
        else:
            self._avoids_ranges = True

    def _after_break(self, broken: ConnectionLost) -> Finished | None:
        """Wait for the next attempt. Raises GaveUp, or PipError where pip has the better words."""
        holding = self._holding
        held = holding.held
        if held.offset:
            holding.partial.drop_rival()
            if holding.is_whole:
                return None
            # A body without a length may have ended exactly where the file does, only without saying so.
            if held.checkpoint.complete_length is None and held.digest_known and holding.reads_right():
                return self._delivery.hand_over(None)
        try:
            kept = holding.kept
            self._patience.wait_after(broken, held, is_kept=kept is not None and kept.offset >= held.offset)
        except GaveUp:
            if isinstance(broken, ServerBusy) and held.offset == 0:
                self._transport.reject(broken.answer)
            raise
        if self._refusals < _MOST_REFUSALS and self._wrong < _MOST_WRONG:
            # It may have been one proxy on one bad day, and without Range every further break begins at 0.
            self._avoids_ranges = False
        return None
